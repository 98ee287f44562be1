//! Exit, RefExit: a tensor leaves its frame.

use super::forward;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::KernelDef;
use crate::op::{Flags, OpDef};
use crate::ops::array::cuda;
use crate::registry::OpEntry;

pub(crate) static EXIT: OpEntry = OpEntry {
    def: OpDef {
        signature: "Exit(data:T) -> (output:T)",
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

pub(crate) static REF_EXIT: OpEntry = OpEntry {
    def: OpDef {
        signature: "RefExit(data:ref T) -> (output:ref T)",
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

/// The gradient enters the backward loop.
fn grad<'g>(ctx: &GradCtx<'g>) -> crate::Result<InputGradients<'g>> {
    let Some(g) = ctx.grads.first().copied().flatten() else {
        return dense([None]);
    };
    dense([ctx.enter_backward_loop(g)?])
}

impl<'g> Scope<'g> {
    /// Gives `data` to the parent frame (op `Exit`, on references `RefExit`).
    #[track_caller]
    pub fn exit(self, data: impl Operand<'g>) -> Output<'g> {
        let data = data.operand(self, None);
        let op = if data.type_ref().is_ref {
            "RefExit"
        } else {
            "Exit"
        };
        self.op(op).input(data).out()
    }
}
