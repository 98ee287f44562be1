//! What a graph consists of: nodes, learnable parameters, multiply-adds.

use super::{Graph, Node, NodeId, keys};
use std::sync::Arc;

/// Figures of a graph, or of the part that some nodes need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Nodes.
    pub nodes: usize,
    /// Multiplications with an addition in convolutions and matrix products of known shapes, for one run.
    pub multiply_adds: u64,
}

impl Graph {
    /// The figures of what these nodes need, data and control edges followed.
    pub fn census(&self, of: &[NodeId]) -> Census {
        let nodes = self.nodes();
        let mut seen = vec![false; nodes.len()];
        let mut stack: Vec<NodeId> = of
            .iter()
            .copied()
            .filter(|id| id.number() < nodes.len())
            .collect();
        let mut census = Census::default();
        while let Some(id) = stack.pop() {
            if std::mem::replace(&mut seen[id.number()], true) {
                continue;
            }
            let n = &nodes[id.number()];
            census.nodes += 1;
            census.multiply_adds = census
                .multiply_adds
                .saturating_add(multiply_adds(n, &nodes).unwrap_or(0));
            stack.extend(
                n.inputs
                    .iter()
                    .map(|e| e.node)
                    .chain(n.controls.iter().copied()),
            );
        }
        census
    }

    /// The number of elements of all trainable variables (of known shapes).
    pub fn learnable_parameters(&self) -> usize {
        let variables = self.collection_variables(keys::TRAINABLE_VARIABLES);
        variables.iter().filter_map(|v| v.shape.elements()).sum()
    }
}

fn multiply_adds(n: &Arc<Node>, nodes: &[Arc<Node>]) -> Option<u64> {
    let shape = |i: usize| {
        let e = n.inputs.get(i)?;
        nodes
            .get(e.node.number())?
            .shapes
            .get(e.port as usize)?
            .to_shape()
    };
    let product = |a: usize, b: usize| (a as u64).checked_mul(b as u64);
    match n.op.name.as_str() {
        "Conv2D" => {
            // Each output element sums over one filter's cells.
            let (filter, out) = (shape(1)?, n.shapes.first()?.to_shape()?);
            product(out.elements(), filter.product(0..3.min(filter.rank())))
        }
        "MatMul" => {
            let (a, out) = (shape(0)?, n.shapes.first()?.to_shape()?);
            let inner = a.dim(usize::from(!n.attrs.bool("transpose_a").ok()?))?;
            product(out.elements(), inner)
        }
        _ => None,
    }
}
