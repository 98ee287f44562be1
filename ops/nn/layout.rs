//! Image batches between the orders NHWC and NCHW.

use super::window::DataFormat;
use crate::device::cpu::{Disjoint, Scratch, ThreadPool};
use crate::dtype::Element;
use crate::error::Result;

/// An image batch in the order NHWC: borrowed, or transposed from NCHW.
pub enum Images<'a, T: Element> {
    /// The given elements.
    Same(&'a [T]),
    /// Transposed ones.
    Copy(Scratch<T>),
}

impl<'a, T: Element> Images<'a, T> {
    /// The elements of `x`, whose sizes are given as batch, height, width, channels.
    ///
    /// # Errors
    /// `ResourceExhausted` when there is no memory for a copy.
    pub fn new(
        pool: &ThreadPool,
        format: DataFormat,
        sizes: [usize; 4],
        x: &'a [T],
    ) -> Result<Images<'a, T>> {
        if format == DataFormat::Nhwc {
            return Ok(Images::Same(x));
        }
        let mut copy = Scratch::new(x.len())?;
        let [n, h, w, c] = sizes;
        transpose(pool, n, c, h * w, x, copy.get_mut());
        Ok(Images::Copy(copy))
    }
    /// The elements in the order NHWC.
    pub fn get(&self) -> &[T] {
        match self {
            Images::Same(x) => x,
            Images::Copy(c) => c.get(),
        }
    }
}

/// Lets `f` fill `out` in the order NHWC and puts it into the order of `format`.
///
/// # Errors
/// Those of `f`; `ResourceExhausted` when there is no memory for a copy.
pub fn fill<T: Element>(
    pool: &ThreadPool,
    format: DataFormat,
    sizes: [usize; 4],
    out: &mut [T],
    f: impl FnOnce(&mut [T]) -> Result<()>,
) -> Result<()> {
    if format == DataFormat::Nhwc {
        return f(out);
    }
    let mut copy = Scratch::new(out.len())?;
    f(copy.get_mut())?;
    let [n, h, w, c] = sizes;
    transpose(pool, n, h * w, c, copy.get(), out);
    Ok(())
}

/// Transposes each of `batch` matrices `rows` x `cols`.
fn transpose<T: Element>(
    pool: &ThreadPool,
    batch: usize,
    rows: usize,
    cols: usize,
    from: &[T],
    to: &mut [T],
) {
    const BLOCK: usize = 16;
    let to = Disjoint::new(to);
    let bands = cols.div_ceil(BLOCK);
    pool.parallel_for(batch * bands, &|job| {
        let (n, c0) = (job / bands, job % bands * BLOCK);
        let c1 = (c0 + BLOCK).min(cols);
        // SAFETY: each job writes its own columns' rows of the result.
        let out = unsafe { to.part((n * cols + c0) * rows, (c1 - c0) * rows) };
        let from = &from[n * rows * cols..(n + 1) * rows * cols];
        for r0 in (0..rows).step_by(BLOCK) {
            for r in r0..(r0 + BLOCK).min(rows) {
                for c in c0..c1 {
                    out[(c - c0) * rows + r] = from[r * cols + c];
                }
            }
        }
    });
}
