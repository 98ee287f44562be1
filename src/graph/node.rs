//! Nodes and edges.

use super::context::ContextId;
use crate::def::TypeRef;
use crate::error::Error;
use crate::op::{Attrs, HandleData, OpSchema};
use crate::shape::PartialShape;
use petgraph::graph::NodeIndex;
use std::panic::Location;
use std::sync::Arc;

/// The number of a node in its graph, in the order of insertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u32);

impl NodeId {
    /// Stands for no node: what a failed builder call returns.
    pub(crate) const BROKEN: NodeId = NodeId(u32::MAX);

    /// The node of that number.
    pub fn new(index: usize) -> NodeId {
        NodeId(u32::try_from(index).unwrap_or(u32::MAX))
    }
    pub(crate) fn index(self) -> NodeIndex<u32> {
        NodeIndex::from(self.0)
    }
    /// The number.
    pub fn number(self) -> usize {
        self.0 as usize
    }
}

/// An output of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// The node.
    pub node: NodeId,
    /// Which of its outputs.
    pub port: u32,
}

/// An edge of the petgraph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    /// From output `port` of the source to input `input` of the target.
    Data { port: u32, input: u32 },
    /// The target runs after the source.
    Control,
}

/// A node of a graph.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its number.
    pub id: NodeId,
    /// Its unique name.
    pub name: String,
    /// Its op.
    pub op: Arc<OpSchema>,
    /// Its attributes, defaults filled in; names that begin with `_` are not part of the op.
    pub attrs: Attrs,
    /// Its data inputs.
    pub inputs: Vec<Endpoint>,
    /// The nodes that must have run before it.
    pub controls: Vec<NodeId>,
    /// The requested device, possibly partial or empty.
    pub device: String,
    /// The types of its inputs.
    pub input_types: Vec<TypeRef>,
    /// The types of its outputs.
    pub outputs: Vec<TypeRef>,
    /// The shapes of its outputs as far as known.
    pub shapes: Vec<PartialShape>,
    /// What is known of resources among its outputs.
    pub handles: Vec<HandleData>,
    /// The line of the program that made it.
    pub location: Option<&'static Location<'static>>,
    /// The loop or branch of a conditional in which it stands.
    pub(crate) context: Option<ContextId>,
    /// The control dependencies of the scope in which it was made, given to it or not.
    pub(crate) after: Vec<NodeId>,
}

impl Node {
    /// An error of this node, with the line that made it.
    pub(crate) fn located(&self, e: Error) -> Error {
        let e = e.at_node(&self.name, &self.op.name);
        match self.location {
            Some(line) => e.at_line(line),
            None => e,
        }
    }
    /// The name of an output, `node:k`.
    pub fn output_name(&self, port: u32) -> String {
        format!("{}:{port}", self.name)
    }
}
