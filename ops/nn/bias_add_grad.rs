//! BiasAddGrad: the sum over everything but the channels.

use super::bias_add::{channel_axis, format_of};
use super::compute::{Compute, Widened, fill};
use super::cuda;
use super::window::DataFormat;
use crate::device::cpu::{Disjoint, Scratch};
use crate::dtype::{DType, sets::FLOATS};
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::ops::math::number::Number;
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;
use half::{bf16, f16};
use num_complex::Complex;

pub(crate) static BIAS_ADD_GRAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "BiasAddGrad(out_backprop:T) -> (output:T)",
        attrs: "T:type{number}; data_format:string{NHWC,NCHW}=\"NHWC\"",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", &[DType::F32])], new::<f32>),
        KernelDef::cpu(&[("T", &[DType::F64])], new::<f64>),
        KernelDef::cpu(&[("T", &[DType::F16])], new::<f16>),
        KernelDef::cpu(&[("T", &[DType::BF16])], new::<bf16>),
        KernelDef::cpu(&[("T", &[DType::I8])], new::<i8>),
        KernelDef::cpu(&[("T", &[DType::I16])], new::<i16>),
        KernelDef::cpu(&[("T", &[DType::I32])], new::<i32>),
        KernelDef::cpu(&[("T", &[DType::I64])], new::<i64>),
        KernelDef::cpu(&[("T", &[DType::U8])], new::<u8>),
        KernelDef::cpu(&[("T", &[DType::U16])], new::<u16>),
        KernelDef::cpu(&[("T", &[DType::U32])], new::<u32>),
        KernelDef::cpu(&[("T", &[DType::U64])], new::<u64>),
        KernelDef::cpu(&[("T", &[DType::C64])], new::<Complex<f32>>),
        KernelDef::cpu(&[("T", &[DType::C128])], new::<Complex<f64>>),
        KernelDef::gpu(&[("T", FLOATS)], cuda::bias_add_grad),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let format = format_of(ctx.attrs)?;
    let input = ctx.input(0);
    input.with_rank_at_least(if format == DataFormat::Nhwc { 2 } else { 3 })?;
    let channels = input
        .rank()
        .and_then(|r| input.dim(channel_axis(format, r)));
    ctx.set(0, PartialShape::vector(channels));
    Ok(())
}

/// The number of channels, and of the elements that lie next to each other in one channel.
///
/// # Errors
/// `InvalidArgument` when the rank is too low.
pub(super) fn channels_of(shape: &Shape, format: DataFormat) -> Result<(usize, usize)> {
    let least = if format == DataFormat::Nhwc { 2 } else { 3 };
    if shape.rank() < least {
        return Err(Error::invalid_argument(format!(
            "Input tensor must be at least {least}D: {shape}"
        )));
    }
    let axis = channel_axis(format, shape.rank());
    Ok((shape.dims()[axis], shape.product(axis + 1..shape.rank())))
}

/// Rows (of all channels) that one partial sum takes; fixed, so that the sums do not depend on the threads.
const ROWS: usize = 512;

fn new<T: Compute>(init: &KernelInit<'_>) -> Result<AnyKernel>
where
    T::In: Number,
{
    let format = format_of(init.attrs)?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let g = ctx.input(0)?;
        let shape = g.shape();
        let (channels, inner) = channels_of(shape, format)?;
        let mut out = Tensor::alloc(T::DTYPE, Shape::of(&[channels])?)?;
        let wide = Widened::new(ctx.pool(), g.data::<T>()?)?;
        fill(ctx.pool(), out.make_mut::<T>()?, |sums| {
            sum::<T::In>(ctx, wide.get(), channels, inner, sums)
        })?;
        ctx.set(0, out)
    }))
}

fn sum<N: Number>(
    ctx: &OpContext<'_>,
    x: &[N],
    channels: usize,
    inner: usize,
    sums: &mut [N],
) -> Result<()> {
    sums.fill(N::ZERO);
    if x.is_empty() {
        return Ok(());
    }
    let group = channels * inner;
    let groups = x.len() / group;
    let per_job = (ROWS / inner).max(1);
    let jobs = groups.div_ceil(per_job);
    let mut partial = Scratch::<N>::new(jobs * channels)?;
    let to = Disjoint::new(partial.get_mut());
    ctx.pool().for_blocks(groups, per_job, &|a, b| {
        // SAFETY: each block has sums of its own.
        let acc = unsafe { to.part(a / per_job * channels, channels) };
        acc.fill(N::ZERO);
        for group in x[a * group..b * group].chunks_exact(group) {
            if inner == 1 {
                acc.iter_mut().zip(group).for_each(|(s, v)| *s = s.plus(*v));
            } else {
                for (s, plane) in acc.iter_mut().zip(group.chunks_exact(inner)) {
                    *s = plane.iter().fold(*s, |s, v| s.plus(*v));
                }
            }
        }
    });
    // Pairs of neighbours are added until one is left: the error grows with the logarithm only.
    let partial = partial.get_mut();
    let mut count = jobs;
    while count > 1 {
        for i in 0..count / 2 {
            for c in 0..channels {
                let s = partial[2 * i * channels + c].plus(partial[(2 * i + 1) * channels + c]);
                partial[i * channels + c] = s;
            }
        }
        if count % 2 == 1 {
            partial.copy_within(
                (count - 1) * channels..count * channels,
                count / 2 * channels,
            );
        }
        count = count.div_ceil(2);
    }
    sums.copy_from_slice(&partial[..channels]);
    Ok(())
}

/// The gradient of a sum: the same number everywhere (as TensorFlow builds it: reshape and tile).
fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.scope;
    let format = ctx.attrs().str("data_format")?.to_string();
    let zeros = s.op("ZerosLike").input(ctx.input(0)).out();
    let g = s
        .op("BiasAdd")
        .input(zeros)
        .input(ctx.grad(0))
        .attr("data_format", format)
        .out();
    dense([Some(g)])
}
