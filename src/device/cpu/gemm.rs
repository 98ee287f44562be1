//! Matrix products: packed, tiled, parallel over fixed blocks, the same bits for any number of threads.

mod pack;
mod portable;
mod tile;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use pack::{Source, pack_panel};
pub use tile::{GemmScalar, Microkernel, Run, Tile};

use super::share::{Disjoint, Scratch, try_parallel};
use super::{SimdLevel, ThreadPool};
use crate::error::{Error, Result};
use pack::{left_size, pack_left};

/// A matrix within a slice: element (i, j) lies at `i * row + j * col`.
#[derive(Clone, Copy)]
pub struct Matrix<'a, T> {
    /// The elements.
    pub data: &'a [T],
    /// Elements from one row to the next.
    pub row: usize,
    /// Elements from one column to the next.
    pub col: usize,
}

impl<'a, T> Matrix<'a, T> {
    /// A row-major matrix of `cols` columns, or the transpose of one.
    pub fn new(data: &'a [T], cols: usize, transposed: bool) -> Matrix<'a, T> {
        let (row, col) = if transposed { (1, cols) } else { (cols, 1) };
        Matrix { data, row, col }
    }
}

/// Sizes of a product: the result is `m` x `n`, sums have `k` terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Rows of the result.
    pub m: usize,
    /// Columns of the result.
    pub n: usize,
    /// Summands of each element.
    pub k: usize,
}

/// Whether a product replaces its result or is added to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// `c = a b`
    Replace,
    /// `c += a b`
    Add,
}

/// `c = a b` or `c += a b`; `c` is row-major, `m` x `n`.
///
/// Each element is a sum of chains of [`DEPTH`] multiply-adds in the order of the summation index, whatever the
/// machine's vector width and the number of threads.
///
/// # Errors
/// `Internal` when an operand is too short for the sizes; `ResourceExhausted` without memory for packing.
pub fn gemm<T: GemmScalar>(
    pool: &ThreadPool,
    sizes: Sizes,
    a: Matrix<T>,
    b: Matrix<T>,
    c: &mut [T],
    write: Write,
) -> Result<()> {
    gemm_batch(pool, sizes, a, b, &[(0, 0)], c, write)
}

/// As [`gemm`] for many products of the same sizes: product `i` has its operands `starts[i]` elements into `a`
/// and `b`, and its result is the `i`-th matrix of `c`.
///
/// # Errors
/// As [`gemm`].
pub fn gemm_batch<T: GemmScalar>(
    pool: &ThreadPool,
    sizes: Sizes,
    a: Matrix<T>,
    b: Matrix<T>,
    starts: &[(usize, usize)],
    c: &mut [T],
    write: Write,
) -> Result<()> {
    let kernel = T::microkernel(SimdLevel::detect());
    gemm_with(pool, &kernel, sizes, a, b, starts, c, write)
}

/// As [`gemm_batch`] with a given microkernel.
#[allow(clippy::too_many_arguments)]
pub(crate) fn gemm_with<T: GemmScalar>(
    pool: &ThreadPool,
    kernel: &Microkernel<T>,
    sizes: Sizes,
    a: Matrix<T>,
    b: Matrix<T>,
    starts: &[(usize, usize)],
    c: &mut [T],
    write: Write,
) -> Result<()> {
    let Sizes { m, n, k } = sizes;
    let each = m.checked_mul(n).ok_or_else(too_short)?;
    if each.checked_mul(starts.len()) != Some(c.len()) {
        return Err(too_short());
    }
    if c.is_empty() {
        return Ok(());
    }
    if k == 0 {
        if write == Write::Replace {
            c.fill(T::default());
        }
        return Ok(());
    }
    for (a_start, b_start) in starts {
        if !reaches(&a, *a_start, m, k) || !reaches(&b, *b_start, k, n) {
            return Err(too_short());
        }
    }
    let plan = Plan::new(sizes, starts.len(), kernel);
    let c = Disjoint::new(c);
    let (row_blocks, col_blocks) = (m.div_ceil(plan.rows), n.div_ceil(plan.cols));
    let per_product = row_blocks * col_blocks;
    // Many small products share a job.
    let work = m.saturating_mul(n).saturating_mul(k);
    let together = match per_product {
        1 => (GRAIN / 4 / work.max(1)).clamp(1, starts.len()),
        _ => 1,
    };
    let all = per_product * starts.len();
    let run = |number: usize| {
        let (product, block) = (number / per_product, number % per_product);
        let (i, j) = (block / col_blocks, block % col_blocks);
        let (i0, i1) = (i * m / row_blocks, (i + 1) * m / row_blocks);
        // Column blocks are whole panels except the last.
        let (j0, j1) = (j * plan.cols, ((j + 1) * plan.cols).min(n));
        let (a_start, b_start) = starts[product];
        let block = Block {
            left: Source {
                data: a.data,
                base: a_start + i0 * a.row,
                step: a.col,
                col: a.row,
            },
            right: Source {
                data: b.data,
                base: b_start + j0 * b.col,
                step: b.row,
                col: b.col,
            },
            m: i1 - i0,
            n: j1 - j0,
            k,
            // The block lies within `c` (its length was checked), and blocks of different jobs do not overlap.
            c: c.as_ptr().wrapping_add(product * each + i0 * n + j0),
            c_row: n,
            write,
        };
        block.run(kernel)
    };
    try_parallel(pool, all.div_ceil(together), &|job| {
        (job * together..((job + 1) * together).min(all)).try_for_each(run)
    })
}

