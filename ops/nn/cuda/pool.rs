//! Pooling and its gradients on CUDA devices.

use super::{int, long, loop_grid, size};
use crate::device::cuda::{Arg, Source, source_file};
use crate::dtype::{DType, sets::FLOATS};
use crate::error::Result;
use crate::kernel::{AnyKernel, KernelInit, OpContext};
use crate::ops::math::cuda::prepare;
use crate::ops::nn::avg_pool;
use crate::ops::nn::max_pool_grad::backward_geometry;
use crate::ops::nn::max_pool_grad_grad::second_geometry;
use crate::ops::nn::pool_attrs::{PoolAttrs, PoolGeometry, windows_from};
use crate::ops::nn::window::{DataFormat, Slide};
use crate::shape::Shape;
use crate::tensor::Tensor;

pub(crate) static SOURCE: Source = Source {
    name: "nn/pool",
    files: &[source_file!("ops/nn/cuda/pool.cu")],
    types: FLOATS,
};

/// One dimension: cells, windows, the size and the distance of windows, cells before the first.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
struct Windows {
    input: i32,
    output: i32,
    window: i32,
    stride: i32,
    before: i32,
}

/// A pooling, as the kernels take it.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
struct Pool {
    rows: Windows,
    cols: Windows,
    batch: i64,
    depth: i64,
    /// Whether the order is NCHW.
    planes: i64,
}

impl Windows {
    fn of(s: &Slide) -> Result<Windows> {
        Ok(Windows {
            input: int(s.input)?,
            output: int(s.output)?,
            window: int(s.window)?,
            stride: int(s.stride)?,
            before: int(s.before)?,
        })
    }
}

impl Pool {
    fn of(g: &PoolGeometry, format: DataFormat) -> Result<Arg> {
        Ok(Arg::value(&Pool {
            rows: Windows::of(&g.spatial[0])?,
            cols: Windows::of(&g.spatial[1])?,
            batch: long(g.batch)?,
            depth: long(g.depth)?,
            planes: i64::from(format == DataFormat::Nchw),
        }))
    }
}

/// Calls the kernel of that name, one thread for each element of the last of `tensors`, its output.
fn launch(
    ctx: &OpContext<'_>,
    name: &str,
    tensors: &[&Tensor],
    dtype: DType,
    rest: &[Arg],
) -> Result<()> {
    let elements = tensors.last().map_or(0, |out| out.elements());
    if elements == 0 {
        return Ok(());
    }
    let mut args = Vec::with_capacity(tensors.len() + rest.len() + 1);
    for t in tensors {
        args.push(t.device_ptr()?);
    }
    args.push(size(elements)?);
    args.extend_from_slice(rest);
    // SAFETY: the callers pass the kernel's arguments, of geometries that were checked against the tensors' shapes.
    unsafe {
        ctx.gpu()?
            .launch(&SOURCE, dtype, name, loop_grid(elements)?, &args)
    }
}

/// Where a kernel finds its windows.
type WindowsOf = Box<dyn Fn(&OpContext<'_>) -> Result<PoolAttrs> + Send + Sync>;

/// In the attributes.
fn fixed(init: &KernelInit<'_>) -> Result<WindowsOf> {
    let attrs = PoolAttrs::of(init.attrs)?;
    Ok(Box::new(move |_| Ok(attrs.clone())))
}

/// In inputs `at` and `at + 1`, which lie in host memory.
fn given(init: &KernelInit<'_>, at: usize) -> WindowsOf {
    let attrs = init.attrs.clone();
    Box::new(move |ctx| windows_from(&attrs, ctx.input(at)?, ctx.input(at + 1)?))
}

fn kernel(
    init: &KernelInit<'_>,
    windows: WindowsOf,
    make: fn(&OpContext<'_>, &PoolAttrs) -> Result<Tensor>,
) -> Result<AnyKernel> {
    prepare(init, &SOURCE, init.attrs.dtype("T")?);
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let out = make(ctx, &windows(ctx)?)?;
        ctx.set(0, out)
    }))
}

