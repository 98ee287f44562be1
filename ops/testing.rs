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
            gpu: None,
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

/// A call that must be refused: the row of the table of known bad inputs, the op, its arguments, attributes, and
/// (part of) the message.
pub(crate) struct Bad {
    pub(crate) row: u32,
    pub(crate) op: &'static str,
    pub(crate) args: Vec<Vec<Tensor>>,
    pub(crate) attrs: Vec<(&'static str, AttrValue)>,
    pub(crate) message: &'static str,
}

impl Bad {
    /// One tensor for each argument.
    pub(crate) fn new(row: u32, op: &'static str, args: &[Tensor], message: &'static str) -> Bad {
        let args = args.iter().map(|t| vec![t.clone()]).collect();
        let attrs = Vec::new();
        Bad {
            row,
            op,
            args,
            attrs,
            message,
        }
    }
    pub(crate) fn attr(mut self, name: &'static str, value: impl Into<AttrValue>) -> Bad {
        self.attrs.push((name, value.into()));
        self
    }
    /// Another list of tensors as the next argument.
    pub(crate) fn list(mut self, tensors: &[Tensor]) -> Bad {
        self.args.push(tensors.to_vec());
        self
    }
}

/// Runs calls that must be refused: with the code InvalidArgument (ResourceExhausted where the message says OOM)
/// and the message, and never a panic.
///
/// # Panics
/// When one is not.
pub(crate) fn refuse(calls: Vec<Bad>) {
    for bad in calls {
        let place = format!("row {}: {} {:?}", bad.row, bad.op, bad.args);
        let e = match run_lists(bad.op, bad.args, &bad.attrs) {
            Ok(out) => panic!("{place} gave {out:?}"),
            Err(e) => e,
        };
        let code = if bad.message.starts_with("OOM") {
            crate::Code::ResourceExhausted
        } else {
            crate::Code::InvalidArgument
        };
        assert_eq!(e.code(), code, "{place}: {e}");
        assert!(
            e.message().contains(bad.message),
            "{place}: {}",
            e.message()
        );
    }
}

/// Compares the gradient of Σ w·f(x), for some weights w, with central differences. `f` takes and gives doubles.
///
/// # Panics
/// When they differ by more than 1e-6, absolutely or relative to 1.
pub(crate) fn check_gradient(
    x: Tensor,
    f: &dyn for<'g> Fn(crate::graph::Output<'g>) -> crate::graph::Output<'g>,
) {
    let graph = crate::graph::Graph::new();
    let input = graph.placeholder("x", DType::F64, crate::shape::PartialShape::from(x.shape()));
    let y = f(input);
    let value = |x: &Tensor| eval(&[y], &[(input, x.clone())]).unwrap().remove(0);
    let weights = |n: usize| {
        (0..n)
            .map(|i| 0.5 + (i as f64 * 0.7).sin())
            .collect::<Vec<f64>>()
    };
    let y0 = value(&x);
    let w = weights(y0.elements());
    let seed = Tensor::from_slice(y0.shape(), &w).unwrap();
    let options = crate::grad::GradientOptions {
        grad_ys: vec![Some(graph.root().constant(seed))],
        ..Default::default()
    };
    let got = graph.root().gradients(&[y], &[input], &options).unwrap()[0];
    let got = got.expect("a gradient").dense(graph.root());
    let got = eval(&[got], &[(input, x.clone())]).unwrap().remove(0);
    assert_eq!(got.shape(), x.shape());
    const STEP: f64 = 1e-5;
    for i in 0..x.elements() {
        let moved = |by: f64| {
            let mut x = x.clone();
            x.make_mut::<f64>().unwrap()[i] += by;
            let y = value(&x);
            y.data::<f64>()
                .unwrap()
                .iter()
                .zip(&w)
                .map(|(y, w)| y * w)
                .sum::<f64>()
        };
        let expected = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
        let got = got.data::<f64>().unwrap()[i];
        assert!(
            (got - expected).abs() < 1e-6 * (1.0 + expected.abs()),
            "element {i}: {got}, by differences {expected}"
        );
    }
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
