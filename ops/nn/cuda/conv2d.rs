//! The three passes of two-dimensional convolutions on CUDA devices, as products of matrices that are never stored.

use super::mat_mul::{Sizes, Tiling};
use super::{SLICES, Split, grid, int, long, size};
use crate::device::cuda::{Arg, Source, source_file};
use crate::dtype::sets::FLOATS;
use crate::error::{Error, Result};
use crate::kernel::{AnyKernel, KernelInit, OpContext};
use crate::ops::math::cuda::prepare;
use crate::ops::nn::conv_attrs::ConvAttrs;
use crate::ops::nn::conv_geometry::ConvGeometry;
use crate::ops::nn::conv2d::geometry;
use crate::ops::nn::conv2d_backprop_filter::filter_shape;
use crate::ops::nn::conv2d_backprop_input::{backprop_geometry, input_sizes};
use crate::ops::nn::unfold;
use crate::ops::nn::window::DataFormat;
use crate::shape::Shape;
use crate::tensor::Tensor;

pub(crate) static SOURCE: Source = Source {
    name: "nn/conv2d",
    files: &[
        source_file!("ops/nn/cuda/tile.cuh"),
        source_file!("ops/nn/cuda/conv2d.cu"),
    ],
    types: FLOATS,
};

/// One dimension: output `g` reads input `g * step + offset + tap * apart`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
struct Axis {
    size: i32,
    grid: i32,
    step: i32,
    taps: i32,
    offset: i32,
    apart: i32,
}

/// A pass, as the kernels take it.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
struct Pass {
    rows: Axis,
    cols: Axis,
    channels: i64,
    depth: i64,
    first_tap: i64,
    tap_row: i64,
    tap_col: i64,
    filter_term: i64,
    filter_result: i64,
    filter_group: i64,
    out_rows: i64,
    out_cols: i64,
    out_channels: i64,
    out_depth: i64,
    origin: [i32; 2],
    step: [i32; 2],
}

impl Axis {
    fn of(a: &unfold::Axis) -> Result<Axis> {
        let apart = match a.taps.as_slice() {
            [first, second, ..] => second.offset - first.offset,
            _ => 0,
        };
        let offset = a.taps.first().map_or(0, |t| t.offset);
        let last = a.taps.last().map_or(0, |t| t.offset);
        // All places that the kernel looks at fit into an int.
        let reach = a.grid.checked_mul(a.step).and_then(|r| {
            r.checked_add(last.unsigned_abs())?
                .checked_add(offset.unsigned_abs())
        });
        int(reach.unwrap_or(usize::MAX))?;
        let signed = |n: isize| {
            i32::try_from(n).map_err(|_| Error::invalid_argument("filter too large for a GPU"))
        };
        Ok(Axis {
            size: int(a.size)?,
            grid: int(a.grid)?,
            step: int(a.step)?,
            taps: int(a.taps.len())?,
            offset: signed(offset)?,
            apart: signed(apart)?,
        })
    }
}

/// The number of the first tap and the distance to the next.
fn numbers(a: &unfold::Axis) -> (i64, i64) {
    match a.taps.as_slice() {
        [first, second, ..] => (first.index as i64, second.index as i64 - first.index as i64),
        [first] => (first.index as i64, 0),
        [] => (0, 0),
    }
}

impl Pass {
    /// That makes the output; its axes are also those of the filter's gradient.
    fn forward(g: &ConvGeometry) -> Result<Pass> {
        let unfold = g.unfold_input(0);
        let [_, rows, cols, _] = g.output();
        let (depth, filters) = (long(g.filter_depth)?, long(g.out_depth)?);
        int(g.filter_depth)?;
        Ok(Pass {
            rows: Axis::of(&unfold.rows)?,
            cols: Axis::of(&unfold.cols)?,
            channels: long(g.in_depth)?,
            depth,
            first_tap: 0,
            tap_row: long(g.spatial[1].window)? * depth * filters,
            tap_col: depth * filters,
            filter_term: filters,
            filter_result: 1,
            filter_group: long(g.group_depth())?,
            out_rows: long(rows)?,
            out_cols: long(cols)?,
            out_channels: filters,
            out_depth: long(g.group_depth())?,
            origin: [0; 2],
            step: [1; 2],
        })
    }
    /// That makes the input's gradient at the positions of one phase of the strides.
    fn backward(g: &ConvGeometry, phase: [usize; 2]) -> Result<Pass> {
        let unfold = g.unfold_output(0, phase);
        let [_, rows, cols, channels] = g.input();
        let (depth, filters) = (long(g.filter_depth)?, long(g.out_depth)?);
        let ((row, row_step), (col, col_step)) = (numbers(&unfold.rows), numbers(&unfold.cols));
        let across = long(g.spatial[1].window)?;
        int(g.group_depth())?;
        let [h, w] = &g.spatial;
        Ok(Pass {
            rows: Axis::of(&unfold.rows)?,
            cols: Axis::of(&unfold.cols)?,
            channels: filters,
            depth: long(g.group_depth())?,
            first_tap: (row * across + col) * depth * filters,
            tap_row: row_step * across * depth * filters,
            tap_col: col_step * depth * filters,
            filter_term: 1,
            filter_result: filters,
            filter_group: long(g.group_depth())?,
            out_rows: long(rows)?,
            out_cols: long(cols)?,
            out_channels: long(channels)?,
            out_depth: depth,
            origin: [int(phase[0])?, int(phase[1])?],
            step: [int(h.stride)?, int(w.stride)?],
        })
    }
}

