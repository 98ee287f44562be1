//! Softmax, LogSoftmax and both cross entropies on CUDA devices.

use super::{grid, long, size};
use crate::device::cuda::{Arg, Grid, Source, source_file};
use crate::dtype::sets::FLOATS;
use crate::error::Result;
use crate::kernel::{AnyKernel, KernelInit, OpContext};
use crate::ops::math::cuda::{index_name, prepare};
use crate::ops::nn::softmax::width_of;
use crate::ops::nn::softmax_cross_entropy::{repeated_shape, steps};
use crate::ops::nn::sparse_softmax_cross_entropy::check;
use crate::shape::Shape;

pub(crate) static SOURCE: Source = Source {
    name: "nn/softmax",
    files: &[source_file!("ops/nn/cuda/softmax.cu")],
    types: FLOATS,
};

/// Blocks of 256 threads: as many for each row as its width is worth.
fn row_grid(rows: usize, width: usize) -> Result<Grid> {
    let lanes = width.clamp(1, 256).next_power_of_two();
    let each = 256 / lanes;
    // Both are at most 256.
    grid(rows.div_ceil(each), [lanes as u32, each as u32], 0)
}

/// The kernel of Softmax.
pub(crate) fn softmax(init: &KernelInit<'_>) -> Result<AnyKernel> {
    by_rows(init, "softmax")
}
/// The kernel of LogSoftmax.
pub(crate) fn log_softmax(init: &KernelInit<'_>) -> Result<AnyKernel> {
    by_rows(init, "log_softmax")
}

fn by_rows(init: &KernelInit<'_>, name: &'static str) -> Result<AnyKernel> {
    let dtype = init.attrs.dtype("T")?;
    prepare(init, &SOURCE, dtype);
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let x = ctx.input(0)?;
        let width = width_of(x.shape())?;
        let out = ctx.alloc(dtype, x.shape())?;
        if out.elements() > 0 {
            let rows = out.elements() / width;
            let args = [
                x.device_ptr()?,
                out.device_ptr()?,
                size(rows)?,
                size(width)?,
            ];
            // SAFETY: the arguments are the kernel's; all tensors have the rows and columns that are passed, or steps of 0.
            unsafe {
                ctx.gpu()?
                    .launch(&SOURCE, dtype, name, row_grid(rows, width)?, &args)
            }?;
        }
        ctx.set(0, out)
    }))
}

/// The distance of an operand's rows and columns; 0 where one stands for all.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
struct Steps {
    row: i64,
    col: i64,
}

fn steps_of(shape: &Shape) -> Result<Arg> {
    let (row, col) = steps(shape);
    let (row, col) = (long(row)?, long(col)?);
    Ok(Arg::value(&Steps { row, col }))
}

/// The kernel of SoftmaxCrossEntropyWithLogits.
pub(crate) fn cross_entropy(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let dtype = init.attrs.dtype("T")?;
    prepare(init, &SOURCE, dtype);
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let (features, labels) = (ctx.input(0)?, ctx.input(1)?);
        let (rows, classes) = repeated_shape(features.shape(), labels.shape())?;
        let loss = ctx.alloc(dtype, &Shape::of(&[rows])?)?;
        let backprop = ctx.alloc(dtype, &Shape::of(&[rows, classes])?)?;
        if rows > 0 {
            let args = [
                features.device_ptr()?,
                labels.device_ptr()?,
                loss.device_ptr()?,
                backprop.device_ptr()?,
                size(rows)?,
                size(classes)?,
                steps_of(features.shape())?,
                steps_of(labels.shape())?,
            ];
            // SAFETY: the arguments are the kernel's; all tensors have the rows and columns that are passed, or steps of 0.
            unsafe {
                ctx.gpu()?.launch(
                    &SOURCE,
                    dtype,
                    "cross_entropy",
                    row_grid(rows, classes)?,
                    &args,
                )
            }?;
        }
        ctx.set(0, loss)?;
        ctx.set(1, backprop)
    }))
}

/// The kernel of SparseSoftmaxCrossEntropyWithLogits. A label out of range makes its row NaN, as on TensorFlow's GPUs,
/// since the host does not see the labels.
pub(crate) fn sparse_cross_entropy(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let dtype = init.attrs.dtype("T")?;
    prepare(init, &SOURCE, dtype);
    let labels = index_name(init.attrs.dtype("Tlabels")?)?;
    let function = format!("sparse_cross_entropy_{labels}");
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let (features, labels) = (ctx.input(0)?, ctx.input(1)?);
        let shape = features.shape();
        let (rows, classes) = check(shape, labels.shape())?;
        let loss = ctx.alloc(dtype, &Shape::of(&[rows])?)?;
        let backprop = ctx.alloc(dtype, shape)?;
        if rows > 0 {
            let args = [
                features.device_ptr()?,
                labels.device_ptr()?,
                loss.device_ptr()?,
                backprop.device_ptr()?,
                size(rows)?,
                size(classes)?,
            ];
            // SAFETY: the arguments are the kernel's; all tensors have the rows and columns that are passed, or steps of 0.
            unsafe {
                ctx.gpu()?
                    .launch(&SOURCE, dtype, &function, row_grid(rows, classes)?, &args)
            }?;
        }
        ctx.set(0, loss)?;
        ctx.set(1, backprop)
    }))
}
