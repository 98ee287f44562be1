//! IdentityN: passes several inputs through together.

use super::cuda;
use crate::grad::{Grad, GradCtx, InputGradients};
use crate::graph::{Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;

pub(crate) static IDENTITY_N: OpEntry = OpEntry {
    def: OpDef {
        signature: "IdentityN(input:T) -> (output:T)",
        attrs: "T:list(type)>=1",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[], new),
        KernelDef::gpu(&[("T", cuda::ON_GPU)], new),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> crate::Result<()> {
    for i in 0..ctx.len() {
        let shape = ctx.input(i);
        ctx.set(i, shape);
    }
    ctx.output_handles = ctx.handles.to_vec();
    Ok(())
}

fn new(_: &KernelInit<'_>) -> crate::Result<AnyKernel> {
    Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
        for i in 0..ctx.num_inputs() {
            let x = ctx.take_value(i)?;
            ctx.set(i, x)?;
        }
        Ok(())
    }))
}

fn grad<'g>(ctx: &GradCtx<'g>) -> crate::Result<InputGradients<'g>> {
    Ok(ctx.grads.clone())
}

impl<'g> Scope<'g> {
    /// The same tensors under another name; none is there before all are (op `IdentityN`).
    #[track_caller]
    pub fn identity_n(self, inputs: &[Output<'g>]) -> Vec<Output<'g>> {
        let made = self.op("IdentityN").list(inputs.iter().copied()).finish();
        (0..inputs.len()).map(|i| made.output(i)).collect()
    }
}
