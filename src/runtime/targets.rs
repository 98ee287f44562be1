//! What may stand for a tensor or a node in a run: handles, numbers and names.

use crate::error::{Error, Result};
use crate::graph::{Endpoint, Graph, NodeId, NodeRef, Output};
use crate::tensor::Tensor;

/// Something that names a tensor of a graph.
pub trait AsEndpoint {
    /// The tensor.
    ///
    /// # Errors
    /// `NotFound` or `InvalidArgument` when it is not of this graph.
    fn as_endpoint(&self, graph: &Graph) -> Result<Endpoint>;
}

impl AsEndpoint for Output<'_> {
    fn as_endpoint(&self, graph: &Graph) -> Result<Endpoint> {
        if !self.is_valid() {
            graph.check()?;
        }
        if !self.is_valid() || !self.graph().same(graph) {
            return Err(Error::invalid_argument(format!(
                "Tensor {} is not an element of this graph.",
                self.name()
            )));
        }
        Ok(self.endpoint())
    }
}
impl AsEndpoint for Endpoint {
    fn as_endpoint(&self, _: &Graph) -> Result<Endpoint> {
        Ok(*self)
    }
}
impl AsEndpoint for str {
    fn as_endpoint(&self, graph: &Graph) -> Result<Endpoint> {
        graph.output(self).map(Output::endpoint)
    }
}
impl AsEndpoint for String {
    fn as_endpoint(&self, graph: &Graph) -> Result<Endpoint> {
        self.as_str().as_endpoint(graph)
    }
}
impl<T: AsEndpoint + ?Sized> AsEndpoint for &T {
    fn as_endpoint(&self, graph: &Graph) -> Result<Endpoint> {
        (**self).as_endpoint(graph)
    }
}

/// Something that names a node of a graph.
pub trait AsNode {
    /// The node.
    ///
    /// # Errors
    /// `NotFound` or `InvalidArgument` when it is not of this graph.
    fn as_node(&self, graph: &Graph) -> Result<NodeId>;
}

impl AsNode for NodeRef<'_> {
    fn as_node(&self, graph: &Graph) -> Result<NodeId> {
        if !self.is_valid() {
            graph.check()?;
        }
        if !self.is_valid() || !self.graph().same(graph) {
            return Err(Error::invalid_argument(format!(
                "Operation {} is not an element of this graph.",
                self.name()
            )));
        }
        Ok(self.id())
    }
}
impl AsNode for Output<'_> {
    fn as_node(&self, graph: &Graph) -> Result<NodeId> {
        self.node().as_node(graph)
    }
}
impl AsNode for NodeId {
    fn as_node(&self, _: &Graph) -> Result<NodeId> {
        Ok(*self)
    }
}
impl AsNode for str {
    fn as_node(&self, graph: &Graph) -> Result<NodeId> {
        graph.find(self).map(NodeRef::id).ok_or_else(|| {
            Error::not_found(format!(
                "PruneForTargets: Some target nodes not found: {self} "
            ))
        })
    }
}
impl AsNode for String {
    fn as_node(&self, graph: &Graph) -> Result<NodeId> {
        self.as_str().as_node(graph)
    }
}
impl<T: AsNode + ?Sized> AsNode for &T {
    fn as_node(&self, graph: &Graph) -> Result<NodeId> {
        (**self).as_node(graph)
    }
}

/// Feeds: `()`, or pairs of a tensor and its value.
pub trait IntoFeeds {
    /// The pairs.
    ///
    /// # Errors
    /// When a tensor is not of this graph.
    fn into_feeds(self, graph: &Graph) -> Result<Vec<(Endpoint, Tensor)>>;
}

