//! TensorArrayCloseV3: drops what an array holds.

use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static TENSOR_ARRAY_CLOSE_V3: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorArrayCloseV3(handle:resource) -> ()",
        attrs: "",
        flags: Flags::STATEFUL,
        infer: infer::unknown,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
            super::array(ctx)?.close();
            Ok(())
        }))
    })],
};
