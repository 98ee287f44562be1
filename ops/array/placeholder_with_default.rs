//! PlaceholderWithDefault: a tensor that a run may feed; else it is the input.

use super::cuda;
use super::stop_gradient::pass;
use crate::grad::{Grad, GradCtx, InputGradients};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::KernelDef;
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::PartialShape;

pub(crate) static PLACEHOLDER_WITH_DEFAULT: OpEntry = OpEntry {
    def: OpDef {
        signature: "PlaceholderWithDefault(input:dtype) -> (output:dtype)",
        attrs: "dtype:type; shape:shape",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[], pass),
        KernelDef::gpu(&[("dtype", cuda::ON_GPU)], pass),
        KernelDef::gpu_host(&[("dtype", cuda::INT32)], &["input", "output"], pass),
    ],
};

/// What is fed may be less special than the default: the shape is the attribute's.
fn infer(ctx: &mut ShapeCtx<'_>) -> crate::Result<()> {
    let shape = ctx.attrs.shape("shape")?.clone();
    ctx.input(0).merge(&shape)?;
    ctx.set(0, shape);
    Ok(())
}

fn grad<'g>(ctx: &GradCtx<'g>) -> crate::Result<InputGradients<'g>> {
    Ok(vec![ctx.grads.first().copied().flatten()])
}

impl<'g> Scope<'g> {
    /// A tensor that a run may feed, of a shape known as far as given; without a feed it is `input`
    /// (op `PlaceholderWithDefault`).
    #[track_caller]
    pub fn placeholder_with_default(
        self,
        input: impl Operand<'g>,
        shape: impl Into<PartialShape>,
    ) -> Output<'g> {
        self.op("PlaceholderWithDefault")
            .input(input)
            .attr("shape", shape.into())
            .out()
    }
}