/// Transposes each of `batch` matrices `rows` x `cols`.
fn transpose(
    ctx: &OpContext<'_>,
    [batch, rows, cols]: [usize; 3],
    from: &Tensor,
    to: &Tensor,
) -> Result<()> {
    if to.elements() == 0 {
        return Ok(());
    }
    let blocks = batch
        .saturating_mul(rows.div_ceil(32))
        .saturating_mul(cols.div_ceil(32));
    let args = [
        from.device_ptr()?,
        to.device_ptr()?,
        size(batch)?,
        size(rows)?,
        size(cols)?,
    ];
    // SAFETY: the arguments are the kernel's; both tensors have batch * rows * cols elements.
    unsafe {
        ctx.gpu()?.launch(
            &SOURCE,
            from.dtype(),
            "transpose",
            grid(blocks, [32, 8], 0)?,
            &args,
        )
    }
}

/// An image batch in the order NHWC, whose sizes are given as batch, height, width, channels.
fn images(
    ctx: &OpContext<'_>,
    format: DataFormat,
    [n, h, w, c]: [usize; 4],
    x: &Tensor,
) -> Result<Tensor> {
    if format == DataFormat::Nhwc {
        return Ok(x.clone());
    }
    let out = ctx.alloc(x.dtype(), x.shape())?;
    transpose(ctx, [n, c, h * w], x, &out)?;
    Ok(out)
}

/// Lets `f` fill a tensor in the order NHWC and puts it into the order of `format`.
fn filled(
    ctx: &OpContext<'_>,
    attrs: &ConvAttrs,
    sizes: [usize; 4],
    init: &Tensor,
    f: impl FnOnce(&Tensor) -> Result<()>,
) -> Result<Tensor> {
    let out = ctx.alloc(init.dtype(), &attrs.shape(sizes)?)?;
    if out.elements() == 0 {
        return Ok(out);
    }
    if attrs.format == DataFormat::Nhwc {
        f(&out)?;
        return Ok(out);
    }
    let [n, h, w, c] = sizes;
    let plain = ctx.alloc(init.dtype(), out.shape())?;
    f(&plain)?;
    transpose(ctx, [n, h * w, c], &plain, &out)?;
    Ok(out)
}

/// One launch of a pass: `a` and `b` are its operands.
fn launch(
    ctx: &OpContext<'_>,
    name: &str,
    tiling: &Tiling,
    split: &Split,
    pass: &Pass,
    sizes: Sizes,
    [a, b, out, work]: [&Tensor; 4],
) -> Result<()> {
    let args = [
        a.device_ptr()?,
        b.device_ptr()?,
        out.device_ptr()?,
        work.device_ptr()?,
        Arg::value(&sizes),
        Arg::value(pass),
        size(out.elements())?,
    ];
    let blocks = grid(tiling.tiles.saturating_mul(split.slices), [256, 1], 0)?;
    let function = format!("{name}_{}", tiling.tile);
    // SAFETY: the arguments are the kernel's; the pass describes the tensors, whose shapes were checked, and `work` has all slices.
    unsafe {
        ctx.gpu()?
            .launch(&SOURCE, out.dtype(), &function, blocks, &args)
    }
}

fn prepare_for(init: &KernelInit<'_>) -> Result<()> {
    let dtype = init.attrs.dtype("T")?;
    prepare(init, &SOURCE, dtype);
    prepare(init, &SLICES, dtype);
    Ok(())
}

