//! Helpers for tests of ops: one op on tensors, and graphs evaluated node by node.

use crate::def::AttrValue;
use crate::device::cpu::ThreadPool;
use crate::graph::{Endpoint, Node, NodeId, Output};
use crate::kernel::{Env, Value};
use crate::op::{ArgType, Attrs};
use crate::registry::Registry;
use crate::resource::Resources;
use crate::runtime::SingleOp;
use crate::tensor::Tensor;
use crate::{DType, Result};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

fn env() -> &'static Arc<Env> {
    static ENV: OnceLock<Arc<Env>> = OnceLock::new();
    ENV.get_or_init(|| {
        Arc::new(Env {
            pool: ThreadPool::new(2),
            resources: Resources::new(),
            device: "/job:localhost/replica:0/task:0/device:CPU:0".into(),
        })
    })
}

/// Attributes from pairs.
pub(crate) fn attrs(pairs: &[(&str, AttrValue)]) -> Attrs {
    Attrs(
        pairs
            .iter()
            .map(|(k, v)| (k.to_string(), v.clone()))
            .collect(),
    )
}

/// Runs an op on tensors, one list for each argument.
pub(crate) fn run_lists(
    op: &str,
    args: Vec<Vec<Tensor>>,
    pairs: &[(&str, AttrValue)],
) -> Result<Vec<Tensor>> {
    let types: Vec<Vec<DType>> = args
        .iter()
        .map(|a| a.iter().map(Tensor::dtype).collect())
        .collect();
    let single = SingleOp::new(&Registry::builtin(), env(), op, &types, attrs(pairs))?;
    let outputs = single.run(args.into_iter().flatten().map(Value::Tensor).collect())?;
    outputs.into_iter().map(tensor).collect()
}

/// Runs an op on tensors, one for each argument.
pub(crate) fn run(op: &str, args: &[Tensor], pairs: &[(&str, AttrValue)]) -> Result<Vec<Tensor>> {
    run_lists(op, args.iter().map(|t| vec![t.clone()]).collect(), pairs)
}

fn tensor(v: Value) -> Result<Tensor> {
    match v {
        Value::Tensor(t) => Ok(t),
        Value::Ref(v) => v.read(),
    }
}

/// The values of outputs, every node that they need run once, in the order in which they were added.
///
/// # Panics
/// When a value does not have the shape that the graph inferred.
pub(crate) fn eval(outputs: &[Output<'_>], feeds: &[(Output<'_>, Tensor)]) -> Result<Vec<Tensor>> {
    let Some(graph) = outputs.first().map(|o| o.graph()) else {
        return Ok(Vec::new());
    };
    graph.check()?;
    let nodes = graph.nodes();
    let mut values: HashMap<Endpoint, Tensor> = feeds
        .iter()
        .map(|(o, t)| (o.endpoint(), t.clone()))
        .collect();
    let mut needed: HashSet<NodeId> = outputs.iter().map(|o| o.endpoint().node).collect();
    let mut order: Vec<&Arc<Node>> = Vec::new();
    for n in nodes.iter().rev().filter(|n| !n.outputs.is_empty()) {
        let fed = values.contains_key(&Endpoint {
            node: n.id,
            port: 0,
        });
        if needed.contains(&n.id) && !fed {
            needed.extend(n.inputs.iter().map(|e| e.node));
            order.push(n);
        }
    }
    for n in order.into_iter().rev() {
        let inputs = n.inputs.iter().map(|e| values[e].clone()).collect();
        let made = run_node(n, inputs).map_err(|e| e.at_node(&n.name, &n.op.name))?;
        for (i, t) in made.into_iter().enumerate() {
            let known = &n.shapes[i];
            assert!(
                known.accepts(t.shape()),
                "{}:{i} has shape {} not {known}",
                n.name,
                t.shape()
            );
            let port = i as u32;
            values.insert(Endpoint { node: n.id, port }, t);
        }
    }
    Ok(outputs
        .iter()
        .map(|o| values[&o.endpoint()].clone())
        .collect())
}

fn run_node(n: &Node, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
    let mut types = n.input_types.iter().map(|t| t.base);
    let mut grouped = Vec::new();
    for arg in &n.op.inputs {
        let count = match (&arg.number, &arg.ty) {
            (Some(number), _) => n.attrs.int(number)? as usize,
            (None, ArgType::List(list)) => n.attrs.dtypes(list)?.len(),
            _ => 1,
        };
        grouped.push(types.by_ref().take(count).collect::<Vec<DType>>());
    }
    let own = n.attrs.0.iter().filter(|(k, _)| !k.starts_with('_'));
    let own = Attrs(own.map(|(k, v)| (k.clone(), v.clone())).collect());
    let op = SingleOp::new(&Registry::builtin(), env(), &n.op.name, &grouped, own)?;
    let outputs = op.run(inputs.into_iter().map(Value::Tensor).collect())?;
    outputs.into_iter().map(tensor).collect()
}
