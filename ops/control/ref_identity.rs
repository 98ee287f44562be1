//! RefIdentity: the same reference under another name.

use super::forward;
use crate::grad::{Grad, GradCtx, InputGradients};
use crate::graph::{Output, Scope};
use crate::kernel::KernelDef;
use crate::op::{Flags, OpDef};
use crate::registry::OpEntry;

pub(crate) static REF_IDENTITY: OpEntry = OpEntry {
    def: OpDef {
        signature: "RefIdentity(input:ref T) -> (output:ref T)",
        attrs: "T:type",
        flags: Flags::UNINITIALIZED_OK,
        infer: forward::infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[KernelDef::cpu(&[], forward::kernel)],
};

fn grad<'g>(ctx: &GradCtx<'g>) -> crate::Result<InputGradients<'g>> {
    Ok(vec![ctx.grads.first().copied().flatten()])
}

impl<'g> Scope<'g> {
    /// The same reference under another name (op `RefIdentity`).
    #[track_caller]
    pub fn ref_identity(self, input: Output<'g>) -> Output<'g> {
        self.op("RefIdentity").input(input).out()
    }
}
