//! LRN and LRNGrad on CUDA devices.

use super::{grid, int, long};
use crate::device::cuda::{Arg, DevicePtr, Source, source_file};
use crate::dtype::DType;
use crate::error::Result;
use crate::kernel::{AnyKernel, KernelInit, OpContext};
use crate::ops::math::cuda::prepare;
use crate::ops::nn::lrn::LrnAttrs;
use crate::ops::nn::lrn_grad::check;
use crate::ops::nn::window::four;
use crate::shape::Shape;
use crate::tensor::Tensor;

pub(crate) static SOURCE: Source = Source {
    name: "nn/lrn",
    files: &[source_file!("ops/nn/cuda/lrn.cu")],
    types: &[DType::F16, DType::BF16, DType::F32],
};

/// What the kernels take.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
struct Lrn {
    count: i64,
    depth: i32,
    rows: i32,
    radius: i32,
    bias: f32,
    alpha: f32,
    beta: f32,
}

/// The kernel of LRN.
pub(crate) fn lrn(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let attrs = LrnAttrs::of(init.attrs)?;
    prepare(init, &SOURCE, init.attrs.dtype("T")?);
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let x = ctx.input(0)?;
        let [_, _, _, depth] = four(x.shape(), "in must be 4-dimensional")?;
        let out = ctx.alloc(x.dtype(), x.shape())?;
        launch(ctx, "lrn", &attrs, depth, 1, &[x, &out])?;
        ctx.set(0, out)
    }))
}

/// The kernel of LRNGrad.
pub(crate) fn lrn_grad(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let attrs = LrnAttrs::of(init.attrs)?;
    prepare(init, &SOURCE, init.attrs.dtype("T")?);
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let (g, x, y) = (ctx.input(0)?, ctx.input(1)?, ctx.input(2)?);
        let depth = check(g.shape(), x.shape(), y.shape())?;
        let out = ctx.alloc(x.dtype(), x.shape())?;
        launch(ctx, "lrn_grad", &attrs, depth, 3, &[g, x, y, &out])?;
        ctx.set(0, out)
    }))
}

/// Calls a kernel that keeps `buffers` numbers for each element of the rows that a block takes at a time.
fn launch(
    ctx: &OpContext<'_>,
    name: &str,
    attrs: &LrnAttrs,
    depth: usize,
    buffers: usize,
    tensors: &[&Tensor],
) -> Result<()> {
    /// Elements that a block takes at a time.
    const ELEMENTS: usize = 1024;
    /// Numbers that fit into shared memory.
    const SHARED: usize = 12 << 10;
    let Some(out) = tensors.last().filter(|out| out.elements() > 0) else {
        return Ok(());
    };
    let count = out.elements() / depth;
    let rows = (ELEMENTS / depth).clamp(1, count);
    let numbers = buffers * rows * depth;
    let mut blocks = count.div_ceil(rows).min(1 << 20);
    let mut shared = int(numbers * 4)?.unsigned_abs();
    // A row that is too long for shared memory goes to device memory: then fewer blocks share less of it.
    let mut spill = None;
    if numbers > SHARED {
        (blocks, shared) = (blocks.min(264), 0);
        let shape = Shape::of(&[blocks, numbers])?;
        spill = Some(ctx.alloc(DType::F32, &shape)?);
    }
    let mut args = Vec::with_capacity(tensors.len() + 2);
    for t in tensors {
        args.push(t.device_ptr()?);
    }
    args.push(match &spill {
        Some(memory) => memory.device_ptr()?,
        None => Arg::Ptr(DevicePtr(0)),
    });
    args.push(Arg::value(&Lrn {
        count: long(count)?,
        depth: int(depth)?,
        rows: int(rows)?,
        radius: int(attrs.radius(depth))?,
        bias: attrs.bias,
        alpha: attrs.alpha,
        beta: attrs.beta,
    }));
    // SAFETY: the arguments are the kernel's; all tensors have `count` rows of `depth`, and the buffers a block's rows.
    unsafe {
        ctx.gpu()?.launch(
            &SOURCE,
            out.dtype(),
            name,
            grid(blocks, [256, 1], shared)?,
            &args,
        )
    }
}
