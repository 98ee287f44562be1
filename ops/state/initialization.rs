//! Nodes that give variables their first values, and the global step.

use super::make::VariableOptions;
use super::variable::Variable;
use crate::dtype::DType;
use crate::graph::{Graph, NodeRef, Output, Scope, VariableInfo, keys};
use crate::shape::Shape;
use crate::tensor::Tensor;

impl<'g> Scope<'g> {
    /// One node that runs after all of these; nodes on several devices are gathered by one NoOp on each first, as
    /// TensorFlow's `group` does. Named by [`Scope::named`] or `group_deps`.
    #[track_caller]
    pub fn group_by_device<N: Into<NodeRef<'g>>>(
        self,
        nodes: impl IntoIterator<Item = N>,
    ) -> NodeRef<'g> {
        let mut by_device: Vec<(String, Vec<NodeRef<'g>>)> = Vec::new();
        for n in nodes {
            let n: NodeRef<'g> = n.into();
            let device = n.node().map(|n| n.device.clone()).unwrap_or_default();
            match by_device.iter_mut().find(|(d, _)| *d == device) {
                Some((_, list)) => list.push(n),
                None => by_device.push((device, vec![n])),
            }
        }
        by_device.sort_by(|a, b| a.0.cmp(&b.0));
        let on = |s: Scope<'g>, device: &str| match device {
            "" => s,
            device => s.device(device),
        };
        if by_device.len() <= 1 {
            let (device, list) = by_device.pop().unwrap_or_default();
            let name = self.op_name().unwrap_or_else(|| "group_deps".to_string());
            return on(self, &device).named(&name).group(list);
        }
        let inner = self.composite("group_deps");
        let parts: Vec<NodeRef<'g>> = by_device
            .into_iter()
            .map(|(device, list)| on(inner, &device).group(list))
            .collect();
        let name = format!("{}/", inner.name());
        self.named(&name).group(parts)
    }

    /// The names of variables that have no value yet, as a string vector; empty when all have one.
    #[track_caller]
    pub fn report_uninitialized_variables(self, variables: &[VariableInfo]) -> Output<'g> {
        let s = self.composite("report_uninitialized_variables");
        if variables.is_empty() {
            return s
                .device("/cpu:0")
                .zeros([0usize], DType::String)
                .in_scope(self.unnamed());
        }
        let known: Vec<Output<'g>> = variables
            .iter()
            .map(|v| {
                let v = Variable::of(s, v);
                v.is_initialized()
            })
            .collect();
        let s = s.device("/cpu:0");
        let known = s.op("Pack").default_name("stack").list(known).out();
        let missing = s.op("LogicalNot").input(known).out();
        let names: Vec<String> = variables.iter().map(|v| v.name.clone()).collect();
        let names = s.constant(Tensor::from(names));
        let inner = s.scope("boolean_mask");
        let places = inner.op("Where").input(missing).out();
        let places = inner
            .op("Squeeze")
            .input(places)
            .attr("squeeze_dims", [1i64])
            .out();
        let gather = inner.op("GatherV2").input(names).input(places);
        gather.input(0i32).out().in_scope(self.unnamed())
    }
}

impl Graph {
    /// A node that initializes these variables.
    #[track_caller]
    pub fn initializer_of(&self, variables: &[VariableInfo], name: &str) -> NodeRef<'_> {
        let nodes: Vec<NodeRef<'_>> = variables
            .iter()
            .map(|v| self.node_at(v.initializer))
            .collect();
        self.root().named(name).group_by_device(nodes)
    }
    /// A node that initializes all global variables made so far (TensorFlow's `global_variables_initializer`,
    /// named `init`).
    #[track_caller]
    pub fn init_op(&self) -> NodeRef<'_> {
        self.initializer_of(&self.collection_variables(keys::GLOBAL_VARIABLES), "init")
    }
    /// A node that initializes all local variables made so far (TensorFlow's `local_variables_initializer`).
    #[track_caller]
    pub fn local_init_op(&self) -> NodeRef<'_> {
        self.initializer_of(&self.collection_variables(keys::LOCAL_VARIABLES), "init")
    }
    /// The global step, when there is one: the one in its collection, or an integer scalar variable `global_step`.
    pub fn global_step(&self) -> Option<Variable<'_>> {
        let listed = self
            .collection_variables(keys::GLOBAL_STEP)
            .into_iter()
            .next();
        let named = || {
            let global = self.collection_variables(keys::GLOBAL_VARIABLES);
            global
                .into_iter()
                .find(|v| v.name == "global_step" && v.dtype.is_integer())
        };
        listed.or_else(named).map(|v| Variable::of(self.root(), &v))
    }
    /// The global step, an int64 scalar variable that training counts up; made when there is none.
    #[track_caller]
    pub fn get_or_create_global_step(&self) -> Variable<'_> {
        if let Some(v) = self.global_step() {
            return v;
        }
        let mut options = VariableOptions::not_trainable().dtype(DType::I64);
        options.collections.push(keys::GLOBAL_STEP.into());
        let s = self.root();
        s.get_variable_with(
            "global_step",
            Shape::scalar(),
            super::init::zeros(),
            &options,
        )
    }
}
