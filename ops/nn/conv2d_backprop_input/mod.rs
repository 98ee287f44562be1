//! Conv2DBackpropInput: the convolution's gradient with respect to its input.

pub mod cpu;

use crate::dtype::{DType, sets::FLOATS};
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::ops::nn::compute::Compute;
use crate::ops::nn::conv_attrs::ConvAttrs;
use crate::ops::nn::conv_geometry::ConvGeometry;
use crate::ops::nn::conv2d::SHARED_ATTRS;
use crate::ops::nn::cuda;
use crate::ops::nn::forwarding::{forward_attrs, shape_of};
use crate::ops::nn::window::four;
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;
use half::{bf16, f16};

pub(crate) static CONV2D_BACKPROP_INPUT: OpEntry = OpEntry {
    def: OpDef {
        signature: "Conv2DBackpropInput(input_sizes:int32, filter:T, out_backprop:T) -> (output:T)",
        attrs: "T:type{half,bfloat16,float,double,int32}; strides:list(int); use_cudnn_on_gpu:bool=true; padding:string{SAME,VALID,EXPLICIT}; explicit_paddings:list(int)=[]; data_format:string{NHWC,NCHW}=\"NHWC\"; dilations:list(int)=[1,1,1,1]",
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
        KernelDef::gpu_host(
            &[("T", FLOATS)],
            &["input_sizes"],
            cuda::conv2d_backprop_input,
        ),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let attrs = ConvAttrs::of(ctx.attrs)?;
    let filter = ctx.with_rank(1, 4)?;
    let grad = ctx.with_rank(2, 4)?;
    let sizes = ctx.constant_shape(0)?;
    let shape = match sizes.rank() {
        None => PartialShape::of_rank(4),
        Some(2) => PartialShape::of(attrs.format.from_nhwc([
            grad.dim(0),
            sizes.dim(0),
            sizes.dim(1),
            filter.dim(2),
        ])),
        Some(_) => sizes.with_rank(4)?,
    };
    ctx.set(0, shape);
    Ok(())
}

/// The input's sizes (batch, height, width, channels) that `input_sizes` asks for.
///
/// # Errors
/// `InvalidArgument` when it is no vector of 4 or 2 sizes.
pub(crate) fn input_sizes(
    attrs: &ConvAttrs,
    sizes: &Tensor,
    filter: &Shape,
    grad: &Shape,
) -> Result<Shape> {
    if !sizes.shape().is_vector() {
        return Err(Error::invalid_argument(format!(
            "Conv2DBackpropInput: input_sizes input must be 1-dim, not {}",
            sizes.shape().rank()
        )));
    }
    match sizes.to_i64s()?.as_slice() {
        [a, b, c, d] => Shape::new(&[*a, *b, *c, *d]),
        [h, w] => {
            let batch = grad.dim(0).unwrap_or(0) as i64;
            let depth = filter.dim(2).unwrap_or(0) as i64;
            Shape::new(&attrs.format.from_nhwc([batch, *h, *w, depth]))
        }
        other => Err(Error::invalid_argument(format!(
            "Conv2DBackpropInput requires input_sizes to contain 4 values or 2 values, but got: {}",
            other.len()
        ))),
    }
}

/// Checks the sizes that both backward passes get; `label` is TensorFlow's name of the computation.
///
/// # Errors
/// `InvalidArgument` when ranks, depths, the batch or the gradient's size do not fit.
pub(crate) fn backprop_geometry(
    label: &str,
    attrs: &ConvAttrs,
    input: &Shape,
    filter: &Shape,
    grad: &Shape,
) -> Result<ConvGeometry> {
    let rank = |what: &str| format!("{label}: {what} must be 4-dimensional");
    let sizes = |shape: &Shape, what: &str| {
        four(shape, "").map_err(|_| Error::invalid_argument(rank(what)))
    };
    let input = attrs.format.to_nhwc(sizes(input, "input")?);
    let filter = sizes(filter, "filter")?;
    let grad = attrs.format.to_nhwc(sizes(grad, "out_backprop")?);
    if input[0] != grad[0] {
        return Err(Error::invalid_argument(format!(
            "{label}: input and out_backprop must have the same batch size. Input batch: {}, outbackprop batch: {}, batch_dim: 0",
            input[0], grad[0]
        )));
    }
    if filter[2] == 0 {
        return Err(Error::invalid_argument(format!(
            "{label}: filter depth must be strictly greated than zero"
        )));
    }
    if !input[3].is_multiple_of(filter[2]) {
        return Err(Error::invalid_argument(format!(
            "{label}: input depth must be evenly divisible by filter depth"
        )));
    }
    if filter[3] != grad[3] {
        return Err(Error::invalid_argument(format!(
            "{label}: filter and out_backprop must have the same out_depth"
        )));
    }
    let g = ConvGeometry::new(attrs, input, filter)?;
    for (i, s) in g.spatial.iter().enumerate() {
        if grad[1 + i] != s.output {
            return Err(Error::invalid_argument(format!(
                "{label}: Size of out_backprop doesn't match computed: actual = {}, computed = {} spatial_dim: {} input: {} filter: {} output: {} stride: {} dilation: {}",
                grad[1 + i],
                s.output,
                attrs.format.spatial(i),
                s.input,
                s.window,
                grad[1 + i],
                s.stride,
                s.dilation
            )));
        }
    }
    Ok(g)
}

fn new<T: Compute<In: PartialOrd>>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let attrs = ConvAttrs::of(init.attrs)?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let (filter, gradient) = (ctx.input(1)?, ctx.input(2)?);
        let shape = input_sizes(&attrs, ctx.input(0)?, filter.shape(), gradient.shape())?;
        let g = backprop_geometry(
            "Conv2DCustomBackpropInput",
            &attrs,
            &shape,
            filter.shape(),
            gradient.shape(),
        )?;
        let mut out = Tensor::alloc(T::DTYPE, shape)?;
        cpu::conv2d_backprop_input::<T>(
            ctx.pool(),
            &g,
            attrs.format,
            filter.data()?,
            gradient.data()?,
            out.make_mut()?,
        )?;
        ctx.set(0, out)
    }))
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let (filter, gradient, g) = (ctx.input(1), ctx.input(2), ctx.grad(0));
    let d_filter = forward_attrs(
        ctx,
        ctx.scope
            .op("Conv2DBackpropFilter")
            .input(g)
            .input(shape_of(ctx, filter))
            .input(gradient),
        SHARED_ATTRS,
    );
    let d_gradient = forward_attrs(
        ctx,
        ctx.scope.op("Conv2D").input(g).input(filter),
        SHARED_ATTRS,
    );
    dense([None, Some(d_filter.out()), Some(d_gradient.out())])
}

impl<'g> Scope<'g> {
    /// The gradient of a convolution with respect to its input of shape `input_sizes` (op
    /// `Conv2DBackpropInput`); also the "transposed convolution".
    #[track_caller]
    pub fn conv2d_backprop_input(
        self,
        input_sizes: impl Operand<'g>,
        filter: impl Operand<'g>,
        out_backprop: impl Operand<'g>,
        attrs: &ConvAttrs,
    ) -> Output<'g> {
        let op = self.op("Conv2DBackpropInput");
        attrs
            .set(op.input(input_sizes).input(filter).input(out_backprop))
            .out()
    }
}
