//! Graphs: nodes and edges on petgraph, the builder's first error, names, collections.

mod build;
mod census;
mod collections;
mod constant;
pub(crate) mod context;
mod device_function;
mod export;
mod function_body;
mod handles;
mod import;
mod library;
mod names;
mod node;
mod replace;
mod scope;

pub use build::OpBuilder;
pub use census::Census;
pub use collections::{Item, QueueRunnerInfo, VariableInfo, keys};
pub use context::Surroundings;
pub use handles::{NodeRef, Operand, Output};
pub use import::{ImportOptions, Imported, ImportedElement};
pub use library::Function;
pub(crate) use library::Library;
pub use node::{Endpoint, Node, NodeId};
pub use scope::{Reuse, Scope};

use crate::def::{GRAPH_VERSION, VersionDef};
use crate::error::{Error, Result};
use crate::op::OpLookup;
use crate::shape::PartialShape;
use node::Edge;
use parking_lot::{Mutex, MutexGuard};
use petgraph::graph::DiGraph;
use scope::ScopeData;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A dataflow graph under construction.
///
/// It is a builder: methods that add nodes return handles, never errors; the first mistake is kept, with node,
/// op and the caller's line, and comes out at [`Graph::check`] (and so at gradients, export and sessions).
/// What follows from a broken output adds nothing. Clones are views of the same graph.
#[derive(Clone)]
pub struct Graph {
    ops: Arc<dyn OpLookup>,
    state: Arc<Mutex<State>>,
}

/// Everything that a graph holds.
pub(crate) struct State {
    pub(crate) nodes: DiGraph<Arc<Node>, Edge>,
    pub(crate) by_name: HashMap<String, NodeId>,
    pub(crate) library: Arc<library::Library>,
    /// Those of the graphs that were imported, and of this crate.
    pub(crate) versions: VersionDef,
    pub(crate) names: names::Names,
    pub(crate) scopes: Vec<ScopeData>,
    pub(crate) contexts: Vec<context::Context>,
    pub(crate) loop_gradients: Vec<context::LoopGradient>,
    pub(crate) collections: BTreeMap<String, Vec<Item>>,
    pub(crate) variables: HashMap<String, VariableInfo>,
    pub(crate) error: Option<Error>,
    pub(crate) seed: Option<i64>,
    pub(crate) seeds_given: i64,
    pub(crate) unfeedable: std::collections::HashSet<NodeId>,
    pub(crate) changes: u64,
    /// Those of its changes that changed nodes that were there.
    pub(crate) edits: u64,
}

