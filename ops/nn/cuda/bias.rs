//! BiasAdd and BiasAddGrad on CUDA devices.

use super::{SLICES, grid, loop_grid, size, slices_of, sum_slices};
use crate::device::cuda::{Source, source_file};
use crate::dtype::DType;
use crate::error::Result;
use crate::kernel::{AnyKernel, KernelInit, OpContext};
use crate::ops::math::cuda::prepare;
use crate::ops::nn::bias_add::{channel_axis, check, format_of};
use crate::ops::nn::bias_add_grad::channels_of;
use crate::shape::Shape;

pub(crate) static SOURCE: Source = Source {
    name: "nn/bias",
    files: &[source_file!("ops/nn/cuda/bias.cu")],
    types: &[DType::F16, DType::BF16, DType::F32, DType::F64, DType::I32],
};

/// The kernel of BiasAdd and BiasAddV1.
pub(crate) fn bias_add(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let format = format_of(init.attrs)?;
    let dtype = init.attrs.dtype("T")?;
    prepare(init, &SOURCE, dtype);
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let (value, bias) = (ctx.input(0)?.clone(), ctx.input(1)?.clone());
        let shape = value.shape().clone();
        let channels = check(&shape, bias.shape(), format)?;
        let inner = shape.product(channel_axis(format, shape.rank()) + 1..shape.rank());
        let from = value.device_ptr()?;
        // The buffer is reused only when this kernel alone holds it.
        drop(value);
        let (out, _) = ctx.forward_or_alloc(&[0], dtype, &shape)?;
        if out.elements() > 0 {
            let args = [
                from,
                bias.device_ptr()?,
                out.device_ptr()?,
                size(out.elements())?,
                size(channels)?,
                size(inner)?,
            ];
            // SAFETY: the arguments are the kernel's; value and result have as many elements, the bias one for each channel.
            unsafe {
                ctx.gpu()?.launch(
                    &SOURCE,
                    dtype,
                    "bias_add",
                    loop_grid(out.elements())?,
                    &args,
                )
            }?;
        }
        ctx.set(0, out)
    }))
}

/// The kernel of BiasAddGrad: sums of blocks of rows, then the sum of these.
pub(crate) fn bias_add_grad(init: &KernelInit<'_>) -> Result<AnyKernel> {
    /// Blocks of rows, at most.
    const PARTS: usize = 256;
    let format = format_of(init.attrs)?;
    let dtype = init.attrs.dtype("T")?;
    prepare(init, &SOURCE, dtype);
    prepare(init, &SLICES, dtype);
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let g = ctx.input(0)?;
        let (channels, inner) = channels_of(g.shape(), format)?;
        let out = ctx.alloc(dtype, &Shape::of(&[channels])?)?;
        if let Some(count) = g.elements().checked_div(channels) {
            let per = count.div_ceil(PARTS).max(128);
            let parts = count.div_ceil(per).max(1);
            let work = slices_of(ctx, &out, parts)?;
            let (from, to) = (g.device_ptr()?, work.device_ptr()?);
            if inner == 1 {
                let blocks = grid(parts * channels.div_ceil(32), [32, 8], 0)?;
                let args = [from, to, size(count)?, size(channels)?, size(per)?];
                // SAFETY: the arguments are the kernel's; `work` has room for all parts of all channels.
                unsafe {
                    ctx.gpu()?
                        .launch(&SOURCE, dtype, "column_sums", blocks, &args)
                }?;
            } else {
                let blocks = grid(parts.saturating_mul(channels), [256, 1], 0)?;
                let outer = count.checked_div(inner).unwrap_or(0);
                let args = [
                    from,
                    to,
                    size(outer)?,
                    size(channels)?,
                    size(inner)?,
                    size(per)?,
                ];
                // SAFETY: as above.
                unsafe {
                    ctx.gpu()?
                        .launch(&SOURCE, dtype, "plane_sums", blocks, &args)
                }?;
            }
            sum_slices(ctx, &work, &out, parts)?;
        }
        ctx.set(0, out)
    }))
}
