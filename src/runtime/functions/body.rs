//! The body of a function: a graph of its own, from which calls are copied.

use crate::def::{AttrValue, GRAPH_VERSION, GraphDef, NodeDef, VersionDef};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Endpoint, Function, Graph, ImportOptions, Node, NodeId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A function's body. The numbers of its nodes are its own.
pub(super) struct Body {
    /// What runs, in an order in which inputs come first.
    pub(super) nodes: Vec<Arc<Node>>,
    /// The nodes that stand for the arguments.
    pub(super) args: Vec<NodeId>,
    pub(super) arg_types: Vec<DType>,
    pub(super) rets: Vec<Endpoint>,
    pub(super) ret_types: Vec<DType>,
    /// What a caller's control edges wait for.
    pub(super) controls: Vec<NodeId>,
    /// What runs for its effects, whether or not its results are wanted.
    pub(super) effects: Vec<NodeId>,
}

/// The body of a function with these attributes.
///
/// # Errors
/// `InvalidArgument` for attributes that do not fit or inputs that do not exist, `NotFound` for an unknown op; the
/// node at fault is one of the body.
pub(super) fn instantiate(
    graph: &Graph,
    function: &Function,
    given: &BTreeMap<String, AttrValue>,
) -> Result<Body> {
    let parts = graph.function_body(function, given)?;
    let args = parts.args.iter().enumerate();
    let mut nodes: Vec<NodeDef> = args.map(|(i, (name, ty))| argument(name, i, *ty)).collect();
    nodes.extend(parts.nodes);
    let body = graph.sibling();
    let versions = VersionDef {
        producer: GRAPH_VERSION,
        ..VersionDef::default()
    };
    let whole = GraphDef {
        node: nodes,
        versions,
        ..GraphDef::default()
    };
    let options = ImportOptions {
        partial: true,
        ..ImportOptions::default()
    };
    body.import(&whole, &options)?;
    let id = |name: &str| body.find(name).map(|n| n.id());
    let args = parts.args.iter().filter_map(|(n, _)| id(n)).collect();
    let controls = parts.controls.iter().filter_map(|c| id(c)).collect();
    let nodes = body.nodes();
    let (mut rets, mut ret_types) = (Vec::new(), Vec::new());
    for (name, want) in &parts.rets {
        let e = body.output(name)?.endpoint();
        let got = nodes[e.node.number()].outputs[e.port as usize].base;
        if got != *want {
            return Err(Error::invalid_argument(format!(
                "a result declared as {want} has type {got}"
            )));
        }
        rets.push(e);
        ret_types.push(*want);
    }
    finish(
        &body,
        nodes,
        args,
        parts.args.iter().map(|(_, t)| *t).collect(),
        rets,
        ret_types,
        controls,
    )
}

/// Leaves only what a call needs: what leads to results, and what has effects.
fn finish(
    graph: &Graph,
    nodes: Vec<Arc<Node>>,
    args: Vec<NodeId>,
    arg_types: Vec<DType>,
    rets: Vec<Endpoint>,
    ret_types: Vec<DType>,
    controls: Vec<NodeId>,
) -> Result<Body> {
    let library = graph.library();
    let has_effect = |n: &Node| {
        n.op.flags.stateful && !matches!(n.op.name.as_str(), "_Arg" | "VarHandleOp" | "Placeholder")
    };
    let mut needed = vec![false; nodes.len()];
    let mut stack: Vec<NodeId> = rets.iter().map(|e| e.node).collect();
    stack.extend(&controls);
    let stateful: Vec<NodeId> = nodes
        .iter()
        .filter(|n| has_effect(n))
        .map(|n| n.id)
        .collect();
    stack.extend(&stateful);
    while let Some(id) = stack.pop() {
        if !std::mem::replace(&mut needed[id.number()], true) {
            let n = &nodes[id.number()];
            stack.extend(n.inputs.iter().map(|e| e.node));
            stack.extend(&n.controls);
        }
    }
    // A call within has effects through what it calls.
    let effects = stateful
        .into_iter()
        .chain(controls.iter().copied())
        .filter(|id| !super::is_call(&library, graph, &nodes[id.number()]))
        .collect();
    Ok(Body {
        nodes: nodes
            .into_iter()
            .filter(|n| needed[n.id.number()])
            .collect(),
        args,
        arg_types,
        rets,
        ret_types,
        controls,
        effects,
    })
}

fn argument(name: &str, index: usize, ty: DType) -> NodeDef {
    let attr = [
        ("T", AttrValue::Type(ty)),
        ("index", AttrValue::Int(index as i64)),
    ];
    NodeDef {
        name: name.to_string(),
        op: "_Arg".into(),
        attr: attr.into_iter().map(|(k, v)| (k.to_string(), v)).collect(),
        ..NodeDef::default()
    }
}
