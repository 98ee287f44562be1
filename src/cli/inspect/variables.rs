//! The variables of a graph, and which of them are learned.

use super::facts::ShapeFact;
use crate::cli::edges::Edges;
use crate::cli::graph_file::GraphFile;
use crate::cli::output::dtype_name;
use crate::def::{AttrValue, GraphDef, NodeDef};
use crate::proto;
use crate::shape::PartialShape;
use prost::Message;
use serde::Serialize;
use std::collections::HashSet;

#[derive(Serialize)]
pub(super) struct VariableFact {
    pub(super) name: String,
    pub(super) op: String,
    pub(super) dtype: Option<&'static str>,
    pub(super) shape: ShapeFact,
    /// The number of elements, when the shape is known.
    pub(super) elements: Option<usize>,
    pub(super) learnable: bool,
}

#[derive(Serialize)]
pub(super) struct Learnable {
    /// Elements of learnable variables of known shape.
    pub(super) parameters: usize,
    /// How it was found out which they are.
    pub(super) by: &'static str,
}

/// Whether a node is a variable.
pub(in crate::cli) fn is_variable(n: &NodeDef) -> bool {
    matches!(
        n.op.as_str(),
        "Variable" | "VariableV2" | "VarHandleOp" | "AutoReloadVariable"
    )
}

/// The variables in the order of the graph.
pub(super) fn variables(file: &GraphFile) -> (Vec<VariableFact>, Learnable) {
    let def = file.graph();
    let (learnable, by) = learnable(file);
    let all: Vec<VariableFact> = def
        .node
        .iter()
        .filter(|n| is_variable(n))
        .map(|n| {
            let dtype = match n.attr.get("dtype") {
                Some(AttrValue::Type(d)) => Some(*d),
                _ => None,
            };
            let shape = match n.attr.get("shape") {
                Some(AttrValue::Shape(s)) => s.clone(),
                _ => PartialShape::unknown(),
            };
            VariableFact {
                name: n.name.clone(),
                op: n.op.clone(),
                dtype: dtype.map(dtype_name),
                shape: (&shape).into(),
                elements: shape.elements(),
                learnable: match &learnable {
                    Some(names) => names.contains(n.name.as_str()),
                    None => dtype.is_some_and(|d| d.is_floating()),
                },
            }
        })
        .collect();
    let learned = all.iter().filter(|v| v.learnable);
    let parameters = learned
        .filter_map(|v| v.elements)
        .fold(0, usize::saturating_add);
    (all, Learnable { parameters, by })
}

/// The names of the learnable variables, when the file says or the graph shows which they are.
fn learnable(file: &GraphFile) -> (Option<HashSet<String>>, &'static str) {
    let meta = &file.meta.meta;
    if let Some(c) = meta.collection_def.get("trainable_variables") {
        return (Some(collected(c)), "the collection trainable_variables");
    }
    let objects = meta.object_graph_def.iter().flat_map(|g| &g.nodes);
    let saved: Vec<_> = objects
        .filter_map(|o| match &o.kind {
            Some(proto::saved_object::Kind::Variable(v)) => Some(v),
            _ => None,
        })
        .collect();
    if !saved.is_empty() {
        let trained = saved.iter().filter(|v| v.trainable);
        return (
            Some(trained.map(|v| v.name.clone()).collect()),
            "the saved objects",
        );
    }
    let updated = updated(file.graph());
    match updated.is_empty() {
        true => (None, "their floating types"),
        false => (Some(updated), "the optimizers that update them"),
    }
}

/// The nodes of the variables in a collection.
fn collected(c: &proto::CollectionDef) -> HashSet<String> {
    use proto::collection_def::Kind;
    let node = |tensor: &str| tensor.split(':').next().unwrap_or_default().to_string();
    match &c.kind {
        Some(Kind::BytesList(l)) => l
            .value
            .iter()
            .filter_map(|b| proto::VariableDef::decode(b.as_slice()).ok())
            .map(|v| node(&v.variable_name))
            .collect(),
        Some(Kind::NodeList(l)) => l.value.iter().map(|n| node(n)).collect(),
        _ => HashSet::new(),
    }
}

/// The variables that are the first input of an optimizer's op.
fn updated(def: &GraphDef) -> HashSet<String> {
    let Ok(edges) = Edges::new(def) else {
        return HashSet::new();
    };
    let applies = |op: &str| {
        let op = op.strip_prefix("Resource").unwrap_or(op);
        op.starts_with("Apply") || op.starts_with("SparseApply")
    };
    let mut found = HashSet::new();
    for (i, n) in def.node.iter().enumerate().filter(|(_, n)| applies(&n.op)) {
        // The way from the variable to its user goes through nodes that only pass it on.
        let mut at = i;
        for _ in 0..def.node.len() {
            match edges.inputs[at].first() {
                Some(e) if e.port.is_some() => at = e.from,
                _ => break,
            }
            let passes = matches!(
                def.node[at].op.as_str(),
                "Identity" | "RefIdentity" | "Enter" | "RefEnter" | "Switch" | "RefSwitch"
            );
            if !passes {
                break;
            }
        }
        if at != i && is_variable(&def.node[at]) && !n.name.is_empty() {
            found.insert(def.node[at].name.clone());
        }
    }
    found
}
