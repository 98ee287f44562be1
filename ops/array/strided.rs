//! Copies between boxes of elements that lie in memory with any steps: the engine of slices, transposes, pads,
//! tiles, concatenations and the like.

use super::items::{Item, Move, produce};
use crate::device::cpu::ThreadPool;
use crate::error::{Error, Result};
use crate::shape::Shape;
use crate::tensor::Tensor;
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

/// Fewer elements than this are copied on the calling thread.
const SERIAL: usize = 1 << 14;
/// About so many elements make a block of parallel work.
const BLOCK: usize = 1 << 13;
/// The edge of the square tiles in which a matrix is transposed.
const TILE: usize = 16;

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
    let beyond = || Error::internal("a copy beyond its tensor");
    if from.steps.len() != dims.len() || to.steps.len() != dims.len() {
        return Err(beyond());
    }
    if !within(dims, from, src.len()) || !within(dims, to, dst.len()) {
        return Err(beyond());
    }
    if !writes_once(dims, &to.steps) {
        return Err(Error::internal("a copy that writes an element twice"));
    }
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

/// A box after dropping dimensions of size 1 and merging those that can be walked as one.
#[derive(Clone, Default)]
struct Plan {
    dims: SmallVec<[usize; 6]>,
    from: Steps,
    to: Steps,
}

impl Plan {
    fn new(dims: &[usize], from: &Layout, to: &Layout) -> Plan {
        let mut p = Plan::default();
        for (i, &d) in dims.iter().enumerate() {
            let (f, t) = (from.steps[i], to.steps[i]);
            if d == 1 {
                continue;
            }
            let n = p.dims.len();
            // `within` proved that steps times sizes fit, so these products do not overflow.
            let merges = n > 0
                && p.from[n - 1] == f.wrapping_mul(d as isize)
                && p.to[n - 1] == t.wrapping_mul(d as isize);
            if merges {
                p.dims[n - 1] *= d;
                p.from[n - 1] = f;
                p.to[n - 1] = t;
            } else {
                p.dims.push(d);
                p.from.push(f);
                p.to.push(t);
            }
        }
        p
    }
    fn push_front(&mut self, dim: usize, from: isize, to: isize) {
        self.dims.insert(0, dim);
        self.from.insert(0, from);
        self.to.insert(0, to);
    }
    fn remove(&mut self, i: usize) -> (usize, isize, isize) {
        (self.dims.remove(i), self.from.remove(i), self.to.remove(i))
    }
    /// The offsets of the box whose number among the outer dimensions is `index`.
    fn offsets(&self, mut index: usize) -> (isize, isize) {
        let (mut f, mut t) = (0isize, 0isize);
        for i in (0..self.dims.len()).rev() {
            let k = (index % self.dims[i]) as isize;
            index /= self.dims[i];
            f += k * self.from[i];
            t += k * self.to[i];
        }
        (f, t)
    }
}

/// A checked copy: raw places and what lies around them.
struct Job<E> {
    plan: Plan,
    src: *const E,
    dst: *mut E,
}

// SAFETY: the job's places are read or written by disjoint blocks only (`writes_once`), and items are Send + Sync.
unsafe impl<E: Item> Sync for Job<E> {}

impl<E: Item> Job<E> {
    fn run(mut self, pool: &ThreadPool) {
        let Some((n, f, t)) = self
            .plan
            .dims
            .len()
            .checked_sub(1)
            .map(|i| self.plan.remove(i))
        else {
            // SAFETY: a box of one element, within both slices.
            unsafe { *self.dst = (*self.src).clone() };
            return;
        };
        let other = self.plan.from.iter().position(|s| *s == 1);
        match other {
            Some(k) if f != 1 && t == 1 && n > 3 && self.plan.dims[k] > 3 => {
                let (rows, _, row_step) = self.plan.remove(k);
                self.transpose(pool, rows, row_step, n, f);
            }
            _ => self.rows(pool, n, f, t),
        }
    }

    /// The place `offset` elements from the first one. (Methods, so that closures borrow the whole job.)
    ///
    /// # Safety
    /// It belongs to the box.
    unsafe fn source(&self, offset: isize) -> *const E {
        // SAFETY: as the caller promises.
        unsafe { self.src.offset(offset) }
    }
    /// As [`Job::source`].
    ///
    /// # Safety
    /// It belongs to the box.
    unsafe fn target(&self, offset: isize) -> *mut E {
        // SAFETY: as the caller promises.
        unsafe { self.dst.offset(offset) }
    }

    /// Calls `body` with blocks of outer indices.
    fn blocks(
        &self,
        pool: &ThreadPool,
        units: usize,
        each: usize,
        body: &(dyn Fn(usize, usize) + Sync),
    ) {
        if units.saturating_mul(each) < SERIAL {
            body(0, units);
        } else {
            pool.for_blocks(units, BLOCK.div_ceil(each), body);
        }
    }

    /// Copies lines of `n` elements, one for each outer index.
    fn rows(mut self, pool: &ThreadPool, mut n: usize, f: isize, t: isize) {
        // A single long line is cut, so that it can be shared among threads.
        let mut rest = 0;
        if self.plan.dims.is_empty() && n >= SERIAL {
            let lines = n / BLOCK;
            rest = n % BLOCK;
            self.plan
                .push_front(lines, f * BLOCK as isize, t * BLOCK as isize);
            n = BLOCK;
        }
        let lines: usize = self.plan.dims.iter().product();
        self.blocks(pool, lines, n, &|start, end| {
            for line in start..end {
                let (a, b) = self.plan.offsets(line);
                // SAFETY: the line belongs to the box, which lies within both slices.
                unsafe { copy_line(self.source(a), f, self.target(b), t, n) };
            }
        });
        if rest > 0 {
            let done = (lines * n) as isize;
            // SAFETY: the end of the line that was cut.
            unsafe { copy_line(self.source(done * f), f, self.target(done * t), t, rest) };
        }
    }

