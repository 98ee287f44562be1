//! DepthwiseConv2dNative: each channel of an image batch convolved with filters of its own.

mod backprop_filter;
mod backprop_input;
mod cpu;

pub(crate) use backprop_filter::DEPTHWISE_CONV2D_NATIVE_BACKPROP_FILTER;
pub(crate) use backprop_input::DEPTHWISE_CONV2D_NATIVE_BACKPROP_INPUT;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::ops::nn::compute::{self, Compute, Widened};
use crate::ops::nn::conv_attrs::ConvAttrs;
use crate::ops::nn::forwarding::{forward_attrs, shape_of};
use crate::ops::nn::layout::{self, Images};
use crate::ops::nn::window::{Slide, four};
use crate::registry::OpEntry;
use crate::shape::{Dim, PartialShape, Shape};
use crate::tensor::Tensor;
use half::{bf16, f16};

/// The attributes that all three passes share.
const SHARED_ATTRS: &[&str] = &[
    "strides",
    "padding",
    "explicit_paddings",
    "data_format",
    "dilations",
];

pub(crate) static DEPTHWISE_CONV2D_NATIVE: OpEntry = OpEntry {
    def: OpDef {
        signature: "DepthwiseConv2dNative(input:T, filter:T) -> (output:T)",
        attrs: "T:type{half,bfloat16,float,double}; strides:list(int); padding:string{SAME,VALID,EXPLICIT}; explicit_paddings:list(int)=[]; data_format:string{NHWC,NCHW}=\"NHWC\"; dilations:list(int)=[1,1,1,1]",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", &[DType::F32])], new::<f32>),
        KernelDef::cpu(&[("T", &[DType::F64])], new::<f64>),
        KernelDef::cpu(&[("T", &[DType::F16])], new::<f16>),
        KernelDef::cpu(&[("T", &[DType::BF16])], new::<bf16>),
    ],
};

/// The sizes of a depthwise convolution.
struct Depthwise {
    batch: usize,
    spatial: [Slide; 2],
    /// Channels of the input.
    depth: usize,
    /// Filters for each channel.
    multiplier: usize,
}

impl Depthwise {
    /// From the shapes of input and filter.
    fn new(attrs: &ConvAttrs, input: &Shape, filter: &Shape) -> Result<Depthwise> {
        let [batch, height, width, depth] = attrs
            .format
            .to_nhwc(four(input, "input must be 4-dimensional")?);
        let [rows, cols, filter_depth, multiplier] =
            four(filter, "filter must be 4-dimensional: ")?;
        if depth != filter_depth {
            return Err(Error::invalid_argument(format!(
                "input and filter must have the same depth: {depth} vs {filter_depth}"
            )));
        }
        let slide = |i: usize, size: usize, window: usize| {
            let window =
                i64::try_from(window).map_err(|_| Error::invalid_argument("filter too large"))?;
            let (stride, dilation) = (attrs.strides[i], attrs.dilations[i]);
            Slide::new(
                size,
                window,
                stride,
                dilation,
                attrs.padding,
                attrs.explicit[i],
            )
        };
        if depth.checked_mul(multiplier).is_none() {
            return Err(Error::invalid_argument("the output has too many channels"));
        }
        Ok(Depthwise {
            batch,
            spatial: [slide(0, height, rows)?, slide(1, width, cols)?],
            depth,
            multiplier,
        })
    }
    /// The input's sizes: batch, height, width, channels.
    fn input(&self) -> [usize; 4] {
        let [h, w] = &self.spatial;
        [self.batch, h.input, w.input, self.depth]
    }
    /// The output's sizes: batch, height, width, channels.
    fn output(&self) -> [usize; 4] {
        let [h, w] = &self.spatial;
        [self.batch, h.output, w.output, self.depth * self.multiplier]
    }
    /// As [`Depthwise::new`], with the shape of the output's gradient checked.
    fn backprop(
        label: &str,
        attrs: &ConvAttrs,
        input: &Shape,
        filter: &Shape,
        gradient: &Shape,
    ) -> Result<Depthwise> {
        let rank = |s: &Shape, what: &str| {
            four(s, "").map_err(|_| {
                Error::invalid_argument(format!("{label}: {what} must be 4-dimensional"))
            })
        };
        rank(input, "input")?;
        rank(filter, "filter")?;
        let got = attrs.format.to_nhwc(rank(gradient, "out_backprop")?);
        let g =
            Depthwise::new(attrs, input, filter).map_err(|e| e.context(format!("{label}: ")))?;
        let want = g.output();
        let bad = |what: String| Err(Error::invalid_argument(format!("{label}: {what}")));
        if got[0] != want[0] {
            return bad("input and out_backprop must have the same batch size".into());
        }
        if got[3] != want[3] {
            return bad("depth_multiplier * in_depth not equal to out_depth".into());
        }
        for (i, what) in [(1, "rows"), (2, "columns")] {
            if got[i] != want[i] {
                return bad(format!(
                    "Number of {what} of out_backprop doesn't match computed: actual = {}, computed = {}",
                    got[i], want[i]
                ));
            }
        }
        Ok(g)
    }
}

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let attrs = ConvAttrs::of(ctx.attrs)?;
    let input = ctx.with_rank(0, 4)?;
    let filter = ctx.with_rank(1, 4)?;
    let [batch, height, width, depth] = attrs.dims(&input);
    let depth = PartialShape::vector(depth)
        .merge(&PartialShape::vector(filter.dim(2)))?
        .dim(0);
    let channels = match (depth, filter.dim(3)) {
        (Some(d), Some(m)) => Some(
            d.checked_mul(m)
                .ok_or_else(|| Error::invalid_argument("the output has too many channels"))?,
        ),
        _ => None,
    };
    let sizes: [Dim; 4] = [
        batch,
        attrs.output_dim(0, height, filter.dim(0))?,
        attrs.output_dim(1, width, filter.dim(1))?,
        channels,
    ];
    ctx.set(0, PartialShape::of(attrs.format.from_nhwc(sizes)));
    Ok(())
}

