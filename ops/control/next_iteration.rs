//! NextIteration, RefNextIteration: a tensor goes on to the next iteration of its frame.

use super::forward;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::KernelDef;
use crate::op::{Flags, OpDef};
use crate::ops::array::cuda;
use crate::registry::OpEntry;

pub(crate) static NEXT_ITERATION: OpEntry = OpEntry {
    def: OpDef {
        signature: "NextIteration(data:T) -> (output:T)",
        attrs: "T:type",
        flags: Flags::PURE,
        infer: forward::infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[], forward::kernel),
        KernelDef::gpu(&[("T", cuda::ON_GPU)], forward::kernel),
        KernelDef::gpu_host(&[("T", cuda::INT32)], &["data", "output"], forward::kernel),
    ],
};

pub(crate) static REF_NEXT_ITERATION: OpEntry = OpEntry {
    def: OpDef {
        signature: "RefNextIteration(data:ref T) -> (output:ref T)",
        attrs: "T:type",
        flags: Flags::PURE,
        infer: forward::infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[], forward::kernel),
        KernelDef::gpu(&[("T", cuda::ON_GPU)], forward::kernel),
        KernelDef::gpu_host(&[("T", cuda::INT32)], &["data", "output"], forward::kernel),
    ],
};

/// The gradient passes: the loop's Switch closes the backward loop.
fn grad<'g>(ctx: &GradCtx<'g>) -> crate::Result<InputGradients<'g>> {
    dense([Some(ctx.grad(0))])
}

impl<'g> Scope<'g> {
    /// Gives `data` to the next iteration (op `NextIteration`, on references `RefNextIteration`).
    #[track_caller]
    pub fn next_iteration(self, data: impl Operand<'g>) -> Output<'g> {
        let data = data.operand(self, None);
        let op = if data.type_ref().is_ref {
            "RefNextIteration"
        } else {
            "NextIteration"
        };
        self.op(op).input(data).out()
    }
}
