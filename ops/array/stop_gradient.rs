//! StopGradient: passes its input through, but no gradient back.

use super::cuda;
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static STOP_GRADIENT: OpEntry = OpEntry {
    def: OpDef {
        signature: "StopGradient(input:T) -> (output:T)",
        attrs: "T:type",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[], pass),
        KernelDef::gpu(&[("T", cuda::ON_GPU)], pass),
        KernelDef::gpu_host(&[("T", cuda::INT32)], &["input", "output"], pass),
    ],
};

/// The kernel of ops that pass their input through.
pub(super) fn pass(_: &KernelInit<'_>) -> crate::Result<AnyKernel> {
    Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
        let x = ctx.take_value(0)?;
        ctx.set(0, x)
    }))
}

impl<'g> Scope<'g> {
    /// The same tensor, taken as a constant by gradients (op `StopGradient`).
    #[track_caller]
    pub fn stop_gradient(self, input: impl Operand<'g>) -> Output<'g> {
        self.op("StopGradient").input(input).out()
    }
}

impl<'g> Output<'g> {
    /// The same tensor, taken as a constant by gradients (op `StopGradient`).
    #[track_caller]
    pub fn stop_gradient(self) -> Output<'g> {
        self.scope().stop_gradient(self)
    }
}
