//! PreventGradient: passes its input through; asking for a gradient through it is an error.

use super::cuda;
use super::stop_gradient::pass;
use crate::error::Error;
use crate::grad::{Grad, GradCtx, InputGradients};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::KernelDef;
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static PREVENT_GRADIENT: OpEntry = OpEntry {
    def: OpDef {
        signature: "PreventGradient(input:T) -> (output:T)",
        attrs: "T:type; message:string=\"\"",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[], pass),
        KernelDef::gpu(&[("T", cuda::ON_GPU)], pass),
        KernelDef::gpu_host(&[("T", cuda::INT32)], &["input", "output"], pass),
    ],
};

fn grad<'g>(ctx: &GradCtx<'g>) -> crate::Result<InputGradients<'g>> {
    Err(Error::not_found(format!(
        "Gradient explicitly disabled. Reason: {}",
        String::from_utf8_lossy(ctx.attrs().bytes("message")?)
    )))
}

impl<'g> Scope<'g> {
    /// The same tensor; gradients through it fail with that reason (op `PreventGradient`).
    #[track_caller]
    pub fn prevent_gradient(self, input: impl Operand<'g>, message: &str) -> Output<'g> {
        self.op("PreventGradient")
            .input(input)
            .attr("message", message)
            .out()
    }
}
