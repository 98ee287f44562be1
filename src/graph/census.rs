//! What a graph consists of: nodes, learnable parameters, multiply-adds.

use super::{Graph, Node, NodeId, keys};
use crate::shape::Shape;
use std::sync::Arc;

/// Figures of a graph, or of the part that some nodes need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Nodes.
    pub nodes: usize,
    /// Multiplications with an addition in convolutions and matrix products of known shapes, for one run.
    pub multiply_adds: u64,
    /// Convolutions and matrix products whose shapes are not known, left out of the count.
    pub unknown: usize,
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
            match multiply_adds(n, &nodes) {
                Some(count) => census.multiply_adds = census.multiply_adds.saturating_add(count),
                None => census.unknown += 1,
            }
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

/// Those of one node; `None` when its shapes are not known.
fn multiply_adds(n: &Arc<Node>, nodes: &[Arc<Node>]) -> Option<u64> {
    let input = |i: usize| {
        let e = n.inputs.get(i)?;
        nodes
            .get(e.node.number())?
            .shapes
            .get(e.port as usize)?
            .to_shape()
    };
    let output = || n.shapes.first()?.to_shape();
    let product = |a: usize, b: usize| (a as u64).checked_mul(b as u64);
    // Each element of a convolution's result sums over one filter's cells; gradients take the same products.
    let cells = |filter: &Shape, axes: usize| filter.product(0..axes.min(filter.rank()));
    match n.op.name.as_str() {
        "Conv2D" => product(output()?.elements(), cells(&input(1)?, 3)),
        "Conv2DBackpropInput" => product(input(2)?.elements(), cells(&input(1)?, 3)),
        "Conv2DBackpropFilter" => product(input(2)?.elements(), cells(&output()?, 3)),
        "DepthwiseConv2dNative" => product(output()?.elements(), cells(&input(1)?, 2)),
        "DepthwiseConv2dNativeBackpropInput" => product(input(2)?.elements(), cells(&input(1)?, 2)),
        "DepthwiseConv2dNativeBackpropFilter" => {
            product(input(2)?.elements(), cells(&output()?, 2))
        }
        "MatMul" => {
            let inner = input(0)?.dim(usize::from(!n.attrs.bool("transpose_a").ok()?))?;
            product(output()?.elements(), inner)
        }
        "BatchMatMul" | "BatchMatMulV2" | "BatchMatMulV3" => {
            let a = input(0)?;
            let back = if n.attrs.bool("adj_x").ok()? { 2 } else { 1 };
            product(output()?.elements(), a.dim(a.rank().checked_sub(back)?)?)
        }
        _ => Some(0),
    }
}
