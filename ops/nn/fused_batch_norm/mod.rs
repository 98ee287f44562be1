//! FusedBatchNorm, FusedBatchNormV2, FusedBatchNormV3: batches normalized by the mean and variance of each channel.

mod backward;
mod channels;

pub(crate) use backward::{
    FUSED_BATCH_NORM_GRAD, FUSED_BATCH_NORM_GRAD_V2, FUSED_BATCH_NORM_GRAD_V3,
};

use crate::dtype::{DType, Element};
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Attrs, Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;
use channels::Channels;
use half::{bf16, f16};

/// A stored type that is computed in single precision.
pub(super) trait Pixel: Element {
    fn wide(self) -> f32;
    fn of(v: f32) -> Self;
}
impl Pixel for f32 {
    fn wide(self) -> f32 {
        self
    }
    fn of(v: f32) -> f32 {
        v
    }
}
impl Pixel for f16 {
    fn wide(self) -> f32 {
        self.to_f32()
    }
    fn of(v: f32) -> f16 {
        f16::from_f32(v)
    }
}
impl Pixel for bf16 {
    fn wide(self) -> f32 {
        self.to_f32()
    }
    fn of(v: f32) -> bf16 {
        bf16::from_f32(v)
    }
}

const KERNELS_V2: &[KernelDef] = &[
    KernelDef::cpu(&[("T", &[DType::F32]), ("U", &[DType::F32])], new::<f32>),
    KernelDef::cpu(&[("T", &[DType::F16]), ("U", &[DType::F32])], new::<f16>),
    KernelDef::cpu(&[("T", &[DType::BF16]), ("U", &[DType::F32])], new::<bf16>),
];

pub(crate) static FUSED_BATCH_NORM: OpEntry = OpEntry {
    def: OpDef {
        signature: "FusedBatchNorm(x:T, scale:T, offset:T, mean:T, variance:T) -> (y:T, batch_mean:T, batch_variance:T, reserve_space_1:T, reserve_space_2:T)",
        attrs: "T:type{float}; epsilon:float=0.0001; exponential_avg_factor:float=1; data_format:string{NHWC,NCHW}=\"NHWC\"; is_training:bool=true",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(|ctx| grad(ctx, "FusedBatchNormGrad")),
    kernels: &[KernelDef::cpu(&[("T", &[DType::F32])], new::<f32>)],
};

pub(crate) static FUSED_BATCH_NORM_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "FusedBatchNormV2(x:T, scale:U, offset:U, mean:U, variance:U) -> (y:T, batch_mean:U, batch_variance:U, reserve_space_1:U, reserve_space_2:U)",
        attrs: "T:type{half,bfloat16,float}; U:type{float}; epsilon:float=0.0001; exponential_avg_factor:float=1; data_format:string{NHWC,NCHW}=\"NHWC\"; is_training:bool=true",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(|ctx| grad(ctx, "FusedBatchNormGradV2")),
    kernels: KERNELS_V2,
};

pub(crate) static FUSED_BATCH_NORM_V3: OpEntry = OpEntry {
    def: OpDef {
        signature: "FusedBatchNormV3(x:T, scale:U, offset:U, mean:U, variance:U) -> (y:T, batch_mean:U, batch_variance:U, reserve_space_1:U, reserve_space_2:U, reserve_space_3:U)",
        attrs: "T:type{half,bfloat16,float}; U:type{bfloat16,float}; epsilon:float=0.0001; exponential_avg_factor:float=1; data_format:string{NHWC,NCHW,NDHWC,NCDHW}=\"NHWC\"; is_training:bool=true",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(|ctx| grad(ctx, "FusedBatchNormGradV3")),
    kernels: KERNELS_V2,
};

/// Whether the channels are the last dimension.
fn channels_last(attrs: &Attrs) -> Result<bool> {
    Ok(attrs.str("data_format")?.ends_with('C'))
}

/// The channels of an image batch of rank 4 or 5, as far as known.
fn known_channels(shape: &PartialShape, last: bool) -> Result<Option<usize>> {
    let Some(dims) = shape.dims() else {
        return Ok(None);
    };
    match (dims.len(), last) {
        (4 | 5, true) => Ok(dims.last().copied().flatten()),
        (4 | 5, false) => Ok(shape.dim(1)),
        _ => Err(Error::invalid_argument(format!(
            "input must be 4 or 5-dimensional{shape}"
        ))),
    }
}

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let last = channels_last(ctx.attrs)?;
    let x = ctx.input(0);
    let mut channels = PartialShape::vector(known_channels(&x, last)?);
    let own_statistics =
        ctx.attrs.bool("is_training")? && ctx.attrs.float("exponential_avg_factor")? == 1.0;
    for i in 1..5 {
        let vector = ctx.with_rank(i, 1)?;
        if i < 3 || !own_statistics {
            channels = channels.merge(&vector)?;
        }
    }
    let y = match x.dims() {
        Some(dims) => {
            let mut dims = dims.to_vec();
            let axis = if last { dims.len() - 1 } else { 1 };
            dims[axis] = channels.dim(0);
            PartialShape::of(dims)
        }
        None => x,
    };
    ctx.set(0, y);
    for i in 1..5 {
        ctx.set(i, channels.clone());
    }
    ctx.set(5, PartialShape::unknown());
    Ok(())
}