/// The kernel of Conv2D.
pub(crate) fn conv2d(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let attrs = ConvAttrs::of(init.attrs)?;
    prepare_for(init)?;
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let (input, filter) = (ctx.input(0)?, ctx.input(1)?);
        let g = geometry(&attrs, input.shape(), filter.shape())?;
        let out = filled(ctx, &attrs, g.output(), input, |out| {
            let input = images(ctx, attrs.format, g.input(), input)?;
            let [batch, rows, cols, _] = g.output();
            let [window_rows, window_cols, depth, _] = g.filter();
            // Without input channels there is no group, but an output of zeros.
            let groups = g.groups().max(1);
            let k = if g.in_depth == 0 {
                0
            } else {
                window_rows * window_cols * depth
            };
            let (m, n) = (batch * rows * cols, g.group_depth());
            let tiling = Tiling::new(m, n, groups);
            let split = Split::new(tiling.tiles, k, out.elements());
            let work = split.work(ctx, out)?;
            let sizes = Sizes::new(m, n, k, &split)?;
            let pass = Pass::forward(&g)?;
            let tensors = [&input, filter, out, &work];
            launch(ctx, "conv2d", &tiling, &split, &pass, sizes, tensors)?;
            split.finish(ctx, &work, out)
        })?;
        ctx.set(0, out)
    }))
}

/// The kernel of Conv2DBackpropInput.
pub(crate) fn conv2d_backprop_input(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let attrs = ConvAttrs::of(init.attrs)?;
    prepare_for(init)?;
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let (filter, gradient) = (ctx.input(1)?, ctx.input(2)?);
        let shape = input_sizes(&attrs, ctx.input(0)?, filter.shape(), gradient.shape())?;
        let label = "Conv2DCustomBackpropInput";
        let g = backprop_geometry(label, &attrs, &shape, filter.shape(), gradient.shape())?;
        let out = filled(ctx, &attrs, g.input(), gradient, |out| {
            let gradient = images(ctx, attrs.format, g.output(), gradient)?;
            let [h, w] = &g.spatial;
            let phases = h.stride.min(h.input) * w.stride.min(w.input);
            let taps = h.window.div_ceil(h.stride) * w.window.div_ceil(w.stride);
            let n = g.filter_depth;
            let pixels = g.batch * h.input.div_ceil(h.stride) * w.input.div_ceil(w.stride);
            let tiling = Tiling::new(pixels, n, g.groups());
            let terms = taps * g.group_depth();
            let split = Split::new(tiling.tiles * phases, terms, out.elements());
            let work = split.work(ctx, out)?;
            for y in 0..h.stride.min(h.input) {
                for x in 0..w.stride.min(w.input) {
                    let pass = Pass::backward(&g, [y, x])?;
                    let (rows, cols) = (pass.rows.grid as usize, pass.cols.grid as usize);
                    let taps = pass.rows.taps as usize * pass.cols.taps as usize;
                    let k = taps * g.group_depth();
                    let m = g.batch * rows * cols;
                    let tiling = Tiling::of(tiling.tile, m, n, g.groups());
                    // As many slices, whatever the phase; the last may be empty.
                    let each = k.div_ceil(split.slices).next_multiple_of(16).max(16);
                    let split = Split {
                        terms: each,
                        ..split
                    };
                    let sizes = Sizes::new(m, n, k, &split)?;
                    let tensors = [&gradient, filter, out, &work];
                    launch(ctx, "conv2d_input", &tiling, &split, &pass, sizes, tensors)?;
                }
            }
            split.finish(ctx, &work, out)
        })?;
        ctx.set(0, out)
    }))
}

/// The kernel of Conv2DBackpropFilter.
pub(crate) fn conv2d_backprop_filter(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let attrs = ConvAttrs::of(init.attrs)?;
    prepare_for(init)?;
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let (input, gradient) = (ctx.input(0)?, ctx.input(2)?);
        let shape: Shape = filter_shape(ctx.input(1)?)?;
        let label = "Conv2DCustomBackpropFilter";
        let g = backprop_geometry(label, &attrs, input.shape(), &shape, gradient.shape())?;
        let out = ctx.alloc(input.dtype(), &shape)?;
        if out.elements() > 0 {
            let [batch, rows, cols, _] = g.output();
            let [window_rows, window_cols, depth, _] = g.filter();
            let pixels = batch * rows * cols;
            let k = if input.elements() == 0 { 0 } else { pixels };
            let input = images(ctx, attrs.format, g.input(), input)?;
            let gradient = images(ctx, attrs.format, g.output(), gradient)?;
            let (m, n) = (window_rows * window_cols * depth, g.group_depth());
            let tiling = Tiling::new(m, n, g.groups().max(1));
            let split = Split::new(tiling.tiles, k, out.elements());
            let work = split.work(ctx, &out)?;
            let sizes = Sizes::new(m, n, k, &split)?;
            let pass = Pass::forward(&g)?;
            let tensors = [&input, &gradient, &out, &work];
            launch(ctx, "conv2d_filter", &tiling, &split, &pass, sizes, tensors)?;
            split.finish(ctx, &work, &out)?;
        }
        ctx.set(0, out)
    }))
}
