//! MaxPoolGradV2: the gradient of max pooling whose windows are tensors.

use crate::dtype::{DType, sets::FLOATS};
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Attrs, Flags, OpDef};
use crate::ops::nn::cuda;
use crate::ops::nn::forwarding::forward_attrs;
use crate::ops::nn::max_pool_grad::{backward, infer};
use crate::ops::nn::pool_attrs::windows_from;
use crate::ops::nn::pool_element::PoolElement;
use crate::registry::OpEntry;
use half::{bf16, f16};

pub(crate) static MAX_POOL_GRAD_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "MaxPoolGradV2(orig_input:T, orig_output:T, grad:T, ksize:int32, strides:int32) -> (output:T)",
        attrs: "padding:string{SAME,VALID}; data_format:string{NHWC,NCHW}=\"NHWC\"; T:type{realnumber}=float",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
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
            cuda::max_pool_grad_v2,
        ),
    ],
};

fn new<T: PoolElement>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let attrs: Attrs = init.attrs.clone();
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let windows = windows_from(&attrs, ctx.input(3)?, ctx.input(4)?)?;
        let out = backward::<T>(ctx, &windows)?;
        ctx.set(0, out)
    }))
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let zeros = |i| ctx.scope.op("ZerosLike").input(ctx.input(i)).out();
    let op = ctx
        .scope
        .op("MaxPoolGradGradV2")
        .input(ctx.input(0))
        .input(ctx.input(1))
        .input(ctx.grad(0))
        .input(ctx.input(3))
        .input(ctx.input(4));
    let d_grad = forward_attrs(ctx, op, &["padding", "data_format"]).out();
    dense([Some(zeros(0)), Some(zeros(1)), Some(d_grad), None, None])
}
