//! The registry: each op's definition, gradient and kernels in one entry, found by the op's name.

use crate::error::{Error, Result};
use crate::grad::{Grad, Gradient, GradientOptions, gradients};
use crate::graph::{Graph, Output, Scope};
use crate::kernel::KernelDef;
use crate::op::{OpDef, OpLookup, OpSchema};
use std::any::Any;
use std::collections::HashMap;
use std::panic::Location;
use std::sync::Arc;

/// Everything about an op. There is no optional field: a forgotten part does not compile.
#[derive(Clone, Copy)]
pub struct OpEntry {
    /// Signature, attributes, flags, shape function.
    pub def: OpDef,
    /// How it is differentiated.
    pub grad: Grad,
    /// What computes it.
    pub kernels: &'static [KernelDef],
}

/// The ops that graphs are made of.
#[derive(Clone, Default)]
pub struct Registry {
    entries: HashMap<String, (Arc<OpSchema>, OpEntry)>,
}

impl Registry {
    /// A registry of these ops.
    ///
    /// # Errors
    /// `InvalidArgument` for a malformed definition, `AlreadyExists` for a name that comes twice.
    pub fn new(ops: &[&OpEntry]) -> Result<Registry> {
        ops.iter().try_fold(Registry::default(), |r, op| r.with(op))
    }
    /// The registry with one more op.
    ///
    /// # Errors
    /// As [`Registry::new`].
    pub fn with(mut self, op: &OpEntry) -> Result<Registry> {
        let schema = OpSchema::parse(&op.def)?;
        if self.entries.contains_key(&schema.name) {
            return Err(Error::already_exists(format!(
                "Op {} is registered twice",
                schema.name
            )));
        }
        self.entries
            .insert(schema.name.clone(), (Arc::new(schema), *op));
        Ok(self)
    }
    /// The entry of an op.
    pub fn entry(&self, op: &str) -> Option<&OpEntry> {
        self.entries.get(op).map(|(_, e)| e)
    }
    /// All ops, sorted by name.
    pub fn ops(&self) -> Vec<(&Arc<OpSchema>, &OpEntry)> {
        let mut all: Vec<_> = self.entries.values().map(|(s, e)| (s, e)).collect();
        all.sort_by(|a, b| a.0.name.cmp(&b.0.name));
        all
    }
    /// The registry that a graph was made with.
    pub fn of(graph: &Graph) -> Option<&Registry> {
        graph.ops().as_any().downcast_ref()
    }
}

impl OpLookup for Registry {
    fn schema(&self, op: &str) -> Option<&Arc<OpSchema>> {
        self.entries.get(op).map(|(s, _)| s)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Graph {
    /// The gradients of the sum of `ys` with respect to each of `xs` (see [`crate::grad::gradients`]).
    ///
    /// # Errors
    /// `NotFound` when an op on the way has no gradient; the graph's first mistake.
    #[track_caller]
    pub fn gradients<'g>(
        &'g self,
        ys: &[Output<'g>],
        xs: &[Output<'g>],
    ) -> Result<Vec<Option<Gradient<'g>>>> {
        self.root().gradients(ys, xs, &GradientOptions::default())
    }
}

impl<'g> Scope<'g> {
    /// As [`Graph::gradients`], built in this scope, with options.
    ///
    /// # Errors
    /// As [`Graph::gradients`].
    #[track_caller]
    pub fn gradients(
        self,
        ys: &[Output<'g>],
        xs: &[Output<'g>],
        options: &GradientOptions<'g>,
    ) -> Result<Vec<Option<Gradient<'g>>>> {
        let registry = Registry::of(self.graph());
        let lookup = |op: &str| registry.and_then(|r| r.entry(op)).map(|e| e.grad);
        gradients(self, &lookup, ys, xs, options, Location::caller())
    }
}
