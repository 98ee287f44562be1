//! The kernels of this family on CUDA devices: their sources, and what their launches share.

pub(crate) mod bias;
pub(crate) mod conv2d;
pub(crate) mod lrn;
pub(crate) mod mat_mul;
pub(crate) mod pool;
pub(crate) mod softmax;
#[cfg(test)]
mod tests;

pub(super) use bias::{bias_add, bias_add_grad};
pub(super) use conv2d::{conv2d, conv2d_backprop_filter, conv2d_backprop_input};
pub(super) use lrn::{lrn, lrn_grad};
pub(super) use mat_mul::{batch_mat_mul, mat_mul};
pub(super) use pool::{
    avg_pool, avg_pool_grad, max_pool, max_pool_grad, max_pool_grad_grad, max_pool_grad_grad_v2,
    max_pool_grad_v2, max_pool_v2,
};
pub(super) use softmax::{cross_entropy, log_softmax, softmax, sparse_cross_entropy};

use crate::device::cuda::{Arg, Grid, Source, source_file};
use crate::dtype::{DType, sets::FLOATS};
use crate::error::{Error, Result};
use crate::kernel::OpContext;
use crate::shape::Shape;
use crate::tensor::Tensor;

pub(crate) static SLICES: Source = Source {
    name: "nn/slices",
    files: &[source_file!("ops/nn/cuda/slices.cu")],
    types: FLOATS,
};

/// The type that the kernels form sums of elements in.
fn sum_type(dtype: DType) -> DType {
    match dtype {
        DType::F16 | DType::BF16 => DType::F32,
        other => other,
    }
}

/// A size as a kernel's 64-bit argument.
fn size(n: usize) -> Result<Arg> {
    Ok(Arg::I64(long(n)?))
}

fn long(n: usize) -> Result<i64> {
    i64::try_from(n).map_err(|_| Error::invalid_argument(format!("{n} is too large for a GPU")))
}

/// A size as a kernel's `int`.
fn int(n: usize) -> Result<i32> {
    i32::try_from(n).map_err(|_| Error::invalid_argument(format!("{n} is too large for a GPU")))
}

/// Blocks in one dimension, each of `threads`.
fn grid(blocks: usize, threads: [u32; 2], shared: u32) -> Result<Grid> {
    Ok(Grid {
        blocks: [int(blocks)?.unsigned_abs(), 1, 1],
        threads: [threads[0], threads[1], 1],
        shared,
    })
}

/// A grid of 256 threads each for a loop over elements with a stride.
fn loop_grid(elements: usize) -> Result<Grid> {
    grid(elements.div_ceil(256).clamp(1, 1 << 20), [256, 1], 0)
}

/// Into how many sums the terms of each result are split, so that small products use the whole device too: fixed by the
/// sizes, and so are the results.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Split {
    slices: usize,
    /// Terms of each.
    terms: usize,
}

impl Split {
    /// For so many tiles of results (`results` in all) with `terms` terms each.
    fn new(tiles: usize, terms: usize, results: usize) -> Split {
        /// Blocks that keep a large device busy.
        const BLOCKS: usize = 528;
        /// Terms that are worth a slice.
        const LEAST: usize = 128;
        /// Elements of all slices.
        const MEMORY: usize = 16 << 20;
        let most = (terms / LEAST).min(MEMORY / results.max(1)).min(256);
        let slices = (BLOCKS / tiles.max(1)).min(most).max(1);
        let each = terms.div_ceil(slices).next_multiple_of(16).max(16);
        Split {
            slices: terms.div_ceil(each).max(1),
            terms: each,
        }
    }
    /// Memory for the slices of `out`; `out` itself when there is but one.
    fn work(&self, ctx: &OpContext<'_>, out: &Tensor) -> Result<Tensor> {
        if self.slices == 1 {
            return Ok(out.clone());
        }
        slices_of(ctx, out, self.slices)
    }
    /// Adds up the slices.
    fn finish(&self, ctx: &OpContext<'_>, work: &Tensor, out: &Tensor) -> Result<()> {
        if self.slices == 1 {
            return Ok(());
        }
        sum_slices(ctx, work, out, self.slices)
    }
}

/// Memory for `slices` times the elements of `out`, in the type of sums.
fn slices_of(ctx: &OpContext<'_>, out: &Tensor, slices: usize) -> Result<Tensor> {
    let shape = Shape::of(&[slices, out.elements()])?;
    ctx.alloc(sum_type(out.dtype()), &shape)
}

/// `out` becomes the sum of the slices in `work`, in ascending order.
fn sum_slices(ctx: &OpContext<'_>, work: &Tensor, out: &Tensor, slices: usize) -> Result<()> {
    let args = [
        work.device_ptr()?,
        out.device_ptr()?,
        size(out.elements())?,
        size(slices)?,
    ];
    // One thread for each element; narrow blocks, since there may be few.
    let blocks = out.elements().div_ceil(64).clamp(1, 1 << 20);
    // SAFETY: the arguments are the kernel's; `work` has `slices` times the elements of `out`.
    unsafe {
        ctx.gpu()?.launch(
            &SLICES,
            out.dtype(),
            "sum_slices",
            grid(blocks, [64, 1], 0)?,
            &args,
        )
    }
}