    /// Copies matrices whose rows are contiguous in the source, to where their columns are.
    /// Source: step 1 along `rows`, step `f` along the line; destination: `row_step` and 1.
    fn transpose(self, pool: &ThreadPool, rows: usize, row_step: isize, n: usize, f: isize) {
        let matrices: usize = self.plan.dims.iter().product();
        let bands = rows.div_ceil(TILE);
        self.blocks(pool, matrices * bands, TILE.min(rows) * n, &|start, end| {
            for unit in start..end {
                let (a, b) = self.plan.offsets(unit / bands);
                let first = unit % bands * TILE;
                let last = (first + TILE).min(rows);
                for left in (0..n).step_by(TILE) {
                    let right = (left + TILE).min(n);
                    for i in first..last {
                        let (i, left) = (i as isize, left as isize);
                        // SAFETY: rows `i` and columns `left..right` lie within the box.
                        unsafe {
                            copy_line(
                                self.source(a + i + left * f),
                                f,
                                self.target(b + i * row_step + left),
                                1,
                                right - left as usize,
                            );
                        }
                    }
                }
            }
        });
    }
}

/// Copies `n` elements with the given steps.
///
/// # Safety
/// All of them lie within live slices that do not overlap, and nobody else uses the written ones.
#[inline(always)]
unsafe fn copy_line<E: Item>(src: *const E, f: isize, dst: *mut E, t: isize, n: usize) {
    if f == 1 && t == 1 && n >= 8 {
        // SAFETY: as the caller promises.
        unsafe {
            std::slice::from_raw_parts_mut(dst, n)
                .clone_from_slice(std::slice::from_raw_parts(src, n));
        }
        return;
    }
    for i in 0..n as isize {
        // SAFETY: as the caller promises.
        unsafe { *dst.offset(i * t) = (*src.offset(i * f)).clone() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same copy, element by element.
    fn plainly(dims: &[usize], src: &[u32], from: &Layout, dst: &mut [u32], to: &Layout) {
        let total: usize = dims.iter().product();
        for index in 0..total {
            let (mut rest, mut f, mut t) = (index, from.start as isize, to.start as isize);
            for i in (0..dims.len()).rev() {
                let k = (rest % dims[i]) as isize;
                rest /= dims[i];
                f += k * from.steps[i];
                t += k * to.steps[i];
            }
            dst[t as usize] = src[f as usize];
        }
    }

    fn check(dims: &[usize], order: &[usize], flip: &[bool], repeat: &[bool]) {
        let pool = ThreadPool::new(2);
        // The source holds the dimensions in another order, some backwards, some only once.
        let n = dims.len();
        let mut from = Layout {
            start: 0,
            steps: SmallVec::from_elem(0, n),
        };
        let mut len = 1usize;
        for &i in order.iter().rev() {
            if repeat[i] {
                continue;
            }
            from.steps[i] = len as isize;
            if flip[i] && dims[i] > 0 {
                from.start += len * (dims[i] - 1);
                from.steps[i] = -from.steps[i];
            }
            len *= dims[i];
        }
        let src: Vec<u32> = (0..len as u32).collect();
        // The destination is a box inside a larger tensor.
        let larger: Vec<usize> = dims.iter().map(|d| d + 2).collect();
        let shape = Shape::of(&larger).unwrap();
        let to = Layout::at(&shape, &vec![1; n]).unwrap();
        let mut got = vec![u32::MAX; shape.elements()];
        let mut expected = got.clone();
        copy_box(&pool, dims, &src, &from, &mut got, &to).unwrap();
        plainly(dims, &src, &from, &mut expected, &to);
        assert!(got == expected, "{dims:?} {order:?} {flip:?} {repeat:?}");
    }

    proptest! {
        #[test]
        fn agrees_with_the_plain_loop(
            dims in prop::collection::vec(0usize..7, 0..5),
            seed in any::<u64>(),
            flip in prop::collection::vec(any::<bool>(), 5),
            repeat in prop::collection::vec(prop::bool::weighted(0.2), 5),
        ) {
            let mut order: Vec<usize> = (0..dims.len()).collect();
            order.sort_by_key(|i| seed.rotate_left(7 * *i as u32) % 64);
            check(&dims, &order, &flip, &repeat);
        }
    }

    #[test]
    fn large_copies_are_shared_among_threads() {
        let no = [false; 3];
        check(&[200, 300], &[1, 0], &no, &no);
        check(&[5, 100, 130], &[0, 2, 1], &no, &no);
        check(&[40_000], &[0], &no, &no);
        check(&[40_001], &[0], &[true], &no);
        check(&[70, 3, 90], &[2, 1, 0], &[false, true, false], &no);
    }

    #[test]
    fn a_copy_beyond_its_tensor_is_refused() {
        let pool = ThreadPool::new(1);
        let shape = Shape::of(&[2, 2]).unwrap();
        let dense = Layout::dense(&shape);
        let (src, mut dst) = ([0u8; 4], [0u8; 3]);
        assert!(copy_box(&pool, &[2, 2], &src, &dense, &mut dst, &dense).is_err());
        let mut dst = [0u8; 4];
        let twice = Layout {
            start: 0,
            steps: SmallVec::from_slice(&[0, 1]),
        };
        assert!(copy_box(&pool, &[2, 2], &src, &dense, &mut dst, &twice).is_err());
        let back = Layout {
            start: 0,
            steps: SmallVec::from_slice(&[2, -1]),
        };
        assert!(copy_box(&pool, &[2, 2], &src, &back, &mut dst, &dense).is_err());
    }
}
