//! MaxPoolGradGradV2: the gradient of MaxPoolGradV2 with respect to its gradient.

use crate::dtype::{DType, sets::FLOATS};
use crate::error::Result;
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Attrs, Flags, OpDef};
use crate::ops::nn::cuda;
use crate::ops::nn::max_pool_grad_grad::{infer, second};
use crate::ops::nn::pool_attrs::windows_from;
use crate::ops::nn::pool_element::PoolElement;
use crate::registry::OpEntry;
use half::{bf16, f16};

pub(crate) static MAX_POOL_GRAD_GRAD_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "MaxPoolGradGradV2(orig_input:T, orig_output:T, grad:T, ksize:int32, strides:int32) -> (output:T)",
        attrs: "padding:string{SAME,VALID}; data_format:string{NHWC,NCHW}=\"NHWC\"; T:type{realnumber}",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Missing,
    kernels: &[
        KernelDef::cpu(&[("T", &[DType::F32])], new::<f32>),
        KernelDef::cpu(&[("T", &[DType::F64])], new::<f64>),
        KernelDef::cpu(&[("T", &[DType::F16])], new::<f16>),
        KernelDef::cpu(&[("T", &[DType::BF16])], new::<bf16>),
        KernelDef::cpu(&[("T", &[DType::I32])], new::<i32>),
        KernelDef::cpu(&[("T", &[DType::I64])], new::<i64>),
        KernelDef::cpu(&[("T", &[DType::U8])], new::<u8>),
        KernelDef::cpu(&[("T", &[DType::I16])], new::<i16>),
        KernelDef::cpu(&[("T", &[DType::I8])], new::<i8>),
        KernelDef::cpu(&[("T", &[DType::U16])], new::<u16>),
        KernelDef::cpu(&[("T", &[DType::U32])], new::<u32>),
        KernelDef::cpu(&[("T", &[DType::U64])], new::<u64>),
        KernelDef::gpu_host(
            &[("T", FLOATS)],
            &["ksize", "strides"],
            cuda::max_pool_grad_grad_v2,
        ),
    ],
};

fn new<T: PoolElement>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let attrs: Attrs = init.attrs.clone();
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let windows = windows_from(&attrs, ctx.input(3)?, ctx.input(4)?)?;
        let out = second::<T>(ctx, &windows)?;
        ctx.set(0, out)
    }))
}
