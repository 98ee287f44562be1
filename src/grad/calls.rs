//! Calls of functions between xs and ys: their nodes take their place before the walk begins.

use super::{Grad, InlineFn};
use crate::error::{Error, Result};
use crate::graph::{Graph, Node, NodeId, NodeRef, Output, Scope};
use std::collections::HashMap;
use std::panic::Location;
use std::sync::Arc;

/// Calls within calls are followed so deep.
const MAX_DEPTH: usize = 100;

/// The op whose way to be inlined is that of a node whose op is a function's name.
const PLAIN_CALL: &str = "PartitionedCall";

/// Inlines the calls that lead from xs to ys, then those that came with them.
///
/// # Errors
/// What is wrong with a function, at the call's node; `InvalidArgument` for calls within too many others.
pub(super) fn inline_calls<'g>(
    scope: Scope<'g>,
    lookup: &dyn Fn(&str) -> Option<Grad>,
    ys: &[Output<'g>],
    xs: &[Output<'g>],
    location: &'static Location<'static>,
) -> Result<()> {
    let graph = scope.graph();
    for _ in 0..MAX_DEPTH {
        let nodes = graph.nodes();
        let is_call = |n: &&Arc<Node>| inliner(graph, lookup, n).is_some();
        if !nodes.iter().any(|n| is_call(&n)) {
            return Ok(());
        }
        let calls: Vec<&Arc<Node>> = between(&nodes, ys, xs).filter(is_call).collect();
        if calls.is_empty() {
            return Ok(());
        }
        for n in calls {
            let Some(inline) = inliner(graph, lookup, n) else {
                continue;
            };
            inline(NodeRef::new(scope, n.id)).map_err(|e| {
                let e = match e.node() {
                    Some(_) => e.within(&n.name),
                    None => e.at_node(&n.name, &n.op.name),
                };
                e.at_line(n.location.unwrap_or(location))
            })?;
            graph.check()?;
        }
    }
    Err(Error::invalid_argument(format!(
        "Functions call functions more than {MAX_DEPTH} deep"
    ))
    .at_line(location))
}

fn inliner(graph: &Graph, lookup: &dyn Fn(&str) -> Option<Grad>, n: &Node) -> Option<InlineFn> {
    let op = n.op.name.as_str();
    let grad = match lookup(op) {
        None if graph.function(op).is_some() => lookup(PLAIN_CALL),
        known => known,
    };
    match grad {
        Some(Grad::Inline(f)) => Some(f),
        _ => None,
    }
}

/// The nodes that xs lead to and that lead to ys.
fn between<'a>(
    nodes: &'a [Arc<Node>],
    ys: &[Output<'_>],
    xs: &[Output<'_>],
) -> impl Iterator<Item = &'a Arc<Node>> {
    let mut users: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
    for n in nodes {
        for e in &n.inputs {
            users.entry(e.node).or_default().push(n.id);
        }
    }
    let ids = |outputs: &[Output<'_>]| outputs.iter().map(|o| o.endpoint().node).collect();
    let after = closure(nodes.len(), ids(xs), |id| {
        users.get(&id).into_iter().flatten().copied()
    });
    let before = closure(nodes.len(), ids(ys), |id| {
        nodes[id.number()].inputs.iter().map(|e| e.node)
    });
    let both = move |n: &&Arc<Node>| after[n.id.number()] && before[n.id.number()];
    nodes.iter().filter(both)
}

/// Which nodes steps from the first ones reach.
fn closure<I: Iterator<Item = NodeId>>(
    nodes: usize,
    first: Vec<NodeId>,
    steps: impl Fn(NodeId) -> I,
) -> Vec<bool> {
    let (mut reached, mut stack) = (vec![false; nodes], first);
    while let Some(id) = stack.pop() {
        if !std::mem::replace(&mut reached[id.number()], true) {
            stack.extend(steps(id));
        }
    }
    reached
}
