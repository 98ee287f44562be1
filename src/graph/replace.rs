//! Another op for a node that stays what it is to others.

use super::build::infer_shapes;
use super::node::Edge;
use super::{Endpoint, Graph, NodeId, Output};
use crate::error::{Error, Result};
use crate::op::{Attrs, infer_attrs, signature};
use petgraph::Direction;

impl Graph {
    /// Makes another op of a node, which keeps its name, its number and its outputs, so that handles to it stay good. What is
    /// known of its outputs' shapes stays known.
    ///
    /// # Errors
    /// `InvalidArgument` when the op does not take these inputs, or gives other outputs.
    pub(crate) fn replace_op(
        &self,
        id: NodeId,
        op: &str,
        inputs: &[Output<'_>],
        controls: &[NodeId],
    ) -> Result<()> {
        let schema = self.schema(op);
        let schema = schema.ok_or_else(|| Error::internal(format!("there is no op {op}")))?;
        let types = match schema.inputs.len() {
            0 => Vec::new(),
            _ => vec![inputs.iter().map(|o| o.dtype()).collect()],
        };
        let mut attrs = Attrs::default();
        infer_attrs(&schema, &types, &mut attrs)?;
        let signature = signature(&schema, &attrs)?;
        let inputs: Vec<Endpoint> = inputs.iter().map(|o| o.endpoint()).collect();
        let mut guard = self.state();
        let state = &mut *guard;
        let outputs = signature.outputs.len();
        let (shapes, handles) = infer_shapes(state, &schema, &attrs, &inputs, outputs)?;
        let node = state.node_mut(id);
        let node = node.ok_or_else(|| Error::internal("there is no such node"))?;
        if node.outputs != signature.outputs {
            return Err(Error::invalid_argument(format!(
                "{} gives other outputs than {op}",
                node.name
            )));
        }
        for (known, new) in node.shapes.iter_mut().zip(&shapes) {
            *known = known.merge(new)?;
        }
        node.op = schema;
        node.attrs = attrs;
        node.input_types = signature.inputs;
        node.inputs.clone_from(&inputs);
        node.controls = controls.to_vec();
        node.handles = handles;
        while let Some(old) = state.nodes.first_edge(id.index(), Direction::Incoming) {
            state.nodes.remove_edge(old);
        }
        for (i, e) in inputs.iter().enumerate() {
            let edge = Edge::Data {
                port: e.port,
                input: i as u32,
            };
            state.nodes.add_edge(e.node.index(), id.index(), edge);
        }
        for c in controls {
            let edge = Edge::Control;
            state.nodes.add_edge(c.index(), id.index(), edge);
        }
        state.changes += 1;
        Ok(())
    }
}