/// The kernel of MaxPool.
pub(crate) fn max_pool(init: &KernelInit<'_>) -> Result<AnyKernel> {
    kernel(init, fixed(init)?, forward)
}
/// The kernel of MaxPoolV2.
pub(crate) fn max_pool_v2(init: &KernelInit<'_>) -> Result<AnyKernel> {
    kernel(init, given(init, 1), forward)
}
/// The kernel of MaxPoolGrad.
pub(crate) fn max_pool_grad(init: &KernelInit<'_>) -> Result<AnyKernel> {
    kernel(init, fixed(init)?, backward)
}
/// The kernel of MaxPoolGradV2.
pub(crate) fn max_pool_grad_v2(init: &KernelInit<'_>) -> Result<AnyKernel> {
    kernel(init, given(init, 3), backward)
}
/// The kernel of MaxPoolGradGrad.
pub(crate) fn max_pool_grad_grad(init: &KernelInit<'_>) -> Result<AnyKernel> {
    kernel(init, fixed(init)?, second)
}
/// The kernel of MaxPoolGradGradV2.
pub(crate) fn max_pool_grad_grad_v2(init: &KernelInit<'_>) -> Result<AnyKernel> {
    kernel(init, given(init, 3), second)
}

fn forward(ctx: &OpContext<'_>, attrs: &PoolAttrs) -> Result<Tensor> {
    let input = ctx.input(0)?;
    let g = attrs.geometry(input.shape())?;
    let dtype = input.dtype();
    let out = ctx.alloc(dtype, &Shape::of(&attrs.format.from_nhwc(g.output()))?)?;
    if g.depth_window > 1 {
        // The distance of a pixel's channels.
        let step = match attrs.format {
            DataFormat::Nhwc => 1,
            DataFormat::Nchw => g.spatial[0].input * g.spatial[1].input,
        };
        let rest = [size(g.depth_window)?, size(step)?];
        launch(ctx, "max_pool_depth", &[input, &out], dtype, &rest)?;
    } else {
        launch(
            ctx,
            "max_pool",
            &[input, &out],
            dtype,
            &[Pool::of(&g, attrs.format)?],
        )?;
    }
    Ok(out)
}

fn backward(ctx: &OpContext<'_>, attrs: &PoolAttrs) -> Result<Tensor> {
    let g = backward_geometry(ctx, attrs)?;
    let (input, gradient) = (ctx.input(0)?, ctx.input(2)?);
    let dtype = input.dtype();
    let pool = [Pool::of(&g, attrs.format)?];
    let places = ctx.alloc(DType::I64, gradient.shape())?;
    launch(ctx, "max_places", &[input, &places], dtype, &pool)?;
    let out = ctx.alloc(dtype, input.shape())?;
    launch(
        ctx,
        "max_pool_grad",
        &[&places, gradient, &out],
        dtype,
        &pool,
    )?;
    Ok(out)
}

fn second(ctx: &OpContext<'_>, attrs: &PoolAttrs) -> Result<Tensor> {
    let g = second_geometry(ctx, attrs)?;
    let (input, maxima, gradient) = (ctx.input(0)?, ctx.input(1)?, ctx.input(2)?);
    let dtype = input.dtype();
    let out = ctx.alloc(dtype, maxima.shape())?;
    let tensors = [input, maxima, gradient, &out];
    launch(
        ctx,
        "max_pool_grad_grad",
        &tensors,
        dtype,
        &[Pool::of(&g, attrs.format)?],
    )?;
    Ok(out)
}

/// The kernel of AvgPool.
pub(crate) fn avg_pool(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let attrs = avg_pool::checked(init.attrs)?;
    prepare(init, &SOURCE, init.attrs.dtype("T")?);
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let value = ctx.input(0)?;
        let g = avg_pool::geometry(&attrs, value.shape())?;
        let out = ctx.alloc(
            value.dtype(),
            &Shape::of(&attrs.format.from_nhwc(g.output()))?,
        )?;
        let pool = [Pool::of(&g, attrs.format)?];
        launch(ctx, "avg_pool", &[value, &out], value.dtype(), &pool)?;
        ctx.set(0, out)
    }))
}

/// The kernel of AvgPoolGrad.
pub(crate) fn avg_pool_grad(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let attrs = PoolAttrs::of(init.attrs)?;
    prepare(init, &SOURCE, init.attrs.dtype("T")?);
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let gradient = ctx.input(1)?;
        let (shape, g) = avg_pool::gradient_geometry(&attrs, ctx.input(0)?, gradient.shape())?;
        let out = ctx.alloc(gradient.dtype(), &shape)?;
        let pool = [Pool::of(&g, attrs.format)?];
        launch(
            ctx,
            "avg_pool_grad",
            &[gradient, &out],
            gradient.dtype(),
            &pool,
        )?;
        ctx.set(0, out)
    }))
}
