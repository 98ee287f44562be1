//! Pruning: the nodes that a run needs, given what is fed, fetched and targeted.

use crate::error::{Error, Result};
use crate::graph::{Endpoint, Graph, Node, NodeId};
use std::collections::HashSet;
use std::sync::Arc;

/// What a compiled run takes and gives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RunSignature {
    /// Outputs whose values are given instead of computed.
    pub feeds: Vec<Endpoint>,
    /// Outputs whose values are wanted.
    pub fetches: Vec<Endpoint>,
    /// Nodes to run for their effects.
    pub targets: Vec<NodeId>,
}

impl RunSignature {
    /// Checks it against a graph.
    ///
    /// # Errors
    /// `InvalidArgument` when nothing is asked for, a feed comes twice or may not be fed, or an output does not exist.
    pub(super) fn check(&self, graph: &Graph, nodes: &[Arc<Node>]) -> Result<()> {
        if self.fetches.is_empty() && self.targets.is_empty() {
            return Err(Error::invalid_argument(
                "Must specify at least one target to fetch or execute.",
            ));
        }
        for (what, list) in [("FeedInputs", &self.feeds), ("FetchOutputs", &self.fetches)] {
            for e in list {
                let node = nodes.get(e.node.number()).ok_or_else(|| {
                    Error::not_found(format!("{what}: the tensor does not exist in the graph"))
                })?;
                if e.port as usize >= node.outputs.len() {
                    return Err(Error::invalid_argument(format!(
                        "{what} {}: output index too large, must be < {}",
                        node.output_name(e.port),
                        node.outputs.len()
                    )));
                }
            }
        }
        let mut seen = HashSet::new();
        for e in &self.feeds {
            let node = &nodes[e.node.number()];
            if !seen.insert(*e) {
                return Err(Error::invalid_argument(format!(
                    "Endpoint \"{}\" fed more than once.",
                    node.output_name(e.port)
                )));
            }
            if !graph.is_feedable(e.node) {
                return Err(Error::invalid_argument(format!(
                    "Tensor {} may not be fed.",
                    node.output_name(e.port)
                )));
            }
        }
        if self.targets.iter().any(|t| t.number() >= nodes.len()) {
            return Err(Error::not_found(
                "PruneForTargets: Some target nodes not found",
            ));
        }
        Ok(())
    }
}

/// The nodes that must run, in the order of the graph. A fed output cuts the data edges that leave it;
/// control edges of its node remain, unless the node is a placeholder.
pub(super) fn prune(nodes: &[Arc<Node>], signature: &RunSignature) -> Vec<Arc<Node>> {
    let fed: HashSet<Endpoint> = signature.feeds.iter().copied().collect();
    let fed_placeholder = |id: NodeId| {
        matches!(
            nodes[id.number()].op.name.as_str(),
            "Placeholder" | "PlaceholderV2"
        ) && fed.contains(&Endpoint { node: id, port: 0 })
    };
    let mut needed = vec![false; nodes.len()];
    let mut stack: Vec<NodeId> = signature.targets.clone();
    stack.extend(
        signature
            .fetches
            .iter()
            .filter(|e| !fed.contains(e))
            .map(|e| e.node),
    );
    stack.retain(|id| !fed_placeholder(*id));
    while let Some(id) = stack.pop() {
        if std::mem::replace(&mut needed[id.number()], true) {
            continue;
        }
        let n = &nodes[id.number()];
        stack.extend(n.inputs.iter().filter(|e| !fed.contains(e)).map(|e| e.node));
        stack.extend(n.controls.iter().copied().filter(|c| !fed_placeholder(*c)));
    }
    nodes
        .iter()
        .filter(|n| needed[n.id.number()])
        .cloned()
        .collect()
}