fn new<T: Compute>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let attrs = ConvAttrs::of(init.attrs)?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let (input, filter) = (ctx.input(0)?, ctx.input(1)?);
        let g = Depthwise::new(&attrs, input.shape(), filter.shape())?;
        let mut out = Tensor::alloc(T::DTYPE, attrs.shape(g.output())?)?;
        let (pool, format) = (ctx.pool(), attrs.format);
        let input = Images::new(pool, format, g.input(), input.data::<T>()?)?;
        let input = Widened::new(pool, input.get())?;
        let filter = Widened::new(pool, filter.data::<T>()?)?;
        layout::fill(pool, format, g.output(), out.make_mut::<T>()?, |out| {
            compute::fill(pool, out, |out| {
                cpu::forward(pool, &g, input.get(), filter.get(), out);
                Ok(())
            })
        })?;
        ctx.set(0, out)
    }))
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let (input, filter, g) = (ctx.input(0), ctx.input(1), ctx.grad(0));
    let b = ctx.scope.op("DepthwiseConv2dNativeBackpropInput");
    let b = b.input(shape_of(ctx, input)).input(filter).input(g);
    let d_input = forward_attrs(ctx, b, SHARED_ATTRS).out();
    let b = ctx.scope.op("DepthwiseConv2dNativeBackpropFilter");
    let b = b.input(input).input(shape_of(ctx, filter)).input(g);
    let d_filter = forward_attrs(ctx, b, SHARED_ATTRS).out();
    dense([Some(d_input), Some(d_filter)])
}

impl<'g> Scope<'g> {
    /// The convolution of each channel of `[batch, height, width, depth]` images (or NCHW) with filters of its own, in
    /// a tensor `[rows, columns, depth, multiplier]`; the output has `depth * multiplier` channels (op
    /// `DepthwiseConv2dNative`).
    #[track_caller]
    pub fn depthwise_conv2d(
        self,
        input: impl Operand<'g>,
        filter: impl Operand<'g>,
        attrs: &ConvAttrs,
    ) -> Output<'g> {
        let op = self.op("DepthwiseConv2dNative").default_name("depthwise");
        attrs.set(op.input(input).input(filter)).out()
    }
}