fn too_short() -> Error {
    Error::internal("a matrix product's operand does not have the size it should have")
}

/// Whether element (rows - 1, cols - 1) lies inside; both counts are above zero.
fn reaches<T>(x: &Matrix<T>, start: usize, rows: usize, cols: usize) -> bool {
    let down = (rows - 1).checked_mul(x.row);
    let right = (cols - 1).checked_mul(x.col);
    match (down, right) {
        (Some(d), Some(r)) => d
            .checked_add(r)
            .and_then(|v| v.checked_add(start))
            .is_some_and(|last| last < x.data.len()),
        _ => false,
    }
}

/// How a product is cut; depends on the sizes only.
struct Plan {
    rows: usize,
    cols: usize,
}

/// Summands that are summed up at once, and so packed together: 24 KiB of 32 floats each, half of a small first-level
/// cache. The summation order depends on it, so it is the same for all microkernels.
pub const DEPTH: usize = 128;
/// Multiply-adds below which a block is not split further.
const GRAIN: usize = 1 << 20;
/// Blocks that suffice to keep many threads busy.
const ENOUGH_JOBS: usize = 24;

impl Plan {
    fn new<T>(s: Sizes, products: usize, kernel: &Microkernel<T>) -> Plan {
        let panel = kernel.cols;
        let mut rows = s.m.min(24 * kernel.rows);
        let mut cols = s.n.div_ceil(panel).min(16) * panel;
        let jobs = |r: usize, c: usize| {
            products.saturating_mul(s.m.div_ceil(r).saturating_mul(s.n.div_ceil(c)))
        };
        let work = |r: usize, c: usize| r.saturating_mul(c).saturating_mul(s.k);
        while jobs(rows, cols) < ENOUGH_JOBS && work(rows, cols) > 2 * GRAIN {
            // The longer side first; rows in whole tiles, columns in whole panels.
            if cols > panel && (cols >= rows || rows <= 4 * kernel.rows) {
                cols = (cols / panel).div_ceil(2) * panel;
            } else if rows > 4 * kernel.rows {
                rows = rows.div_ceil(kernel.rows).div_ceil(2) * kernel.rows;
            } else {
                break;
            }
        }
        Plan { rows, cols }
    }
}

/// The part of a product that one job computes.
struct Block<'a, T> {
    left: Source<'a, T>,
    right: Source<'a, T>,
    m: usize,
    n: usize,
    k: usize,
    c: *mut T,
    c_row: usize,
    write: Write,
}

impl<T: GemmScalar> Block<'_, T> {
    fn run(&self, kernel: &Microkernel<T>) -> Result<()> {
        let tiles = kernel.tiles(self.m);
        let panels = self.n.div_ceil(kernel.cols);
        let depth = DEPTH.min(self.k);
        let copy_left = self.copies_left(panels);
        // With few rows a copy of the right operand would cost as much as its use.
        let copy_right = self.right.col != 1 || tiles > 2;
        let scratch = |wanted: bool, len: usize| wanted.then(|| Scratch::<T>::new(len)).transpose();
        let mut left = scratch(copy_left, left_size(self.m, depth))?;
        let mut right = scratch(copy_right, depth * kernel.cols)?;
        for k0 in (0..self.k).step_by(depth) {
            let len = depth.min(self.k - k0);
            let mut a_source = self.left;
            a_source.base += k0 * a_source.step;
            let (a, a_row, a_step) = if let Some(left) = &mut left {
                let (row, step) = pack_left(a_source, self.m, len, left.get_mut());
                (left.get().as_ptr(), row, step)
            } else {
                let a = self.left.data.as_ptr().wrapping_add(a_source.base);
                (a, self.left.col, self.left.step)
            };
            for p in 0..panels {
                let j0 = p * kernel.cols;
                let n = kernel.cols.min(self.n - j0);
                let mut b_source = self.right;
                b_source.base += k0 * b_source.step + j0 * b_source.col;
                let (b, b_step) = if let Some(right) = &mut right {
                    pack_panel(b_source, len, n, kernel.cols, right.get_mut());
                    (right.get().as_ptr(), kernel.cols)
                } else {
                    let b = self.right.data.as_ptr().wrapping_add(b_source.base);
                    (b, self.right.step)
                };
                for t in 0..tiles {
                    let (i0, m) = Microkernel::<T>::tile(self.m, tiles, t);
                    let tile = Tile {
                        m,
                        n,
                        a: a.wrapping_add(i0 * a_row),
                        a_row: a_row as isize,
                        a_step: a_step as isize,
                        b,
                        b_step: b_step as isize,
                        c: self.c.wrapping_add(i0 * self.c_row + j0),
                        c_row: self.c_row as isize,
                        runs: &[Run { a: 0, b: 0, len }],
                        accumulate: k0 > 0 || self.write == Write::Add,
                    };
                    // SAFETY: `gemm_with` checked that the operands reach their last element, packed ones were
                    // just written in these sizes, and this job alone writes this block of the result.
                    unsafe { (kernel.run)(&tile) };
                }
            }
        }
        Ok(())
    }

    /// Whether the left operand is read so often, or lies so unluckily, that a copy pays.
    fn copies_left(&self, panels: usize) -> bool {
        let s = &self.left;
        if s.step == 1 {
            // Rows a multiple of 2 KiB apart fall into few sets of the cache.
            return panels > 1
                && self.m > 4
                && (s.col * std::mem::size_of::<T>()).is_multiple_of(2048);
        }
        s.col != 1 || panels > 2
    }
}

#[cfg(test)]
mod tests;