/// A vector of one number for each channel.
fn vector<'a>(ctx: &'a OpContext<'_>, i: usize, name: &str) -> Result<&'a [f32]> {
    let t = ctx.input(i)?;
    if !t.shape().is_vector() {
        return Err(Error::invalid_argument(format!(
            "{name} must be 1-dimensional{}",
            t.shape()
        )));
    }
    t.data::<f32>()
}

/// Checks the length of such a vector.
fn fits(v: &[f32], channels: usize, before: &str, name: &str) -> Result<()> {
    if v.len() == channels {
        return Ok(());
    }
    Err(Error::invalid_argument(format!(
        "{before}{name} must have the same number of elements as the channels of x, got {} and {channels}",
        v.len()
    )))
}

fn new<T: Pixel>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let last = channels_last(init.attrs)?;
    let epsilon = init.attrs.float("epsilon")?;
    let factor = init.attrs.float("exponential_avg_factor")?;
    let training = init.attrs.bool("is_training")?;
    let outputs = init.outputs.len();
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let shape = ctx.input(0)?.shape().clone();
        let view = Channels::new(&shape, last)?;
        let c = view.channels;
        let (scale, offset) = (vector(ctx, 1, "scale")?, vector(ctx, 2, "offset")?);
        let (mean, variance) = (
            vector(ctx, 3, "estimated_mean")?,
            vector(ctx, 4, "estimated_variance")?,
        );
        fits(scale, c, "", "scale")?;
        fits(offset, c, "", "offset")?;
        let before = match (training, factor == 1.0) {
            (false, _) => Some("When is_training=false, "),
            (true, false) => Some("When exponential_avg_factor != 1, "),
            (true, true) => None,
        };
        if let Some(before) = before {
            fits(mean, c, before, "mean")?;
            fits(variance, c, before, "variance")?;
        }
        let x = ctx.data::<T>(0)?;
        let n = view.each();
        let (own_mean, own_variance) = match training {
            true => statistics(ctx, &view, x),
            false => (mean.to_vec(), variance.to_vec()),
        };
        let by: Vec<f32> = (own_variance.iter().zip(scale))
            .map(|(v, s)| s / (v + epsilon).sqrt())
            .collect();
        let mut y = Tensor::alloc(T::DTYPE, shape.clone())?;
        view.map(ctx.pool(), y.make_mut::<T>()?, |i, channel| {
            T::of((x[i].wide() - own_mean[channel]) * by[channel] + offset[channel])
        });
        // Of nothing there is neither mean nor variance.
        let (batch_mean, batch_variance) = if n == 0 {
            (vec![f32::NAN; c], vec![f32::NAN; c])
        } else if training {
            let unbiased = n as f32 / n.saturating_sub(1).max(1) as f32;
            let blend = |old: &[f32], i: usize, new: f32| match factor == 1.0 {
                true => new,
                false => (1.0 - factor) * old.get(i).copied().unwrap_or(0.0) + factor * new,
            };
            (
                (0..c).map(|i| blend(mean, i, own_mean[i])).collect(),
                (0..c)
                    .map(|i| blend(variance, i, own_variance[i] * unbiased))
                    .collect(),
            )
        } else {
            (own_mean.clone(), own_variance.clone())
        };
        let vectors = [batch_mean, batch_variance, own_mean, own_variance];
        ctx.set(0, y)?;
        for (i, v) in vectors.into_iter().enumerate() {
            ctx.set(i + 1, Tensor::from(v))?;
        }
        if outputs > 5 {
            ctx.set(5, Tensor::from(0.0f32))?;
        }
        Ok(())
    }))
}

