//! Device functions: where nodes stand, decided node by node while the graph is built.

use super::scope::ScopeData;
use super::{Graph, Node, NodeId, Scope};
use crate::device::DeviceSpec;
use crate::error::Result;
use std::sync::Arc;

/// The functions that place the nodes of a scope, and what was asked for around each.
#[derive(Clone, Default)]
pub(crate) struct DeviceFunctions(Vec<(DeviceFunction, String)>);

type DeviceFunction = Arc<dyn Fn(&Node) -> String + Send + Sync>;

impl<'g> Scope<'g> {
    /// Places each node made inside on the device that the function gives for it, by a full or partial name; the empty
    /// name means none. (TensorFlow's `tf.device` with a function.)
    ///
    /// The function sees the node as it is made, with the device that scopes further inside ask for; its answer replaces that
    /// one. Parts that it does not name come from the scopes around. What is colocated with another node is not asked for.
    /// Imported nodes are asked for too.
    ///
    /// ```
    /// use tensorloom::Graph;
    /// let g = Graph::new();
    /// let s = g.device("/job:worker").device_fn(|node| match node.op.name.as_str() {
    ///     "Const" => "/cpu:0".to_string(),
    ///     _ => "/gpu:1".to_string(),
    /// });
    /// let x = s.constant(2.0f32);
    /// let y = s.identity(x);
    /// let device = |o: tensorloom::Output<'_>| o.node().node().unwrap().device.clone();
    /// assert_eq!(device(x), "/job:worker/device:CPU:0");
    /// assert_eq!(device(y), "/job:worker/device:GPU:1");
    /// ```
    ///
    /// # Errors
    /// A malformed name is an error of the node, and comes out at [`Graph::check`].
    pub fn device_fn(self, device: impl Fn(&Node) -> String + Send + Sync + 'static) -> Scope<'g> {
        self.derive(|d| {
            let outer = std::mem::take(&mut d.device);
            d.device_functions.0.push((Arc::new(device), outer));
            d.variable_devices.clear();
        })
    }
}

impl ScopeData {
    /// No device is asked for.
    pub(crate) fn clear_device(&mut self) {
        self.device.clear();
        self.device_functions.0.clear();
        self.variable_devices.clear();
    }
}

/// Asks the functions of a scope where new nodes stand. The graph is not locked while a function runs, so that it may look
/// at it.
///
/// # Errors
/// `InvalidArgument` for a malformed name, at its node.
pub(super) fn place(graph: &Graph, scope: &ScopeData, nodes: &[NodeId]) -> Result<()> {
    if scope.device_functions.0.is_empty() {
        return Ok(());
    }
    for id in nodes {
        let Some(mut node) = graph.node(*id) else {
            continue;
        };
        for (function, outer) in scope.device_functions.0.iter().rev() {
            let told = function(&node);
            let at_node = |e: crate::Error| e.at_node(&node.name, &node.op.name);
            let spec = DeviceSpec::parse_request(&told).map_err(at_node)?;
            let outer = DeviceSpec::parse(outer).map_err(at_node)?;
            Arc::make_mut(&mut node).device = spec.over(&outer).to_string();
        }
        if let Some(n) = graph.state().node_mut(*id) {
            n.device.clone_from(&node.device);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::ImportOptions;
    use crate::prelude::*;

    fn device(g: &Graph, name: &str) -> String {
        g.find(name).unwrap().node().unwrap().device.clone()
    }

    /// Expectations are what TensorFlow 2.19.1 gives for the same scopes.
    #[test]
    fn functions_and_names_nest_as_in_tensorflow() {
        let g = Graph::new();
        let task = g.device("/task:3");
        let by_op = task.device_fn(|n| match n.op.name.as_str() {
            "Identity" => "/job:a/gpu:0".into(),
            _ => n.device.clone(),
        });
        let x = by_op.named("x").constant(1.0f32);
        by_op.named("y").identity(x);
        by_op.device("/cpu:1").named("inner").constant(1.0f32);
        by_op.device("/cpu:1").named("replaced").identity(x);
        by_op.device("").named("none").identity(x);
        by_op
            .device_fn(|_| "/job:b".into())
            .named("two")
            .constant(2.0f32);
        let found = ["x", "y", "inner", "replaced", "none", "two"].map(|n| device(&g, n));
        let expected = [
            "/task:3",
            "/job:a/task:3/device:GPU:0",
            "/task:3/device:CPU:1",
            "/job:a/task:3/device:GPU:0",
            "",
            "/job:b/task:3",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn variables_and_what_changes_them_stay_together() {
        let g = Graph::new();
        let s = g.root().device_fn(|n| match n.op.name.as_str() {
            "VariableV2" => "/cpu:2".into(),
            _ => "/cpu:1".into(),
        });
        let v = s.get_variable("v", [2], init::zeros());
        v.assign_add(s.constant([1.0f32, 1.0]));
        for n in ["v", "v/Assign", "v/read", "AssignAdd"] {
            assert_eq!(device(&g, n), "/device:CPU:2", "{n}");
        }
        assert_eq!(device(&g, "Const"), "/device:CPU:1");
    }

    #[test]
    fn imported_nodes_are_asked_for() {
        let from = Graph::new();
        let x = from.device("/cpu:3").named("x").constant(1.0f32);
        from.root().named("y").identity(x);
        from.root().colocate_with(x).named("z").identity(x);
        let def = from.export().unwrap();
        let g = Graph::new();
        let s = g.device("/job:w").device_fn(|n| match n.device.as_str() {
            "" => "/cpu:1".into(),
            _ => n.device.clone(),
        });
        s.import(&def, &ImportOptions::default()).unwrap();
        let found = ["x", "y", "z"].map(|n| device(&g, n));
        assert_eq!(
            found,
            [
                "/job:w/device:CPU:3",
                "/job:w/device:CPU:1",
                "/job:w/device:CPU:3"
            ]
        );
    }

    #[test]
    fn a_malformed_answer_is_the_nodes_error() {
        let g = Graph::new();
        let s = g.root().device_fn(|_| "/nowhere:at:all".into());
        s.named("x").constant(1.0f32);
        let e = g.check().unwrap_err();
        assert_eq!(e.node(), Some("x"));
        assert!(e.location().is_some());
    }
}
