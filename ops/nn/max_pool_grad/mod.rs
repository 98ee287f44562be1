//! MaxPoolGrad: the gradient of max pooling.

use crate::dtype::{DType, sets::FLOATS};
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::ops::nn::cuda;
use crate::ops::nn::forwarding::forward_attrs;
use crate::ops::nn::layout::{self, Images};
use crate::ops::nn::max_pool::cpu;
use crate::ops::nn::pool_attrs::{PoolAttrs, PoolGeometry, expect_four, expect_shape};
use crate::ops::nn::pool_element::PoolElement;
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;
use half::{bf16, f16};

pub(crate) static MAX_POOL_GRAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "MaxPoolGrad(orig_input:T, orig_output:T, grad:T) -> (output:T)",
        attrs: "ksize:list(int)>=4; strides:list(int)>=4; padding:string{SAME,VALID,EXPLICIT}; explicit_paddings:list(int)=[]; data_format:string{NHWC,NCHW}=\"NHWC\"; T:type{realnumber}=float",
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
        KernelDef::gpu(&[("T", FLOATS)], cuda::max_pool_grad),
    ],
};

/// The shape of `orig_input`.
pub(crate) fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let shape: PartialShape = ctx.with_rank(0, 4)?;
    ctx.set(0, shape);
    Ok(())
}

fn new<T: PoolElement>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let attrs = PoolAttrs::of(init.attrs)?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let out = backward::<T>(ctx, &attrs)?;
        ctx.set(0, out)
    }))
}

/// Checks the first two inputs of a gradient of max pooling and gives its sizes.
pub(crate) fn checked(
    attrs: &PoolAttrs,
    input: &Shape,
    output: &Shape,
    op: &str,
) -> Result<PoolGeometry> {
    let g = attrs.geometry(input)?;
    if g.depth_window > 1 {
        return Err(Error::unimplemented(format!(
            "{op} is not yet supported on the depth dimension."
        )));
    }
    let want = Shape::of(&attrs.format.from_nhwc(g.output()))?;
    expect_shape("orig_output", &want, output)?;
    Ok(g)
}

/// Checks inputs `orig_input`, `orig_output`, `grad` and gives the sizes.
///
/// # Errors
/// `InvalidArgument` or `Unimplemented` for shapes that do not fit.
pub(crate) fn backward_geometry(ctx: &OpContext<'_>, attrs: &PoolAttrs) -> Result<PoolGeometry> {
    let (input, output, gradient) = (ctx.input(0)?, ctx.input(1)?, ctx.input(2)?);
    expect_four("tensor_in", input.shape())?;
    expect_four("tensor_out", output.shape())?;
    expect_four("out_backprop", gradient.shape())?;
    let g = checked(attrs, input.shape(), output.shape(), "MaxPoolingGrad")?;
    expect_shape("grad", output.shape(), gradient.shape())?;
    Ok(g)
}

/// The gradient of inputs `orig_input`, `orig_output`, `grad`.
pub(crate) fn backward<T: PoolElement>(ctx: &OpContext<'_>, attrs: &PoolAttrs) -> Result<Tensor> {
    let g = backward_geometry(ctx, attrs)?;
    let (input, gradient) = (ctx.input(0)?, ctx.input(2)?);
    let mut out = Tensor::alloc(T::DTYPE, input.shape().clone())?;
    let (pool, format) = (ctx.pool(), attrs.format);
    let images = Images::<T>::new(pool, format, g.input(), input.data()?)?;
    let gradient = Images::<T>::new(pool, format, g.output(), gradient.data()?)?;
    layout::fill(pool, format, g.input(), out.make_mut()?, |out| {
        cpu::max_pool_grad(pool, &g, images.get(), gradient.get(), out);
        Ok(())
    })?;
    Ok(out)
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let zeros = |i| ctx.scope.op("ZerosLike").input(ctx.input(i)).out();
    let op = ctx
        .scope
        .op("MaxPoolGradGrad")
        .input(ctx.input(0))
        .input(ctx.input(1))
        .input(ctx.grad(0));
    let names = &["ksize", "strides", "padding", "data_format"];
    let d_grad = forward_attrs(ctx, op, names).out();
    dense([Some(zeros(0)), Some(zeros(1)), Some(d_grad)])
}