/// Mean and variance (of all elements, not of a sample) of each channel.
fn statistics<T: Pixel>(ctx: &OpContext<'_>, view: &Channels, x: &[T]) -> (Vec<f32>, Vec<f32>) {
    let n = view.each().max(1) as f64;
    let mean: Vec<f32> = view
        .sums(ctx.pool(), |i, _| [x[i].wide()])
        .iter()
        .map(|[s]| (s / n) as f32)
        .collect();
    let variance = view
        .sums(ctx.pool(), |i, channel| {
            let d = x[i].wide() - mean[channel];
            [d * d]
        })
        .iter()
        .map(|[s]| (s / n) as f32)
        .collect();
    (mean, variance)
}

/// The gradient op of that name, on what the forward pass kept or, outside of training, on the given statistics.
fn grad<'g>(ctx: &GradCtx<'g>, op: &'static str) -> Result<InputGradients<'g>> {
    let s = ctx.scope;
    let training = ctx.attrs().bool("is_training")?;
    let kept = match training {
        true => [ctx.output(3), ctx.output(4)],
        false => [ctx.input(3), ctx.input(4)],
    };
    let b = s
        .op(op)
        .input(ctx.grad(0))
        .input(ctx.input(0))
        .input(ctx.input(1));
    let mut b = b.input(kept[0]).input(kept[1]);
    if op.ends_with("V3") {
        b = b.input(ctx.output(5));
    }
    for name in ["epsilon", "data_format", "is_training"] {
        b = b.attr(name, ctx.attrs().get(name)?.clone());
    }
    let node = b.finish();
    dense([
        Some(node.output(0)),
        Some(node.output(1)),
        Some(node.output(2)),
        None,
        None,
    ])
}

/// How [`Scope::fused_batch_norm`] normalizes.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNormOptions {
    /// Added to the variance.
    pub epsilon: f32,
    /// How much the batch counts against the given mean and variance.
    pub exponential_avg_factor: f32,
    /// "NHWC" or "NCHW" (with five dimensions "NDHWC" or "NCDHW").
    pub data_format: String,
    /// By the batch's own mean and variance, or by the given ones.
    pub is_training: bool,
}

impl Default for BatchNormOptions {
    fn default() -> BatchNormOptions {
        BatchNormOptions {
            epsilon: 0.001,
            exponential_avg_factor: 1.0,
            data_format: "NHWC".into(),
            is_training: true,
        }
    }
}

impl<'g> Scope<'g> {
    /// Normalizes each channel of an image batch; gives the result, and the mean and variance to keep (op
    /// `FusedBatchNormV3`). In training with factor 1 the given mean and variance may be empty.
    #[track_caller]
    pub fn fused_batch_norm(
        self,
        x: impl Operand<'g>,
        scale: impl Operand<'g>,
        offset: impl Operand<'g>,
        mean: impl Operand<'g>,
        variance: impl Operand<'g>,
        options: &BatchNormOptions,
    ) -> (Output<'g>, Output<'g>, Output<'g>) {
        let b = self
            .op("FusedBatchNormV3")
            .input(x)
            .input(scale)
            .input(offset);
        let node = b
            .input(mean)
            .input(variance)
            .attr("epsilon", options.epsilon)
            .attr("exponential_avg_factor", options.exponential_avg_factor)
            .attr("data_format", options.data_format.as_str())
            .attr("is_training", options.is_training)
            .finish();
        (node.output(0), node.output(1), node.output(2))
    }
}

/// The shapes of input and gradient, which must be one.
fn same_shape<'a>(x: &'a Shape, gradient: &Shape) -> Result<&'a Shape> {
    if x == gradient {
        return Ok(x);
    }
    Err(Error::invalid_argument(format!(
        "x and y_backprop must have same shape, but x has shape {x} and y_backprop has shape {gradient}"
    )))
}
