//! FusedBatchNormGrad, FusedBatchNormGradV2, FusedBatchNormGradV3: the gradients of batch normalization.

use super::channels::Channels;
use super::{Pixel, channels_last, fits, known_channels, same_shape, vector};
use crate::dtype::DType;
use crate::error::Result;
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::PartialShape;
use crate::tensor::Tensor;
use half::{bf16, f16};

const KERNELS_V2: &[KernelDef] = &[
    KernelDef::cpu(&[("T", &[DType::F32]), ("U", &[DType::F32])], new::<f32>),
    KernelDef::cpu(&[("T", &[DType::F16]), ("U", &[DType::F32])], new::<f16>),
    KernelDef::cpu(&[("T", &[DType::BF16]), ("U", &[DType::F32])], new::<bf16>),
];

pub(crate) static FUSED_BATCH_NORM_GRAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "FusedBatchNormGrad(y_backprop:T, x:T, scale:T, reserve_space_1:T, reserve_space_2:T) -> (x_backprop:T, scale_backprop:T, offset_backprop:T, reserve_space_3:T, reserve_space_4:T)",
        attrs: "T:type{float}; epsilon:float=0.0001; data_format:string{NHWC,NCHW}=\"NHWC\"; is_training:bool=true",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Missing,
    kernels: &[KernelDef::cpu(&[("T", &[DType::F32])], new::<f32>)],
};

pub(crate) static FUSED_BATCH_NORM_GRAD_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "FusedBatchNormGradV2(y_backprop:T, x:T, scale:float, reserve_space_1:U, reserve_space_2:U) -> (x_backprop:T, scale_backprop:U, offset_backprop:U, reserve_space_3:U, reserve_space_4:U)",
        attrs: "T:type{half,bfloat16,float}; U:type{float}; epsilon:float=0.0001; data_format:string{NHWC,NCHW}=\"NHWC\"; is_training:bool=true",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Missing,
    kernels: KERNELS_V2,
};

pub(crate) static FUSED_BATCH_NORM_GRAD_V3: OpEntry = OpEntry {
    def: OpDef {
        signature: "FusedBatchNormGradV3(y_backprop:T, x:T, scale:float, reserve_space_1:U, reserve_space_2:U, reserve_space_3:U) -> (x_backprop:T, scale_backprop:U, offset_backprop:U, reserve_space_4:U, reserve_space_5:U)",
        attrs: "T:type{half,bfloat16,float}; U:type{float}; epsilon:float=0.0001; data_format:string{NHWC,NCHW,NDHWC,NCDHW}=\"NHWC\"; is_training:bool=true",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Missing,
    kernels: KERNELS_V2,
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let last = channels_last(ctx.attrs)?;
    let x = ctx.input(0).merge(&ctx.input(1))?;
    let mut channels = PartialShape::vector(known_channels(&x, last)?);
    for i in 2..5 {
        channels = channels.merge(&ctx.with_rank(i, 1)?)?;
    }
    ctx.set(0, x);
    ctx.set(1, channels.clone());
    ctx.set(2, channels);
    for i in 3..5 {
        ctx.set(i, PartialShape::vector(Some(0)));
    }
    Ok(())
}

fn new<T: Pixel>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let last = channels_last(init.attrs)?;
    let epsilon = init.attrs.float("epsilon")?;
    let training = init.attrs.bool("is_training")?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let shape = same_shape(ctx.input(1)?.shape(), ctx.input(0)?.shape())?.clone();
        let view = Channels::new(&shape, last)?;
        let c = view.channels;
        let scale = vector(ctx, 2, "scale")?;
        let mean = vector(ctx, 3, "reserve_space_1")?;
        let variance = vector(ctx, 4, "reserve_space_2")?;
        fits(scale, c, "", "scale")?;
        fits(mean, c, "", "reserve_space_1")?;
        fits(variance, c, "", "reserve_space_2")?;
        let (dy, x) = (ctx.data::<T>(0)?, ctx.data::<T>(1)?);
        let sums = view.sums(ctx.pool(), |i, channel| {
            let d = dy[i].wide();
            [d, d * (x[i].wide() - mean[channel])]
        });
        let n = view.each().max(1) as f64;
        let deviation = |i: usize| f64::from(variance[i] + epsilon);
        let by: Vec<f32> = (0..c)
            .map(|i| (f64::from(scale[i]) / deviation(i).sqrt()) as f32)
            .collect();
        // In training mean and variance move with the input.
        let (mean_dy, slope): (Vec<f32>, Vec<f32>) = sums
            .iter()
            .enumerate()
            .map(|(i, [sum, product])| match training {
                true => ((sum / n) as f32, (product / n / deviation(i)) as f32),
                false => (0.0, 0.0),
            })
            .unzip();
        let mut dx = Tensor::alloc(T::DTYPE, shape.clone())?;
        view.map(ctx.pool(), dx.make_mut::<T>()?, |i, channel| {
            let centered = x[i].wide() - mean[channel];
            let d = dy[i].wide() - mean_dy[channel] - centered * slope[channel];
            T::of(by[channel] * d)
        });
        let d_scale: Vec<f32> = sums
            .iter()
            .enumerate()
            .map(|(i, [_, product])| (product / deviation(i).sqrt()) as f32)
            .collect();
        let d_offset: Vec<f32> = sums.iter().map(|[sum, _]| *sum as f32).collect();
        // Of nothing there is nothing to learn, whatever the kept variance is.
        let d_scale = if view.each() == 0 {
            vec![0.0; c]
        } else {
            d_scale
        };
        ctx.set(0, dx)?;
        ctx.set(1, Tensor::from(d_scale))?;
        ctx.set(2, Tensor::from(d_offset))?;
        for i in 3..5 {
            ctx.set(i, Tensor::from(Vec::<f32>::new()))?;
        }
        Ok(())
    }))
}
