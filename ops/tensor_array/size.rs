//! TensorArraySizeV3: the number of elements.

use crate::error::Error;
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use crate::tensor::Tensor;

pub(crate) static TENSOR_ARRAY_SIZE_V3: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorArraySizeV3(handle:resource, flow_in:float) -> (size:int32)",
        attrs: "",
        flags: Flags::STATEFUL,
        infer: infer::scalar,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
            let size = i32::try_from(super::array(ctx)?.size()?);
            let size =
                size.map_err(|_| Error::out_of_range("the array has 2^31 elements or more"))?;
            ctx.set(0, Tensor::from(size))
        }))
    })],
};
