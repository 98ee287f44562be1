//! MaxPoolV2: max pooling whose windows are tensors.

use crate::dtype::{DType, sets::FLOATS};
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Attrs, Flags, OpDef, ShapeCtx};
use crate::ops::nn::cuda;
use crate::ops::nn::forwarding::forward_attrs;
use crate::ops::nn::max_pool::forward;
use crate::ops::nn::pool_attrs::{PoolAttrs, windows_from};
use crate::ops::nn::pool_element::PoolElement;
use crate::registry::OpEntry;
use crate::shape::PartialShape;
use half::{bf16, f16};

pub(crate) static MAX_POOL_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "MaxPoolV2(input:T, ksize:int32, strides:int32) -> (output:T)",
        attrs: "T:type{half,bfloat16,float,double,int32,int64,uint8,int16,int8,uint16,qint8}=float; padding:string{SAME,VALID}; data_format:string{NHWC,NCHW,NCHW_VECT_C}=\"NHWC\"",
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
        KernelDef::gpu_host(&[("T", FLOATS)], &["ksize", "strides"], cuda::max_pool_v2),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let input = ctx.with_rank(0, 4)?;
    let shape = match (ctx.constant_ints(1)?, ctx.constant_ints(2)?) {
        (Some(k), Some(s)) => PoolAttrs::with_windows(ctx.attrs, &k, &s)?.infer(&input)?,
        _ => PartialShape::of_rank(4),
    };
    ctx.set(0, shape);
    Ok(())
}

fn new<T: PoolElement>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let attrs: Attrs = init.attrs.clone();
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let windows = windows_from(&attrs, ctx.input(1)?, ctx.input(2)?)?;
        let out = forward::<T>(ctx, &windows)?;
        ctx.set(0, out)
    }))
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let op = ctx
        .scope
        .op("MaxPoolGradV2")
        .input(ctx.input(0))
        .input(ctx.output(0))
        .input(ctx.grad(0))
        .input(ctx.input(1))
        .input(ctx.input(2));
    let op = forward_attrs(ctx, op, &["padding", "data_format"]);
    dense([Some(op.out()), None, None])
}
