//! Size: the number of elements of a tensor.

use super::cuda;
use crate::dtype::{DType, sets::INDEX};
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use crate::tensor::Tensor;

pub(crate) static SIZE: OpEntry = OpEntry {
    def: OpDef {
        signature: "Size(input:T) -> (output:out_type)",
        attrs: "T:type; out_type:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer: infer::scalar,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[("out_type", INDEX)], new),
        KernelDef::gpu_host(
            &[("T", cuda::ON_GPU), ("out_type", INDEX)],
            &["output"],
            new,
        ),
        KernelDef::gpu_host(
            &[("T", cuda::INT32), ("out_type", INDEX)],
            &["input", "output"],
            new,
        ),
    ],
};

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let dtype = init.attrs.dtype("out_type")?;
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let size = size_as(dtype, ctx.input(0)?.elements())?;
        ctx.set(0, size)
    }))
}

fn size_as(dtype: DType, size: usize) -> Result<Tensor> {
    if dtype == DType::I64 {
        // A shape's product fits i64.
        return Ok(Tensor::from(size as i64));
    }
    i32::try_from(size).map(Tensor::from).map_err(|_| {
        Error::invalid_argument(
            "Number of elements was larger than representable by 32-bit output type",
        )
    })
}

impl<'g> Scope<'g> {
    /// The number of elements of `x`, an int32 scalar: a constant where it is known, else op `Size`.
    #[track_caller]
    pub fn size(self, x: impl Operand<'g>) -> Output<'g> {
        self.size_as(x, DType::I32)
    }
    /// The number of elements of `x` as int32 or int64: a constant where it is known, else op `Size`.
    #[track_caller]
    pub fn size_as(self, x: impl Operand<'g>, dtype: DType) -> Output<'g> {
        let x = x.operand(self, None);
        if x.is_valid()
            && let Some(size) = x.shape().elements()
            && let Ok(size) = size_as(dtype, size)
        {
            let constant = self.op("Const").default_name("Size");
            return constant.attr("dtype", dtype).attr("value", size).out();
        }
        self.op("Size").input(x).attr("out_type", dtype).out()
    }
}
