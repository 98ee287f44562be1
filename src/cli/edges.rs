//! The edges of a definition by name: who needs what.

use crate::def::{GraphDef, InputRef, NodeDef};
use crate::error::{Error, Result};
use std::collections::HashMap;

/// The nodes of a definition by name, each with the numbers of its inputs.
pub(super) struct Edges<'d> {
    index: HashMap<&'d str, usize>,
    /// For each node what it reads, and what it waits for.
    pub(super) inputs: Vec<Vec<Edge>>,
}

/// Where an input of a node comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Edge {
    pub(super) from: usize,
    /// The output; `None` for a control input.
    pub(super) port: Option<usize>,
}

impl<'d> Edges<'d> {
    /// # Errors
    /// `InvalidArgument` for a malformed input, or one from a node that is not there.
    pub(super) fn new(def: &'d GraphDef) -> Result<Edges<'d>> {
        let numbers = def.node.iter().enumerate();
        let index: HashMap<&str, usize> = numbers.map(|(i, n)| (n.name.as_str(), i)).collect();
        let of = |n: &NodeDef| -> Result<Vec<Edge>> {
            let each = n.input.iter().map(|text| {
                let (name, port) = match InputRef::parse(text)? {
                    InputRef::Data(name, port) => (name, Some(port)),
                    InputRef::Control(name) => (name, None),
                };
                let from = *index.get(name).ok_or_else(|| {
                    Error::invalid_argument(format!("Unknown input node '{text}'"))
                })?;
                Ok(Edge { from, port })
            });
            each.collect::<Result<_>>()
                .map_err(|e| e.at_node(&n.name, &n.op))
        };
        let inputs = def.node.iter().map(of).collect::<Result<_>>()?;
        Ok(Edges { index, inputs })
    }

    /// The number of the node of that name (`node`, `node:k` or `^node`).
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub(super) fn find(&self, name: &str) -> Result<usize> {
        let (InputRef::Data(node, _) | InputRef::Control(node)) = InputRef::parse(name)?;
        self.index.get(node).copied().ok_or_else(|| {
            Error::not_found(format!(
                "The name '{name}' refers to a node which does not exist in the graph."
            ))
        })
    }

    /// Which nodes these need, themselves included.
    pub(super) fn needed(&self, of: &[usize]) -> Vec<bool> {
        let mut needed = vec![false; self.inputs.len()];
        let mut stack = of.to_vec();
        while let Some(i) = stack.pop() {
            if !std::mem::replace(&mut needed[i], true) {
                stack.extend(self.inputs[i].iter().map(|e| e.from));
            }
        }
        needed
    }

    /// Which nodes something reads or waits for.
    pub(super) fn used(&self) -> Vec<bool> {
        let mut used = vec![false; self.inputs.len()];
        self.inputs
            .iter()
            .flatten()
            .for_each(|e| used[e.from] = true);
        used
    }
}

/// The part of a graph that these nodes need, in its order; the whole graph when none is named.
pub(super) fn part(def: &GraphDef, outputs: &[String]) -> Result<GraphDef> {
    if outputs.is_empty() {
        return Ok(def.clone());
    }
    let edges = Edges::new(def)?;
    let of = outputs
        .iter()
        .map(|o| edges.find(o))
        .collect::<Result<Vec<_>>>()?;
    let needed = edges.needed(&of);
    let kept = def.node.iter().zip(&needed).filter(|(_, k)| **k);
    Ok(GraphDef {
        node: kept.map(|(n, _)| n.clone()).collect(),
        versions: def.versions.clone(),
        kept: def.kept.clone(),
    })
}
