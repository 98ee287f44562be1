//! Copies between boxes of elements that lie in memory with any steps: the engine of slices, transposes, pads,
//! tiles, concatenations and the like.

mod copy;

use super::cuda;
use super::items::{Item, Move, produce};
use crate::device::cpu::ThreadPool;
use crate::device::cuda::Gpu;
use crate::error::{Error, Result};
use crate::shape::Shape;
use crate::tensor::Tensor;
use copy::{Job, Plan};
use smallvec::SmallVec;

/// Steps in elements along each dimension.
pub(crate) type Steps = SmallVec<[isize; 6]>;

/// Where a box of elements lies: its first element, and the step along each dimension.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// The place of the first element.
    pub(crate) start: usize,
    /// The steps; 0 repeats, a negative one walks backwards.
    pub(crate) steps: Steps,
}

impl Layout {
    /// All of a row-major tensor.
    pub(crate) fn dense(shape: &Shape) -> Layout {
        Layout {
            start: 0,
            steps: steps_of(shape),
        }
    }
    /// A box within a row-major tensor that begins at these indices.
    ///
    /// # Errors
    /// `Internal` when the place cannot be addressed.
    pub(crate) fn at(shape: &Shape, begin: &[usize]) -> Result<Layout> {
        let steps = steps_of(shape);
        let start = begin
            .iter()
            .zip(&steps)
            .try_fold(0usize, |a, (b, s)| {
                a.checked_add(b.checked_mul(s.unsigned_abs())?)
            })
            .ok_or_else(|| Error::internal("a place beyond the address space"))?;
        Ok(Layout { start, steps })
    }
}

/// The steps of a row-major tensor.
pub(crate) fn steps_of(shape: &Shape) -> Steps {
    // A shape's product fits i64; sizes that saturate belong to empty tensors, of which nothing is copied.
    shape
        .strides()
        .iter()
        .map(|s| isize::try_from(*s).unwrap_or(isize::MAX))
        .collect()
}

/// One copy of a box from an input to the new tensor.
pub(crate) struct BoxCopy {
    /// The number of the input.
    pub(crate) input: usize,
    /// The size of the box.
    pub(crate) dims: SmallVec<[usize; 6]>,
    /// Where it lies in the input.
    pub(crate) from: Layout,
    /// Where it goes.
    pub(crate) to: Layout,
}

/// Fills a new tensor by copies of boxes, perhaps over a background: the only element of the input numbered `fill`.
pub(crate) struct Boxes<'a> {
    pub(crate) pool: &'a ThreadPool,
    pub(crate) fill: Option<usize>,
    pub(crate) copies: &'a [BoxCopy],
}

impl Move for Boxes<'_> {
    fn run<E: Item>(self, inputs: &[&[E]], out: &mut [E]) -> Result<()> {
        let missing = || Error::internal("a missing input");
        if let Some(i) = self.fill {
            let value = inputs.get(i).and_then(|v| v.first()).ok_or_else(missing)?;
            out.fill(value.clone());
        }
        for c in self.copies {
            let src = inputs.get(c.input).ok_or_else(missing)?;
            copy_box(self.pool, &c.dims, src, &c.from, out, &c.to)?;
        }
        Ok(())
    }
    fn launch(self, gpu: &Gpu, inputs: &[&Tensor], out: &Tensor) -> Result<()> {
        let input = |i: usize| {
            inputs
                .get(i)
                .ok_or_else(|| Error::internal("a missing input"))
        };
        if let Some(i) = self.fill {
            cuda::fill(gpu, out, input(i)?)?;
        }
        for c in self.copies {
            let x = input(c.input)?;
            if c.dims.contains(&0) {
                continue;
            }
            check_box(&c.dims, x.elements(), &c.from, out.elements(), &c.to)?;
            cuda::copy_box(gpu, c, x, out)?;
        }
        Ok(())
    }
}