impl IntoFeeds for () {
    fn into_feeds(self, _: &Graph) -> Result<Vec<(Endpoint, Tensor)>> {
        Ok(Vec::new())
    }
}
fn pairs<A: AsEndpoint, T: Into<Tensor>>(
    list: impl IntoIterator<Item = (A, T)>,
    graph: &Graph,
) -> Result<Vec<(Endpoint, Tensor)>> {
    list.into_iter()
        .map(|(a, t)| Ok((a.as_endpoint(graph)?, t.into())))
        .collect()
}
impl<A: AsEndpoint, T: Into<Tensor>, const N: usize> IntoFeeds for [(A, T); N] {
    fn into_feeds(self, graph: &Graph) -> Result<Vec<(Endpoint, Tensor)>> {
        pairs(self, graph)
    }
}
impl<A: AsEndpoint, T: Into<Tensor>> IntoFeeds for Vec<(A, T)> {
    fn into_feeds(self, graph: &Graph) -> Result<Vec<(Endpoint, Tensor)>> {
        pairs(self, graph)
    }
}
impl<A: AsEndpoint> IntoFeeds for &[(A, Tensor)] {
    fn into_feeds(self, graph: &Graph) -> Result<Vec<(Endpoint, Tensor)>> {
        self.iter()
            .map(|(a, t)| Ok((a.as_endpoint(graph)?, t.clone())))
            .collect()
    }
}

/// Fetches: `()`, one tensor, or a list of them.
pub trait IntoFetches {
    /// The tensors.
    ///
    /// # Errors
    /// When one is not of this graph.
    fn into_fetches(self, graph: &Graph) -> Result<Vec<Endpoint>>;
}

impl IntoFetches for () {
    fn into_fetches(self, _: &Graph) -> Result<Vec<Endpoint>> {
        Ok(Vec::new())
    }
}
impl<A: AsEndpoint, const N: usize> IntoFetches for [A; N] {
    fn into_fetches(self, graph: &Graph) -> Result<Vec<Endpoint>> {
        self.iter().map(|a| a.as_endpoint(graph)).collect()
    }
}
impl<A: AsEndpoint> IntoFetches for &[A] {
    fn into_fetches(self, graph: &Graph) -> Result<Vec<Endpoint>> {
        self.iter().map(|a| a.as_endpoint(graph)).collect()
    }
}
impl<A: AsEndpoint> IntoFetches for Vec<A> {
    fn into_fetches(self, graph: &Graph) -> Result<Vec<Endpoint>> {
        self.iter().map(|a| a.as_endpoint(graph)).collect()
    }
}
impl IntoFetches for Output<'_> {
    fn into_fetches(self, graph: &Graph) -> Result<Vec<Endpoint>> {
        Ok(vec![self.as_endpoint(graph)?])
    }
}
impl IntoFetches for &str {
    fn into_fetches(self, graph: &Graph) -> Result<Vec<Endpoint>> {
        Ok(vec![self.as_endpoint(graph)?])
    }
}

/// Targets: `()`, one node, or a list of them.
pub trait IntoTargets {
    /// The nodes.
    ///
    /// # Errors
    /// When one is not of this graph.
    fn into_targets(self, graph: &Graph) -> Result<Vec<NodeId>>;
}

impl IntoTargets for () {
    fn into_targets(self, _: &Graph) -> Result<Vec<NodeId>> {
        Ok(Vec::new())
    }
}
impl<A: AsNode, const N: usize> IntoTargets for [A; N] {
    fn into_targets(self, graph: &Graph) -> Result<Vec<NodeId>> {
        self.iter().map(|a| a.as_node(graph)).collect()
    }
}
impl<A: AsNode> IntoTargets for &[A] {
    fn into_targets(self, graph: &Graph) -> Result<Vec<NodeId>> {
        self.iter().map(|a| a.as_node(graph)).collect()
    }
}
impl<A: AsNode> IntoTargets for Vec<A> {
    fn into_targets(self, graph: &Graph) -> Result<Vec<NodeId>> {
        self.iter().map(|a| a.as_node(graph)).collect()
    }
}
impl IntoTargets for NodeRef<'_> {
    fn into_targets(self, graph: &Graph) -> Result<Vec<NodeId>> {
        Ok(vec![self.as_node(graph)?])
    }
}
impl IntoTargets for Output<'_> {
    fn into_targets(self, graph: &Graph) -> Result<Vec<NodeId>> {
        Ok(vec![self.as_node(graph)?])
    }
}
impl IntoTargets for NodeId {
    fn into_targets(self, _: &Graph) -> Result<Vec<NodeId>> {
        Ok(vec![self])
    }
}
impl IntoTargets for &str {
    fn into_targets(self, graph: &Graph) -> Result<Vec<NodeId>> {
        Ok(vec![self.as_node(graph)?])
    }
}
