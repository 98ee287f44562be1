//! The loops of strided copies: lines of elements, tiles of transposes, blocks of both for the thread pool.

use super::super::items::Item;
use super::{Layout, Steps};
use crate::device::cpu::ThreadPool;
use smallvec::SmallVec;
use std::mem::MaybeUninit;

/// Fewer elements than this are copied on the calling thread.
const SERIAL: usize = 1 << 14;
/// About so many elements make a block of parallel work.
const BLOCK: usize = 1 << 13;
/// Lines no longer than this are copied element by element, many at a time.
const SHORT: usize = 4;

/// A box after dropping dimensions of size 1 and merging those that can be walked as one.
#[derive(Clone, Default)]
pub(super) struct Plan {
    dims: SmallVec<[usize; 6]>,
    from: Steps,
    to: Steps,
}

impl Plan {
    pub(super) fn new(dims: &[usize], from: &Layout, to: &Layout) -> Plan {
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
pub(super) struct Job<E> {
    pub(super) plan: Plan,
    pub(super) src: *const E,
    pub(super) dst: *mut E,
}

// SAFETY: the job's places are read or written by disjoint blocks only (`writes_once`), and items are Send + Sync.
unsafe impl<E: Item> Sync for Job<E> {}

impl<E: Item> Job<E> {
    /// Copies everything.
    pub(super) fn run(mut self, pool: &ThreadPool) {
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
            Some(k) if f != 1 && t == 1 => {
                let (rows, one, row_step) = self.plan.remove(k);
                if n > SHORT && rows > SHORT {
                    match size_of::<E>() {
                        1 => self.transpose::<64>(pool, rows, row_step, n, f),
                        2 => self.transpose::<32>(pool, rows, row_step, n, f),
                        4 => self.transpose::<16>(pool, rows, row_step, n, f),
                        _ => self.transpose::<8>(pool, rows, row_step, n, f),
                    }
                } else {
                    // Along the rows the source is read as it lies.
                    self.plan.dims.push(rows);
                    self.plan.from.push(one);
                    self.plan.to.push(row_step);
                    self.rows(pool, n, f, t);
                }
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
        // Along the last of the outer dimensions lines are found by steps, along the others by division.
        let last = self.plan.dims.len().checked_sub(1);
        let (m, fm, tm) = last.map_or((1, 0, 0), |i| self.plan.remove(i));
        self.blocks(pool, lines, n, &|start, end| {
            let mut line = start;
            while line < end {
                let (outer, first) = (line / m, line % m);
                let count = (m - first).min(end - line);
                let (a, b) = self.plan.offsets(outer);
                let first = first as isize;
                let lines = Lines {
                    count,
                    fm,
                    tm,
                    n,
                    f,
                    t,
                };
                // SAFETY: the lines belong to the box, which lies within both slices.
                unsafe { lines.copy(self.source(a + first * fm), self.target(b + first * tm)) };
                line += count;
            }
        });
        if rest > 0 {
            let done = (lines * n) as isize;
            // SAFETY: the end of the line that was cut.
            unsafe { copy_line(self.source(done * f), f, self.target(done * t), t, rest) };
        }
    }

    /// Copies matrices whose rows are contiguous in the source, to where their columns are, in square tiles of
    /// one cache line's width that pass through a buffer (so that steps that are powers of two do no harm).
    /// Source: step 1 along `rows`, step `f` along the line; destination: `row_step` and 1.
    fn transpose<const TILE: usize>(
        self,
        pool: &ThreadPool,
        rows: usize,
        row_step: isize,
        n: usize,
        f: isize,
    ) {
        let matrices: usize = self.plan.dims.iter().product();
        let bands = rows.div_ceil(TILE);
        self.blocks(pool, matrices * bands, TILE.min(rows) * n, &|start, end| {
            let mut tile = [const { [const { MaybeUninit::uninit() }; TILE] }; TILE];
            for unit in start..end {
                let (a, b) = self.plan.offsets(unit / bands);
                let first = unit % bands * TILE;
                let height = TILE.min(rows - first);
                for left in (0..n).step_by(TILE) {
                    let width = TILE.min(n - left);
                    let (i, j) = (first as isize, left as isize);
                    // SAFETY: rows `first..first + height` and columns `left..left + width` lie within the box.
                    unsafe {
                        let (from, to) = (
                            self.source(a + i + j * f),
                            self.target(b + i * row_step + j),
                        );
                        through(&mut tile, [height, width], from, f, to, row_step);
                    }
                }
            }
        });
    }
}

/// Copies one tile: `size` rows and columns, rows contiguous in the source, columns in the destination.
///
/// # Safety
/// All elements lie within live slices that do not overlap, and nobody else uses the written ones.
#[inline(always)]
unsafe fn through<E: Item, const TILE: usize>(
    tile: &mut [[MaybeUninit<E>; TILE]; TILE],
    size: [usize; 2],
    src: *const E,
    f: isize,
    dst: *mut E,
    row_step: isize,
) {
    let [height, width] = size;
    for (j, column) in tile.iter_mut().enumerate().take(width) {
        for (i, to) in column.iter_mut().enumerate().take(height) {
            // SAFETY: as the caller promises.
            to.write(unsafe { (*src.offset(j as isize * f + i as isize)).clone() });
        }
    }
    for i in 0..height {
        for (j, column) in tile.iter().enumerate().take(width) {
            // SAFETY: as the caller promises; the tile's element was written above and is taken out once.
            unsafe {
                *dst.offset(i as isize * row_step + j as isize) = column[i].assume_init_read()
            };
        }
    }
}

/// `count` lines of `n` elements: steps from line to line, and within a line.
struct Lines {
    count: usize,
    fm: isize,
    tm: isize,
    n: usize,
    f: isize,
    t: isize,
}

impl Lines {
    /// Copies them.
    ///
    /// # Safety
    /// All of them lie within live slices that do not overlap, and nobody else uses the written ones.
    unsafe fn copy<E: Item>(&self, src: *const E, dst: *mut E) {
        // SAFETY: as the caller promises.
        unsafe {
            match self.n {
                2 => self.copy_short::<E, 2>(src, dst),
                3 => self.copy_short::<E, 3>(src, dst),
                4 => self.copy_short::<E, 4>(src, dst),
                _ => {
                    for i in 0..self.count as isize {
                        let (a, b) = (src.offset(i * self.fm), dst.offset(i * self.tm));
                        copy_line(a, self.f, b, self.t, self.n);
                    }
                }
            }
        }
    }
    /// As [`Lines::copy`] for lines whose length the compiler knows.
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    unsafe fn copy_short<E: Item, const N: usize>(&self, src: *const E, dst: *mut E) {
        for i in 0..self.count as isize {
            for j in 0..N as isize {
                // SAFETY: as the caller promises.
                unsafe {
                    let from = src.offset(i * self.fm + j * self.f);
                    *dst.offset(i * self.tm + j * self.t) = (*from).clone();
                }
            }
        }
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
