//! A graph as a GraphDef.

use super::{Graph, Node};
use crate::def::{AttrValue, GraphDef, NodeDef};
use crate::error::Result;
use std::sync::Arc;

impl Graph {
    /// The graph as data, nodes in the order in which they were added. Control inputs are sorted by name, as
    /// TensorFlow writes them.
    ///
    /// # Errors
    /// The first mistake made while building.
    pub fn export(&self) -> Result<GraphDef> {
        self.export_with(false)
    }
    /// As [`Graph::export`], with the attribute `_output_shapes` on every node (for TensorBoard).
    ///
    /// # Errors
    /// The first mistake made while building.
    pub fn export_with_shapes(&self) -> Result<GraphDef> {
        self.export_with(true)
    }

    fn export_with(&self, shapes: bool) -> Result<GraphDef> {
        self.check()?;
        let nodes = self.nodes();
        let name = |i: usize| nodes.get(i).map_or("", |n: &Arc<Node>| n.name.as_str());
        let node = nodes
            .iter()
            .map(|n| {
                let mut input: Vec<String> = n
                    .inputs
                    .iter()
                    .map(|e| match e.port {
                        0 => name(e.node.number()).to_string(),
                        p => format!("{}:{p}", name(e.node.number())),
                    })
                    .collect();
                let mut controls: Vec<String> = n
                    .controls
                    .iter()
                    .map(|c| format!("^{}", name(c.number())))
                    .collect();
                controls.sort();
                input.extend(controls);
                let mut attr = n.attrs.0.clone();
                if shapes {
                    let list = match n.shapes.is_empty() {
                        true => AttrValue::EmptyList,
                        false => AttrValue::ShapeList(n.shapes.clone()),
                    };
                    attr.insert("_output_shapes".into(), list);
                }
                NodeDef {
                    name: n.name.clone(),
                    op: n.op.name.clone(),
                    input,
                    device: n.device.clone(),
                    attr,
                    ..NodeDef::default()
                }
            })
            .collect();
        let versions = self.state().versions.clone();
        let mut def = GraphDef {
            node,
            versions,
            ..GraphDef::default()
        };
        let library = self.state().library.export();
        if !(library.functions.is_empty() && library.others.is_empty()) {
            def.set_library(&library)?;
        }
        Ok(def)
    }
}