impl Graph {
    /// An empty graph over these op definitions.
    pub fn with_ops(ops: Arc<dyn OpLookup>) -> Graph {
        let state = State {
            nodes: DiGraph::new(),
            by_name: HashMap::new(),
            library: Arc::default(),
            versions: VersionDef {
                producer: GRAPH_VERSION,
                ..VersionDef::default()
            },
            names: names::Names::default(),
            scopes: vec![ScopeData::default()],
            contexts: Vec::new(),
            loop_gradients: Vec::new(),
            collections: BTreeMap::new(),
            variables: HashMap::new(),
            error: None,
            seed: None,
            seeds_given: 0,
            unfeedable: Default::default(),
            changes: 0,
            edits: 0,
        };
        Graph {
            ops,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// The op definitions.
    pub fn ops(&self) -> &Arc<dyn OpLookup> {
        &self.ops
    }
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
    /// Whether both are views of one graph.
    pub fn same(&self, other: &Graph) -> bool {
        Arc::ptr_eq(&self.state, &other.state)
    }

    /// The scope without a name, in which everything else is opened.
    pub fn root(&self) -> Scope<'_> {
        Scope::new(self, 0)
    }
    /// Opens a name scope (see [`Scope::scope`]).
    pub fn scope(&self, name: &str) -> Scope<'_> {
        self.root().scope(name)
    }
    /// The root scope on a device (see [`Scope::device`]).
    pub fn device(&self, device: &str) -> Scope<'_> {
        self.root().device(device)
    }

    /// The first mistake made while building.
    ///
    /// # Errors
    /// That mistake, with node, op and source line.
    pub fn check(&self) -> Result<()> {
        match &self.state().error {
            Some(e) => Err(e.clone()),
            None => Ok(()),
        }
    }
    /// Records a mistake; only the first one is kept.
    pub fn fail(&self, error: Error) {
        let mut s = self.state();
        if s.error.is_none() {
            s.error = Some(error);
        }
    }

    /// The number of nodes.
    pub fn len(&self) -> usize {
        self.state().nodes.node_count()
    }
    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// A count that grows with every change of the graph.
    pub fn version(&self) -> u64 {
        self.state().changes
    }
    /// A count that grows whenever a node that was there comes to mean something else.
    pub(crate) fn edits(&self) -> u64 {
        self.state().edits
    }
    /// All nodes, in the order in which they were added.
    pub fn nodes(&self) -> Vec<Arc<Node>> {
        self.state().nodes.node_weights().cloned().collect()
    }
    /// The node of that number.
    pub fn node(&self, id: NodeId) -> Option<Arc<Node>> {
        self.state().node(id).cloned()
    }
    /// The node of that name.
    pub fn find(&self, name: &str) -> Option<NodeRef<'_>> {
        let id = *self.state().by_name.get(name)?;
        Some(NodeRef::new(self.root(), id))
    }
    /// The output of that name, `op:k` (`op` alone is output 0).
    ///
    /// # Errors
    /// `NotFound` for an unknown node, `InvalidArgument` for an output that it does not have.
    pub fn output(&self, name: &str) -> Result<Output<'_>> {
        let (node, port) = match crate::def::InputRef::parse(name)? {
            crate::def::InputRef::Data(node, port) => (node, port),
            crate::def::InputRef::Control(_) => {
                return Err(Error::invalid_argument(format!(
                    "{name} is not the name of a tensor"
                )));
            }
        };
        let found = self.find(node).ok_or_else(|| {
            Error::not_found(format!(
                "The name '{name}' refers to a Tensor which does not exist. The operation, '{node}', does not exist in the graph."
            ))
        })?;
        let outputs = found.node().map_or(0, |n| n.outputs.len());
        if port >= outputs {
            return Err(Error::invalid_argument(format!(
                "{node}:{port}: output index too large, must be < {outputs}"
            )));
        }
        Ok(found.output(port))
    }

    /// Sets the graph-level seed, from which ops without a seed of their own derive theirs.
    pub fn set_seed(&self, seed: i64) {
        self.state().seed = Some(seed);
    }
    /// The pair (`seed`, `seed2`) for a random op with that op-level seed, by TensorFlow's rules.
    pub fn seeds(&self, op_seed: Option<i64>) -> (i64, i64) {
        const DEFAULT_GRAPH_SEED: i64 = 87654321;
        const MODULUS: i64 = i32::MAX as i64;
        let mut s = self.state();
        let pair = match (s.seed, op_seed) {
            (None, None) => return (0, 0),
            (None, Some(o)) => (DEFAULT_GRAPH_SEED, o),
            (Some(g), Some(o)) => (g, o),
            (Some(g), None) => {
                s.seeds_given += 1;
                (g, s.seeds_given - 1)
            }
        };
        let pair = (pair.0.rem_euclid(MODULUS), pair.1.rem_euclid(MODULUS));
        if pair == (0, 0) { (0, MODULUS) } else { pair }
    }

    /// Forbids feeding the outputs of a node.
    pub fn prevent_feeding(&self, node: NodeRef<'_>) {
        self.state().unfeedable.insert(node.id());
    }
    /// Whether outputs of the node may be fed.
    pub fn is_feedable(&self, id: NodeId) -> bool {
        !self.state().unfeedable.contains(&id)
    }

    /// Adds a control edge: `node` runs after `before`.
    pub fn add_control(&self, node: NodeId, before: NodeId) {
        let mut s = self.state();
        let Some(n) = s.node_mut(node) else { return };
        if !n.controls.contains(&before) {
            n.controls.push(before);
            s.nodes
                .add_edge(before.index(), node.index(), Edge::Control);
            s.changes += 1;
            s.edits += 1;
        }
    }
    /// Replaces a data input (of a Merge that closes a loop, say).
    ///
    /// # Errors
    /// `InvalidArgument` when there is no such input, or the types differ.
    pub fn set_input(&self, node: NodeId, index: usize, from: Output<'_>) -> Result<()> {
        let mut s = self.state();
        let from = from.endpoint();
        let got = s
            .node(from.node)
            .and_then(|n| n.outputs.get(from.port as usize))
            .copied();
        let current = s.node(node).and_then(|n| n.inputs.get(index)).copied();
        let (Some(got), Some(current)) = (got, current) else {
            return Err(Error::invalid_argument(format!(
                "there is no input {index} to replace"
            )));
        };
        let expected = s
            .node(current.node)
            .and_then(|n| n.outputs.get(current.port as usize))
            .copied();
        if expected.is_some_and(|e| e.base != got.base) {
            return Err(Error::invalid_argument(format!(
                "the new input has type {}",
                got.base
            )));
        }
        let old = s
            .nodes
            .edges_connecting(current.node.index(), node.index())
            .find(|e| matches!(e.weight(), Edge::Data { input, .. } if *input as usize == index))
            .map(|e| petgraph::visit::EdgeRef::id(&e));
        if let Some(old) = old {
            s.nodes.remove_edge(old);
        }
        if let Some(n) = s.node_mut(node) {
            n.inputs[index] = from;
        }
        s.nodes.add_edge(
            from.node.index(),
            node.index(),
            Edge::Data {
                port: from.port,
                input: index as u32,
            },
        );
        s.changes += 1;
        s.edits += 1;
        Ok(())
    }
    /// Sets an attribute that is not part of the op (its name begins with `_`).
    pub fn set_attr(&self, node: NodeId, name: &str, value: crate::def::AttrValue) {
        let mut s = self.state();
        if let Some(n) = s.node_mut(node).filter(|_| name.starts_with('_')) {
            n.attrs.0.insert(name.to_string(), value);
            s.changes += 1;
            s.edits += 1;
        }
    }
    /// Refines the static shape of an output by what the caller knows.
    pub fn set_shape(&self, output: Output<'_>, shape: impl Into<PartialShape>) {
        let e = output.endpoint();
        let mut s = self.state();
        let known = s.shape(e);
        match known.merge(&shape.into()) {
            Ok(merged) => {
                if let Some(n) = s.node_mut(e.node) {
                    n.shapes[e.port as usize] = merged;
                }
            }
            Err(error) => {
                let place = s.node(e.node).map(|n| (n.name.clone(), n.op.name.clone()));
                if let (None, Some((name, op))) = (&s.error, place) {
                    s.error = Some(error.at_node(name, op));
                }
            }
        }
    }
}

