//! Symbolic gradients: the walk from the ys back to the xs, as TensorFlow's `gradients()` does it.

mod calls;
mod control;
mod loops;
mod slices;
mod walk;

pub use slices::IndexedSlices;
pub use walk::{GradientOptions, gradients};

use crate::error::Result;
use crate::graph::{NodeRef, Output, Scope};
use crate::op::Attrs;
use std::panic::Location;

/// A gradient: a tensor, or only some rows of one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Gradient<'g> {
    /// All elements.
    Dense(Output<'g>),
    /// Some rows; the others are zero.
    Slices(IndexedSlices<'g>),
}

impl<'g> From<Output<'g>> for Gradient<'g> {
    fn from(o: Output<'g>) -> Gradient<'g> {
        Gradient::Dense(o)
    }
}

impl<'g> Gradient<'g> {
    /// The gradient as a tensor (rows are scattered into zeros).
    pub fn dense(self, scope: Scope<'g>) -> Output<'g> {
        match self {
            Gradient::Dense(o) => o,
            Gradient::Slices(s) => s.dense(scope),
        }
    }
}

/// The gradients of an op's inputs, one for each data input; `None` where none flows.
pub type InputGradients<'g> = Vec<Option<Gradient<'g>>>;

/// Builds the gradient nodes of an op.
pub type GradFn = for<'g> fn(&GradCtx<'g>) -> Result<InputGradients<'g>>;

/// Puts what a call of functions does in its place: see [`Grad::Inline`].
pub type InlineFn = for<'g> fn(NodeRef<'g>) -> Result<()>;

/// How an op is differentiated. Every op says it; none is forgotten.
#[derive(Clone, Copy)]
pub enum Grad {
    /// By this function.
    Fn(GradFn),
    /// Through the functions that it calls: their nodes are put into the graph, the node then only passes the results on,
    /// and the gradient is that of those nodes. What the call computes stays the same, and is still computed once.
    Inline(InlineFn),
    /// Its outputs do not depend smoothly on its inputs: the gradient stops here.
    NotDifferentiable,
    /// It has a gradient that is not implemented: asking for it is an error.
    Missing,
}

/// What a gradient function sees.
pub struct GradCtx<'g> {
    /// Where to build: a name scope `<op>_grad`.
    pub scope: Scope<'g>,
    /// The scope of the whole walk (`gradients`), for what TensorFlow builds there.
    pub outer: Scope<'g>,
    /// The node whose gradient is asked for.
    pub node: NodeRef<'g>,
    /// The gradients of its outputs.
    pub grads: Vec<Option<Gradient<'g>>>,
    attrs: Attrs,
    location: &'static Location<'static>,
}

impl<'g> GradCtx<'g> {
    /// A view for one node, for gradients asked for at a line.
    pub fn new(
        scope: Scope<'g>,
        outer: Scope<'g>,
        node: NodeRef<'g>,
        grads: Vec<Option<Gradient<'g>>>,
        location: &'static Location<'static>,
    ) -> GradCtx<'g> {
        let attrs = node.node().map(|n| n.attrs.clone()).unwrap_or_default();
        GradCtx {
            scope,
            outer,
            node,
            grads,
            attrs,
            location,
        }
    }
    /// An input of the node.
    pub fn input(&self, i: usize) -> Output<'g> {
        self.node.input(i).in_scope(self.scope)
    }
    /// An output of the node.
    pub fn output(&self, i: usize) -> Output<'g> {
        self.node.output(i).in_scope(self.scope)
    }
    /// The gradient of an output as a tensor; zeros of the output's shape where none arrived.
    pub fn grad(&self, i: usize) -> Output<'g> {
        match self.grads.get(i).copied().flatten() {
            Some(g) => g.dense(self.scope).in_scope(self.scope),
            None => self.zeros_for(i).unwrap_or_else(|e| {
                self.scope.graph().fail(e);
                Output::broken(self.scope)
            }),
        }
    }
    /// Whether a gradient arrived for an output.
    pub fn has_grad(&self, i: usize) -> bool {
        self.grads.get(i).is_some_and(Option::is_some)
    }
    /// The node's attributes.
    pub fn attrs(&self) -> &Attrs {
        &self.attrs
    }
}

/// Input gradients that are all tensors.
pub fn dense<'g>(
    grads: impl IntoIterator<Item = Option<Output<'g>>>,
) -> Result<InputGradients<'g>> {
    Ok(grads.into_iter().map(|g| g.map(Gradient::Dense)).collect())
}
