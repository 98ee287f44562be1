//! Conv2DBackpropFilter: the convolution's gradient with respect to its filter.

pub mod cpu;

use crate::dtype::{DType, sets::FLOATS};
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::ops::nn::compute::Compute;
use crate::ops::nn::conv_attrs::ConvAttrs;
use crate::ops::nn::conv2d::SHARED_ATTRS;
use crate::ops::nn::conv2d_backprop_input::backprop_geometry;
use crate::ops::nn::cuda;
use crate::ops::nn::forwarding::{forward_attrs, shape_of};
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;
use half::{bf16, f16};

pub(crate) static CONV2D_BACKPROP_FILTER: OpEntry = OpEntry {
    def: OpDef {
        signature: "Conv2DBackpropFilter(input:T, filter_sizes:int32, out_backprop:T) -> (output:T)",
        attrs: "T:type{half,bfloat16,float,double}; strides:list(int); use_cudnn_on_gpu:bool=true; padding:string{SAME,VALID,EXPLICIT}; explicit_paddings:list(int)=[]; data_format:string{NHWC,NCHW}=\"NHWC\"; dilations:list(int)=[1,1,1,1]",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", &[DType::F32])], new::<f32>),
        KernelDef::cpu(&[("T", &[DType::F64])], new::<f64>),
        KernelDef::cpu(&[("T", &[DType::F16])], new::<f16>),
        KernelDef::cpu(&[("T", &[DType::BF16])], new::<bf16>),
        KernelDef::gpu_host(
            &[("T", FLOATS)],
            &["filter_sizes"],
            cuda::conv2d_backprop_filter,
        ),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ConvAttrs::of(ctx.attrs)?;
    ctx.with_rank(0, 4)?;
    ctx.with_rank(2, 4)?;
    let sizes = ctx.constant_shape(1)?;
    let shape = match sizes.rank() {
        None => PartialShape::of_rank(4),
        Some(_) => sizes.with_rank(4)?,
    };
    ctx.set(0, shape);
    Ok(())
}

/// The filter's sizes that `filter_sizes` asks for.
///
/// # Errors
/// `InvalidArgument` when it is no vector of sizes.
pub(crate) fn filter_shape(sizes: &Tensor) -> Result<Shape> {
    if !sizes.shape().is_vector() {
        return Err(Error::invalid_argument(format!(
            "Conv2DCustomBackpropFilter: filter_sizes input must be 1-dim, not {}",
            sizes.shape().rank()
        )));
    }
    Shape::new(&sizes.to_i64s()?)
}

fn new<T: Compute>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let attrs = ConvAttrs::of(init.attrs)?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let (input, sizes, gradient) = (ctx.input(0)?, ctx.input(1)?, ctx.input(2)?);
        let shape = filter_shape(sizes)?;
        let g = backprop_geometry(
            "Conv2DCustomBackpropFilter",
            &attrs,
            input.shape(),
            &shape,
            gradient.shape(),
        )?;
        let mut out = Tensor::alloc(T::DTYPE, shape)?;
        cpu::conv2d_backprop_filter::<T>(
            ctx.pool(),
            &g,
            attrs.format,
            input.data()?,
            gradient.data()?,
            out.make_mut()?,
        )?;
        ctx.set(0, out)
    }))
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let (input, gradient, g) = (ctx.input(0), ctx.input(2), ctx.grad(0));
    let d_input = forward_attrs(
        ctx,
        ctx.scope
            .op("Conv2DBackpropInput")
            .input(shape_of(ctx, input))
            .input(g)
            .input(gradient),
        SHARED_ATTRS,
    );
    let d_gradient = forward_attrs(
        ctx,
        ctx.scope.op("Conv2D").input(input).input(g),
        SHARED_ATTRS,
    );
    dense([Some(d_input.out()), None, Some(d_gradient.out())])
}

impl<'g> Scope<'g> {
    /// The gradient of a convolution with respect to its filter of shape `filter_sizes` (op
    /// `Conv2DBackpropFilter`).
    #[track_caller]
    pub fn conv2d_backprop_filter(
        self,
        input: impl Operand<'g>,
        filter_sizes: impl Operand<'g>,
        out_backprop: impl Operand<'g>,
        attrs: &ConvAttrs,
    ) -> Output<'g> {
        let op = self.op("Conv2DBackpropFilter");
        attrs
            .set(op.input(input).input(filter_sizes).input(out_backprop))
            .out()
    }
}