/// A tensor of that shape whose elements are those of `x` in the order that `from` walks them. Where they lie
/// one after the other, it shares the buffer of `x`.
///
/// # Errors
/// As [`produce`] and [`copy_box`].
pub(crate) fn rearranged(
    pool: &ThreadPool,
    x: &Tensor,
    shape: Shape,
    from: Layout,
) -> Result<Tensor> {
    let end = from.start.checked_add(shape.elements());
    if let Some(end) = end.filter(|e| *e <= x.elements())
        && x.dtype().is_pod()
        && in_order(shape.dims(), &from.steps)
    {
        let flat = x.reshaped(Shape::of(&[x.elements()])?)?;
        return flat.rows(from.start, end)?.into_shape(shape);
    }
    let copies = [BoxCopy {
        input: 0,
        dims: SmallVec::from_slice(shape.dims()),
        from,
        to: Layout::dense(&shape),
    }];
    let job = Boxes {
        pool,
        fill: None,
        copies: &copies,
    };
    produce(x.dtype(), shape, &[x], job)
}

/// Whether a walk of that size and these steps meets the elements one after the other.
fn in_order(dims: &[usize], steps: &[isize]) -> bool {
    let mut expected = 1isize;
    dims.len() == steps.len()
        && !dims.contains(&0)
        && dims.iter().zip(steps).rev().all(|(d, s)| {
            let fine = *d == 1 || *s == expected;
            expected = expected.saturating_mul(*d as isize);
            fine
        })
}

/// Copies a box of size `dims` from `src` to `dst`.
///
/// # Errors
/// `Internal` when the box does not lie within the slices, or writes an element twice: kernels check their inputs
/// before.
pub(crate) fn copy_box<E: Item>(
    pool: &ThreadPool,
    dims: &[usize],
    src: &[E],
    from: &Layout,
    dst: &mut [E],
    to: &Layout,
) -> Result<()> {
    if dims.contains(&0) {
        return Ok(());
    }
    check_box(dims, src.len(), from, dst.len(), to)?;
    let job = Job {
        plan: Plan::new(dims, from, to),
        // SAFETY: `start` lies within the slices (checked above: the box is not empty).
        src: unsafe { src.as_ptr().add(from.start) },
        // SAFETY: as above.
        dst: unsafe { dst.as_mut_ptr().add(to.start) },
    };
    job.run(pool);
    Ok(())
}

/// Fails unless a box that is not empty lies within so many elements on both sides and writes each once.
fn check_box(dims: &[usize], src: usize, from: &Layout, dst: usize, to: &Layout) -> Result<()> {
    let beyond = || Error::internal("a copy beyond its tensor");
    if from.steps.len() != dims.len() || to.steps.len() != dims.len() {
        return Err(beyond());
    }
    if !within(dims, from, src) || !within(dims, to, dst) {
        return Err(beyond());
    }
    if !writes_once(dims, &to.steps) {
        return Err(Error::internal("a copy that writes an element twice"));
    }
    Ok(())
}

/// Whether every element of the box lies within `len` elements.
fn within(dims: &[usize], layout: &Layout, len: usize) -> bool {
    let (mut low, mut high) = (layout.start as i128, layout.start as i128);
    for (d, s) in dims.iter().zip(&layout.steps) {
        let reach = (*d as i128 - 1) * *s as i128;
        if reach < 0 {
            low += reach;
        } else {
            high += reach;
        }
    }
    low >= 0 && high < len as i128
}

/// Whether different indices lead to different places: each step reaches beyond all smaller ones together.
fn writes_once(dims: &[usize], steps: &[isize]) -> bool {
    let mut sorted: SmallVec<[(u128, u128); 6]> = dims
        .iter()
        .zip(steps)
        .filter(|(d, _)| **d > 1)
        .map(|(d, s)| (s.unsigned_abs() as u128, *d as u128))
        .collect();
    sorted.sort_unstable();
    let mut reach = 0u128;
    sorted.iter().all(|(step, dim)| {
        let fine = *step > reach;
        reach += step * (dim - 1);
        fine
    })
}

#[cfg(test)]
mod tests;
