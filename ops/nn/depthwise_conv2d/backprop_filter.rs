//! DepthwiseConv2dNativeBackpropFilter: the depthwise convolution's gradient with respect to its filter.

use super::backprop_input::{infer_sizes, sizes};
use super::{Depthwise, SHARED_ATTRS, cpu};
use crate::dtype::DType;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::ops::nn::compute::{self, Compute, Widened};
use crate::ops::nn::conv_attrs::ConvAttrs;
use crate::ops::nn::forwarding::{forward_attrs, shape_of};
use crate::ops::nn::layout::Images;
use crate::registry::OpEntry;
use crate::tensor::Tensor;
use half::{bf16, f16};

const LABEL: &str = "DepthwiseConv2DBackpropFilter";

pub(crate) static DEPTHWISE_CONV2D_NATIVE_BACKPROP_FILTER: OpEntry = OpEntry {
    def: OpDef {
        signature: "DepthwiseConv2dNativeBackpropFilter(input:T, filter_sizes:int32, out_backprop:T) -> (output:T)",
        attrs: "T:type{half,bfloat16,float,double}; strides:list(int); padding:string{SAME,VALID,EXPLICIT}; explicit_paddings:list(int)=[]; data_format:string{NHWC,NCHW}=\"NHWC\"; dilations:list(int)=[1,1,1,1]",
        flags: Flags::PURE,
        infer: |ctx: &mut ShapeCtx<'_>| {
            ctx.with_rank(0, 4)?;
            infer_sizes(ctx, 1)
        },
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", &[DType::F32])], new::<f32>),
        KernelDef::cpu(&[("T", &[DType::F64])], new::<f64>),
        KernelDef::cpu(&[("T", &[DType::F16])], new::<f16>),
        KernelDef::cpu(&[("T", &[DType::BF16])], new::<bf16>),
    ],
};

fn new<T: Compute>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let attrs = ConvAttrs::of(init.attrs)?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let shape = sizes(ctx, 1, LABEL, "filter_sizes")?;
        let (input, gradient) = (ctx.input(0)?, ctx.input(2)?);
        let g = Depthwise::backprop(LABEL, &attrs, input.shape(), &shape, gradient.shape())?;
        let mut out = Tensor::alloc(T::DTYPE, shape)?;
        let (pool, format) = (ctx.pool(), attrs.format);
        let input = Images::new(pool, format, g.input(), input.data::<T>()?)?;
        let input = Widened::new(pool, input.get())?;
        let gradient = Images::new(pool, format, g.output(), gradient.data::<T>()?)?;
        let gradient = Widened::new(pool, gradient.get())?;
        compute::fill(pool, out.make_mut::<T>()?, |out| {
            cpu::backprop_filter(pool, &g, input.get(), gradient.get(), out);
            Ok(())
        })?;
        ctx.set(0, out)
    }))
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let (input, gradient, g) = (ctx.input(0), ctx.input(2), ctx.grad(0));
    let b = ctx.scope.op("DepthwiseConv2dNativeBackpropInput");
    let b = b.input(shape_of(ctx, input)).input(g).input(gradient);
    let d_input = forward_attrs(ctx, b, SHARED_ATTRS).out();
    let b = ctx.scope.op("DepthwiseConv2dNative").input(input).input(g);
    let d_gradient = forward_attrs(ctx, b, SHARED_ATTRS).out();
    dense([Some(d_input), None, Some(d_gradient)])
}
