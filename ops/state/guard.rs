//! Initial values that depend on other variables: read safely, while those may have no value yet.

use super::variable::Variable;
use crate::graph::{Endpoint, Graph, Node, NodeId, Output, Scope, VariableInfo, keys};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The same value, computed from the initialized values of the variables that it depends on: what lies in between
/// is built again under names that end in `_<name>`, as TensorFlow does. Loops are left as they are.
pub(super) fn guarded<'g>(s: Scope<'g>, name: &str, value: Output<'g>) -> Output<'g> {
    let graph = s.graph();
    let nodes = graph.nodes();
    let Some(order) = inputs_first(&nodes, value.node().id()) else {
        return value;
    };
    let mut copies: HashMap<NodeId, NodeId> = HashMap::new();
    for id in order {
        let Some(node) = nodes.get(id.number()) else {
            continue;
        };
        let made = match node.op.name.as_str() {
            "IsVariableInitialized" | "VarIsInitializedOp" | "ReadVariableOp" => None,
            "Variable" | "VariableV2" | "VarHandleOp" => {
                variable(graph, id).map(|v| Variable::of(s, &v).initialized_value())
            }
            _ => copy(s, node, &copies, name),
        };
        if let Some(made) = made.filter(|m| m.is_valid()) {
            copies.insert(id, made.node().id());
        }
    }
    match copies.get(&value.node().id()) {
        Some(id) => s.output_at(Endpoint {
            node: *id,
            ..value.endpoint()
        }),
        None => value,
    }
}

/// The nodes that a node depends on, each after its inputs; `None` when there is a loop among them.
fn inputs_first(nodes: &[Arc<Node>], last: NodeId) -> Option<Vec<NodeId>> {
    let (mut order, mut done, mut open) = (Vec::new(), HashSet::new(), HashSet::new());
    let mut stack = vec![(last, false)];
    while let Some((id, inputs_done)) = stack.pop() {
        if inputs_done {
            open.remove(&id);
            if done.insert(id) {
                order.push(id);
            }
            continue;
        }
        if done.contains(&id) {
            continue;
        }
        if !open.insert(id) {
            return None;
        }
        stack.push((id, true));
        // What stands behind these is not looked at.
        let node = nodes.get(id.number())?;
        if matches!(
            node.op.name.as_str(),
            "IsVariableInitialized" | "VarIsInitializedOp" | "ReadVariableOp"
        ) {
            continue;
        }
        for e in node.inputs.iter().rev() {
            if open.contains(&e.node) {
                return None;
            }
            stack.push((e.node, false));
        }
    }
    Some(order)
}

/// The variable behind a node.
fn variable(graph: &Graph, handle: NodeId) -> Option<VariableInfo> {
    let lists = [keys::GLOBAL_VARIABLES, keys::LOCAL_VARIABLES];
    lists
        .iter()
        .flat_map(|list| graph.collection_variables(list))
        .find(|v| v.handle.node == handle)
}

/// The node with copies in place of its inputs, when one of them has a copy.
fn copy<'g>(
    s: Scope<'g>,
    node: &Node,
    copies: &HashMap<NodeId, NodeId>,
    name: &str,
) -> Option<Output<'g>> {
    if !node.inputs.iter().any(|e| copies.contains_key(&e.node)) {
        return None;
    }
    let mut inputs = node.inputs.iter().map(|e| {
        s.output_at(Endpoint {
            node: copies.get(&e.node).copied().unwrap_or(e.node),
            ..*e
        })
    });
    // The initialized value is a tensor, not a reference.
    let op = match node.op.name.as_str() {
        "RefSwitch" => "Switch",
        other => other,
    };
    let schema = s.graph().ops().schema(op)?;
    let at = s.scope("");
    let mut builder = at.op(&schema.name).name(format!("{}_{name}", node.name));
    for arg in &schema.inputs {
        let count = match (&arg.number, &arg.ty) {
            (Some(n), _) => usize::try_from(node.attrs.int(n).ok()?).ok()?,
            (None, crate::op::ArgType::List(l)) => node.attrs.dtypes(l).ok()?.len(),
            (None, _) => 1,
        };
        builder = builder.list(inputs.by_ref().take(count).collect::<Vec<_>>());
    }
    for (key, value) in &node.attrs.0 {
        builder = builder.attr(key, value.clone());
    }
    Some(builder.finish().output(0))
}
