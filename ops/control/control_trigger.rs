//! ControlTrigger: a NoOp that runs even when what it waits for is dead.

use crate::grad::Grad;
use crate::graph::{NodeRef, Scope};
use crate::kernel::{AnyKernel, KernelDef, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static CONTROL_TRIGGER: OpEntry = OpEntry {
    def: OpDef {
        signature: "ControlTrigger() -> ()",
        attrs: "",
        flags: Flags::PURE,
        infer: infer::unknown,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[], |_| {
            Ok(AnyKernel::cheap(|_: &mut OpContext<'_>| Ok(())))
        }),
        KernelDef::gpu(&[], |_| {
            Ok(AnyKernel::cheap(|_: &mut OpContext<'_>| Ok(())))
        }),
    ],
};

impl<'g> Scope<'g> {
    /// Runs after what the scope's control dependencies name, be that dead or not (op `ControlTrigger`).
    #[track_caller]
    pub fn control_trigger(self) -> NodeRef<'g> {
        self.op("ControlTrigger").finish()
    }
}