impl State {
    pub(crate) fn node(&self, id: NodeId) -> Option<&Arc<Node>> {
        self.nodes.node_weight(id.index())
    }
    pub(crate) fn node_mut(&mut self, id: NodeId) -> Option<&mut Node> {
        self.nodes.node_weight_mut(id.index()).map(Arc::make_mut)
    }
    pub(crate) fn shape(&self, e: Endpoint) -> PartialShape {
        self.node(e.node)
            .and_then(|n| n.shapes.get(e.port as usize))
            .cloned()
            .unwrap_or_default()
    }
    /// Adds a node whose name is unique already.
    pub(crate) fn insert(&mut self, mut node: Node) -> NodeId {
        let id = NodeId::new(self.nodes.node_count());
        node.id = id;
        let (inputs, controls) = (node.inputs.clone(), node.controls.clone());
        self.by_name.insert(node.name.clone(), id);
        self.nodes.add_node(Arc::new(node));
        for (i, e) in inputs.iter().enumerate() {
            // A loop's back edge is not there yet; `set_input` adds it.
            if e.node.index().index() < self.nodes.node_count() {
                self.nodes.add_edge(
                    e.node.index(),
                    id.index(),
                    Edge::Data {
                        port: e.port,
                        input: i as u32,
                    },
                );
            }
        }
        for c in controls {
            self.nodes.add_edge(c.index(), id.index(), Edge::Control);
        }
        self.changes += 1;
        id
    }
}
