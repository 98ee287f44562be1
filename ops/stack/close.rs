//! StackCloseV2: drops what a stack holds.

use crate::grad::Grad;
use crate::graph::{NodeRef, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use crate::resource::Stack;

pub(crate) static STACK_CLOSE_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "StackCloseV2(handle:resource) -> ()",
        attrs: "",
        flags: Flags::STATEFUL,
        infer: infer::unknown,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
            ctx.step_resource::<Stack>(0)?.close();
            Ok(())
        }))
    })],
};

impl<'g> Scope<'g> {
    /// Drops what the stack holds (op `StackCloseV2`).
    #[track_caller]
    pub fn stack_close_v2(self, handle: Output<'g>) -> NodeRef<'g> {
        self.op("StackCloseV2").input(handle).finish()
    }
}
