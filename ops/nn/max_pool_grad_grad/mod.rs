//! MaxPoolGradGrad: the gradient of MaxPoolGrad with respect to its gradient.

use crate::dtype::{DType, sets::FLOATS};
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::ops::nn::cuda;
use crate::ops::nn::forwarding::forward_attrs;
use crate::ops::nn::layout::{self, Images};
use crate::ops::nn::max_pool::cpu;
use crate::ops::nn::max_pool_grad::checked;
use crate::ops::nn::pool_attrs::{PoolAttrs, PoolGeometry, expect_four, expect_shape};
use crate::ops::nn::pool_element::PoolElement;
use crate::registry::OpEntry;
use crate::tensor::Tensor;
use half::{bf16, f16};

pub(crate) static MAX_POOL_GRAD_GRAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "MaxPoolGradGrad(orig_input:T, orig_output:T, grad:T) -> (output:T)",
        attrs: "ksize:list(int)>=4; strides:list(int)>=4; padding:string{SAME,VALID}; data_format:string{NHWC,NCHW}=\"NHWC\"; T:type{realnumber}",
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
        KernelDef::gpu(&[("T", FLOATS)], cuda::max_pool_grad_grad),
    ],
};

/// The shape of `orig_output`.
pub(crate) fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ctx.with_rank(0, 4)?;
    let shape = ctx.with_rank(1, 4)?;
    ctx.with_rank(2, 4)?;
    ctx.set(0, shape);
    Ok(())
}

fn new<T: PoolElement>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let attrs = PoolAttrs::of(init.attrs)?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let out = second::<T>(ctx, &attrs)?;
        ctx.set(0, out)
    }))
}

/// Checks inputs `orig_input`, `orig_output`, `grad` and gives the sizes.
///
/// # Errors
/// `InvalidArgument` or `Unimplemented` for shapes that do not fit.
pub(crate) fn second_geometry(ctx: &OpContext<'_>, attrs: &PoolAttrs) -> Result<PoolGeometry> {
    let (input, output, gradient) = (ctx.input(0)?, ctx.input(1)?, ctx.input(2)?);
    expect_four("tensor_in", input.shape())?;
    expect_four("tensor_out", output.shape())?;
    expect_four("out_grad_backprop", gradient.shape())?;
    let g = checked(attrs, input.shape(), output.shape(), "MaxPoolingGradGrad")?;
    expect_shape("grad", input.shape(), gradient.shape())?;
    Ok(g)
}

/// The second gradient of inputs `orig_input`, `orig_output`, `grad`.
pub(crate) fn second<T: PoolElement>(ctx: &OpContext<'_>, attrs: &PoolAttrs) -> Result<Tensor> {
    let g = second_geometry(ctx, attrs)?;
    let (input, output, gradient) = (ctx.input(0)?, ctx.input(1)?, ctx.input(2)?);
    let mut out = Tensor::alloc(T::DTYPE, output.shape().clone())?;
    let (pool, format) = (ctx.pool(), attrs.format);
    let images = Images::<T>::new(pool, format, g.input(), input.data()?)?;
    let maxima = Images::<T>::new(pool, format, g.output(), output.data()?)?;
    let gradient = Images::<T>::new(pool, format, g.input(), gradient.data()?)?;
    layout::fill(pool, format, g.output(), out.make_mut()?, |out| {
        let (images, maxima) = (images.get(), maxima.get());
        cpu::max_pool_grad_grad(pool, &g, images, maxima, gradient.get(), out);
        Ok(())
    })?;
    Ok(out)
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let zeros = |i| ctx.scope.op("ZerosLike").input(ctx.input(i)).out();
    let op = ctx
        .scope
        .op("MaxPoolGrad")
        .input(ctx.input(0))
        .input(ctx.input(1))
        .input(ctx.grad(0));
    let names = &["ksize", "strides", "padding", "data_format"];
    let d_grad = forward_attrs(ctx, op, names).out();
    dense([Some(zeros(0)), Some(zeros(1)), Some(d_grad)])
}
