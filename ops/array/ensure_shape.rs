//! EnsureShape: passes its input through, or fails when its shape is another than expected.

use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::PartialShape;

pub(crate) static ENSURE_SHAPE: OpEntry = OpEntry {
    def: OpDef {
        signature: "EnsureShape(input:T) -> (output:T)",
        attrs: "shape:shape; T:type",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[KernelDef::cpu(&[], new)],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let shape = ctx.input(0).merge(ctx.attrs.shape("shape")?)?;
    ctx.set(0, shape);
    Ok(())
}

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let expected = init.attrs.shape("shape")?.clone();
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let x = ctx.take_input(0)?;
        if !expected.accepts(x.shape()) {
            return Err(Error::invalid_argument(format!(
                "Shape of tensor {} is not compatible with expected shape {expected}.",
                x.shape()
            )));
        }
        ctx.set(0, x)
    }))
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    Ok(vec![ctx.grads.first().copied().flatten()])
}

impl<'g> Scope<'g> {
    /// `x`, whose shape is checked when it is computed (op `EnsureShape`).
    #[track_caller]
    pub fn ensure_shape(self, x: impl Operand<'g>, shape: impl Into<PartialShape>) -> Output<'g> {
        self.op("EnsureShape")
            .input(x)
            .attr("shape", shape.into())
            .out()
    }
}
