//! DepthwiseConv2dNativeBackpropInput: the depthwise convolution's gradient with respect to its input.

use super::{Depthwise, SHARED_ATTRS, cpu};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::ops::nn::compute::{self, Compute, Widened};
use crate::ops::nn::conv_attrs::ConvAttrs;
use crate::ops::nn::forwarding::{forward_attrs, shape_of};
use crate::ops::nn::layout::{self, Images};
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;
use half::{bf16, f16};

const LABEL: &str = "DepthwiseConv2DBackpropInput";

pub(crate) static DEPTHWISE_CONV2D_NATIVE_BACKPROP_INPUT: OpEntry = OpEntry {
    def: OpDef {
        signature: "DepthwiseConv2dNativeBackpropInput(input_sizes:int32, filter:T, out_backprop:T) -> (output:T)",
        attrs: "T:type{half,bfloat16,float,double}; strides:list(int); padding:string{SAME,VALID,EXPLICIT}; explicit_paddings:list(int)=[]; data_format:string{NHWC,NCHW}=\"NHWC\"; dilations:list(int)=[1,1,1,1]",
        flags: Flags::PURE,
        infer: |ctx: &mut ShapeCtx<'_>| infer_sizes(ctx, 0),
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", &[DType::F32])], new::<f32>),
        KernelDef::cpu(&[("T", &[DType::F64])], new::<f64>),
        KernelDef::cpu(&[("T", &[DType::F16])], new::<f16>),
        KernelDef::cpu(&[("T", &[DType::BF16])], new::<bf16>),
    ],
};

/// The output has the shape that an input tells.
pub(super) fn infer_sizes(ctx: &mut ShapeCtx<'_>, i: usize) -> Result<()> {
    ConvAttrs::of(ctx.attrs)?;
    ctx.with_rank(2, 4)?;
    let sizes = ctx.constant_shape(i)?;
    let shape = match sizes.rank() {
        None => PartialShape::of_rank(4),
        Some(_) => sizes.with_rank(4)?,
    };
    ctx.set(0, shape);
    Ok(())
}

/// The shape in an input.
pub(super) fn sizes(ctx: &OpContext<'_>, i: usize, label: &str, name: &str) -> Result<Shape> {
    let sizes = ctx.input(i)?;
    if !sizes.shape().is_vector() {
        return Err(Error::invalid_argument(format!(
            "{label}: {name} input must be 1-dim, not {}",
            sizes.shape().rank()
        )));
    }
    let sizes = sizes.to_i64s()?;
    if let Some(k) = sizes.iter().position(|s| *s < 0) {
        return Err(Error::invalid_argument(format!(
            "Dimension {k} of {name} must be >= 0"
        )));
    }
    Shape::new(&sizes)
}

fn new<T: Compute>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let attrs = ConvAttrs::of(init.attrs)?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let shape = sizes(ctx, 0, LABEL, "input_sizes")?;
        let (filter, gradient) = (ctx.input(1)?, ctx.input(2)?);
        let g = Depthwise::backprop(LABEL, &attrs, &shape, filter.shape(), gradient.shape())?;
        let mut out = Tensor::alloc(T::DTYPE, shape)?;
        let (pool, format) = (ctx.pool(), attrs.format);
        let gradient = Images::new(pool, format, g.output(), gradient.data::<T>()?)?;
        let gradient = Widened::new(pool, gradient.get())?;
        let filter = Widened::new(pool, filter.data::<T>()?)?;
        layout::fill(pool, format, g.input(), out.make_mut::<T>()?, |out| {
            compute::fill(pool, out, |out| {
                cpu::backprop_input(pool, &g, filter.get(), gradient.get(), out);
                Ok(())
            })
        })?;
        ctx.set(0, out)
    }))
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let (filter, gradient, g) = (ctx.input(1), ctx.input(2), ctx.grad(0));
    let b = ctx.scope.op("DepthwiseConv2dNativeBackpropFilter");
    let b = b.input(g).input(shape_of(ctx, filter)).input(gradient);
    let d_filter = forward_attrs(ctx, b, SHARED_ATTRS).out();
    let b = ctx.scope.op("DepthwiseConv2dNative").input(g).input(filter);
    let d_gradient = forward_attrs(ctx, b, SHARED_ATTRS).out();
    dense([None, Some(d_filter), Some(d_gradient)])
}
