//! What both versions of AdjustContrast compute: distances to the mean of a channel, scaled.

use crate::device::cpu::{Disjoint, Scratch, ThreadPool, try_parallel};
use crate::dtype::Element;
use crate::error::{Error, Result};
use crate::kernel::OpContext;
use crate::op::ShapeCtx;
use crate::tensor::Tensor;
use half::f16;

/// An element that becomes a float to compute with.
pub(super) trait Pixel: Element {
    fn float(self) -> f32;
}
macro_rules! pixels {
    ($($t:ty),*) => { $(
        impl Pixel for $t {
            #[inline(always)]
            fn float(self) -> f32 {
                self as f32
            }
        }
    )* };
}
pixels!(u8, i8, i16, i32, f32, f64);
impl Pixel for f16 {
    #[inline(always)]
    fn float(self) -> f32 {
        self.to_f32()
    }
}

/// An element of a result.
pub(super) trait Result32: Element {
    fn of(value: f32) -> Self;
}
impl Result32 for f32 {
    #[inline(always)]
    fn of(value: f32) -> f32 {
        value
    }
}
impl Result32 for f16 {
    #[inline(always)]
    fn of(value: f32) -> f16 {
        f16::from_f32(value)
    }
}

/// Elements that one job handles, about.
const BLOCK: usize = 1 << 14;

/// Images of at least three dimensions, all other inputs scalars: the result has the shape of the images.
pub(super) fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let images = ctx.input(0);
    images.with_rank_at_least(3)?;
    for i in 1..ctx.len() {
        ctx.with_rank(i, 0)?;
    }
    ctx.set(0, images);
    Ok(())
}

/// An input that must be a scalar.
///
/// # Errors
/// `InvalidArgument` "contrast_factor must be scalar: [2]".
pub(super) fn scalar(ctx: &OpContext<'_>, i: usize, name: &str) -> Result<f32> {
    let t = ctx.input(i)?;
    if !t.shape().is_scalar() {
        return Err(Error::invalid_argument(format!(
            "{name} must be scalar: {}",
            t.shape()
        )));
    }
    t.to_scalar()
}

/// `limit((x − mean) · factor + mean)`, the mean over each channel of each image `[…, height, width, channels]`.
///
/// # Errors
/// `InvalidArgument` for fewer than three dimensions; `ResourceExhausted` when memory is short.
pub(super) fn contrast<T: Pixel, U: Result32>(
    pool: &ThreadPool,
    images: &Tensor,
    factor: f32,
    limit: impl Fn(f32) -> f32 + Sync,
) -> Result<Tensor> {
    let shape = images.shape();
    let &[.., height, width, channels] = shape.dims() else {
        return Err(Error::invalid_argument(format!(
            "input must be at least 3-D, got shape{shape}"
        )));
    };
    let x = images.data::<T>()?;
    let mut out = Tensor::alloc(U::DTYPE, shape.clone())?;
    if x.is_empty() {
        return Ok(out);
    }
    // The products below divide the number of elements, which is not zero: none overflows.
    let pixels = height * width;
    let count = x.len() / (pixels * channels);
    let mut means = Scratch::<f32>::new(count * channels)?;
    let to = Disjoint::new(means.get_mut());
    try_parallel(pool, count, &|i| {
        let image = &x[i * pixels * channels..(i + 1) * pixels * channels];
        // SAFETY: each image has its own means.
        channel_means(pool, image, channels, unsafe {
            to.part(i * channels, channels)
        })
    })?;
    let means = means.get();
    let block = (BLOCK / channels).max(64).min(pixels);
    let blocks = pixels.div_ceil(block);
    let to = Disjoint::new(out.make_mut::<U>()?);
    pool.parallel_for(count * blocks, &|job| {
        let start = job % blocks * block;
        let end = (start + block).min(pixels);
        let first = (job / blocks * pixels + start) * channels;
        let range = first..first + (end - start) * channels;
        let means = &means[job / blocks * channels..][..channels];
        // SAFETY: the parts of the jobs do not overlap.
        let y = unsafe { to.part(range.start, range.len()) };
        let pixels = x[range].chunks_exact(channels);
        for (y, x) in y.chunks_exact_mut(channels).zip(pixels) {
            for ((y, x), mean) in y.iter_mut().zip(x).zip(means) {
                *y = U::of(limit((x.float() - mean) * factor + mean));
            }
        }
    });
    Ok(out)
}

/// The mean of each channel of an image that is not empty: its second half is added to the first until one pixel is
/// left, in the order of TensorFlow's sums, so that the means have the same bits there.
fn channel_means<T: Pixel>(
    pool: &ThreadPool,
    image: &[T],
    channels: usize,
    means: &mut [f32],
) -> Result<()> {
    let pixels = image.len() / channels;
    // Of an odd number the middle one waits for the next round.
    let mut left = pixels.div_ceil(2);
    let (low, high) = image.split_at(left * channels);
    let mut sums = Scratch::<f32>::new(low.len())?;
    let to = Disjoint::new(sums.get_mut());
    pool.for_blocks(low.len(), BLOCK, &|a, b| {
        // SAFETY: blocks do not overlap.
        let sums = unsafe { to.part(a, b - a) };
        for (s, v) in sums.iter_mut().zip(&low[a..b]) {
            *s = v.float();
        }
        for (s, v) in sums.iter_mut().zip(&high[a.min(high.len())..]) {
            *s += v.float();
        }
    });
    let mut rest = sums.get_mut();
    while left > 1 {
        left = left.div_ceil(2);
        let (sums, more) = rest.split_at_mut(left * channels);
        sums.iter_mut().zip(more).for_each(|(s, v)| *s += *v);
        rest = sums;
    }
    let scale = 1.0 / pixels as f32;
    for (mean, sum) in means.iter_mut().zip(rest) {
        *mean = *sum * scale;
    }
    Ok(())
}
