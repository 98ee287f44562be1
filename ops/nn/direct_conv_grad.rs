//! The filter gradient of a direct convolution: products of image and gradient summed over all positions.

use super::unfold::{Stretch, Unfold, Unit, View};
use crate::device::cpu::gemm::{DEPTH, GemmScalar, Microkernel, Run, Tile};
use crate::device::cpu::{Disjoint, Scratch, SimdLevel, ThreadPool, try_parallel};
use crate::error::Result;

/// The gradient of a convolution's result, `[batch, grid rows, grid columns, channels]`, some channels of it.
#[derive(Clone, Copy)]
pub struct ResultGradient<'a, T> {
    /// The elements.
    pub data: &'a [T],
    /// Channels.
    pub channels: usize,
    /// The first channel used.
    pub first: usize,
    /// The number of channels used.
    pub depth: usize,
}

/// Partial sums that are kept apart at most.
const PARTS: usize = 16;
/// Elements of all partial sums together, unless one alone has more.
const PART_ELEMENTS: usize = 4 << 20;
/// Positions that are summed up at once, about: each sum costs an update of the partial sums.
const LONGEST_SUM: usize = 2 * DEPTH;
/// Elements that are summed up by one job.
const SUM_BLOCK: usize = 16 << 10;

/// The gradient of the filter `[filter rows, filter columns, depth, grad.channels]`, of which the columns
/// `grad.first..grad.first + grad.depth` are written.
///
/// The images are cut into at most 16 parts that depend on the sizes only; the parts' sums are added in order.
/// The caller has checked that the slices have the sizes that `unfold` and `grad` tell; the taps' numbers
/// ascend and `filter_cols` is the number of filter columns.
///
/// # Errors
/// `ResourceExhausted` when there is no memory for partial sums or copied rows.
pub fn filter_gradient<T: GemmScalar>(
    pool: &ThreadPool,
    unfold: &Unfold,
    image: &[T],
    grad: ResultGradient<T>,
    filter_cols: usize,
    out: &mut [T],
) -> Result<()> {
    let kernel = T::microkernel(SimdLevel::detect());
    filter_gradient_with(pool, &kernel, unfold, image, grad, filter_cols, out)
}

/// As [`filter_gradient`] with a given microkernel.
pub(super) fn filter_gradient_with<T: GemmScalar>(
    pool: &ThreadPool,
    kernel: &Microkernel<T>,
    unfold: &Unfold,
    image: &[T],
    grad: ResultGradient<T>,
    filter_cols: usize,
    out: &mut [T],
) -> Result<()> {
    let rows = out.len() / grad.channels.max(1);
    let whole = Disjoint::new(out);
    if unfold.is_empty() || grad.depth == 0 {
        for r in 0..rows {
            // SAFETY: one part at a time.
            unsafe { whole.part(r * grad.channels + grad.first, grad.depth) }.fill(T::default());
        }
        return Ok(());
    }
    let units = unfold.units();
    let size = rows * grad.depth;
    let parts = PARTS
        .min(units.len())
        .min((PART_ELEMENTS / size.max(1)).max(1));
    let view = unfold.view::<T>(&units);
    let stretches = unfold.stretches(&view, usize::MAX);
    let panels = grad.depth.div_ceil(kernel.cols);
    // Where few parts can be kept, jobs also share the filter's columns and taps.
    let groups = PARTS.div_ceil(parts).min(panels * stretches.len());
    let panel_groups = groups.min(panels);
    let stretch_groups = (groups / panel_groups).clamp(1, stretches.len());
    let mut sums = Scratch::<T>::new(parts * size)?;
    {
        let sums = Disjoint::new(sums.get_mut());
        let work = Work {
            kernel,
            unfold,
            view,
            image,
            grad,
            filter_cols,
        };
        try_parallel(pool, parts * panel_groups * stretch_groups, &|job| {
            let (part, group) = (
                job / (panel_groups * stretch_groups),
                job % (panel_groups * stretch_groups),
            );
            let (pg, sg) = (group / stretch_groups, group % stretch_groups);
            let from = part * units.len() / parts;
            let to = (part + 1) * units.len() / parts;
            let share = |n: usize, i: usize, of: usize| (i * n / of, (i + 1) * n / of);
            work.run(
                &units[from..to],
                share(panels, pg, panel_groups),
                {
                    let (s0, s1) = share(stretches.len(), sg, stretch_groups);
                    &stretches[s0..s1]
                },
                // SAFETY: this part's sums begin there, and its jobs write disjoint rows or columns of them.
                unsafe { sums.as_ptr().add(part * size) },
            )
        })?;
    }
    let sums = sums.get();
    let block = (SUM_BLOCK / grad.depth).max(1);
    pool.for_blocks(rows, block, &|r0, r1| {
        for r in r0..r1 {
            // SAFETY: each row is in one block.
            let to = unsafe { whole.part(r * grad.channels + grad.first, grad.depth) };
            to.copy_from_slice(&sums[r * grad.depth..(r + 1) * grad.depth]);
            for part in 1..parts {
                let from = &sums[part * size + r * grad.depth..][..grad.depth];
                for (t, f) in to.iter_mut().zip(from) {
                    *t = T::plus(*t, *f);
                }
            }
        }
    });
    Ok(())
}

/// What all jobs of a filter gradient share.
struct Work<'a, T> {
    kernel: &'a Microkernel<T>,
    unfold: &'a Unfold,
    view: View,
    image: &'a [T],
    grad: ResultGradient<'a, T>,
    filter_cols: usize,
}

impl<T: GemmScalar> Work<'_, T> {
    /// Sums over the units' positions into `sums`, a matrix of all filter rows (tap and channel) by `grad.depth`,
    /// for some panels of columns and some stretches of rows.
    fn run(
        &self,
        units: &[Unit],
        panels: (usize, usize),
        stretches: &[Stretch],
        sums: *mut T,
    ) -> Result<()> {
        let columns = |p: usize| {
            let first = p * self.kernel.cols;
            (first, self.kernel.cols.min(self.grad.depth - first))
        };
        for p in panels.0..panels.1 {
            let (first, n) = columns(p);
            for s in stretches {
                for row in 0..s.len {
                    let at = (self.filter_row(s) + row) * self.grad.depth + first;
                    // SAFETY: rows and columns of this job.
                    let part = unsafe { std::slice::from_raw_parts_mut(sums.add(at), n) };
                    part.fill(T::default());
                }
            }
        }
        let images = units.iter().map(|u| u.images.1 - u.images.0).max();
        let view = &self.view;
        let mut copy = Scratch::<T>::new(if view.copied {
            images.unwrap_or(0) * view.image
        } else {
            0
        })?;
        let mut runs = Vec::new();
        for unit in units {
            let (base, first_row) = if view.copied {
                let first_row = self.unfold.copy(view, unit, self.image, copy.get_mut());
                (copy.get().as_ptr(), first_row)
            } else {
                let at = unit.images.0 * view.image;
                (self.image.as_ptr().wrapping_add(at), 0)
            };
            for p in panels.0..panels.1 {
                let (first, n) = columns(p);
                for s in stretches {
                    self.runs(unit, s, first_row, &mut runs);
                    if runs.is_empty() {
                        continue;
                    }
                    let positions: usize = runs.iter().map(|r| r.len).sum();
                    let together = runs.len().div_ceil(positions.div_ceil(LONGEST_SUM));
                    let tiles = self.kernel.tiles(s.len);
                    for t in 0..tiles {
                        let (i0, m) = Microkernel::<T>::tile(s.len, tiles, t);
                        let at = (self.filter_row(s) + i0) * self.grad.depth + first;
                        let a = base
                            .wrapping_offset(self.unfold.read_at(view, s))
                            .wrapping_add(i0);
                        let b = self.grad.data.as_ptr();
                        for part in runs.chunks(together) {
                            let tile = Tile {
                                m,
                                n,
                                a,
                                a_row: 1,
                                a_step: (self.unfold.cols.step * view.pixel) as isize,
                                b: b.wrapping_add(self.grad.first + first),
                                b_step: self.grad.channels as isize,
                                c: sums.wrapping_add(at),
                                c_row: self.grad.depth as isize,
                                runs: part,
                                accumulate: true,
                            };
                            // SAFETY: the runs cover positions at which the stretch reads inside the image
                            // or in the zeros of its copy, the gradient has an element for each, and the
                            // sums' rows and columns are this job's.
                            unsafe { (self.kernel.run)(&tile) };
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// The row of the filter matrix at which a stretch begins.
    fn filter_row(&self, s: &Stretch) -> usize {
        let row = self.unfold.rows.taps[s.row].index;
        let col = self.unfold.cols.taps[s.col].index;
        (row * self.filter_cols + col) * self.unfold.depth + s.channel
    }

    /// The unit's positions that a stretch reads, one run for each grid row.
    fn runs(&self, unit: &Unit, s: &Stretch, first_row: usize, runs: &mut Vec<Run>) {
        runs.clear();
        let (u, view) = (self.unfold, &self.view);
        let (j0, j1) = s.inside;
        let (i0, i1) = u.rows.inside(u.rows.taps[s.row]);
        if j0 >= j1 {
            return;
        }
        for (slot, n) in (unit.images.0..unit.images.1).enumerate() {
            for i in i0.max(unit.rows.0)..i1.min(unit.rows.1) {
                let row = (i * u.rows.step) as isize - first_row as isize;
                let a = (slot * view.image + j0 * u.cols.step * view.pixel) as isize
                    + row * view.row as isize;
                let b = ((n * u.rows.grid + i) * u.cols.grid + j0) * self.grad.channels;
                runs.push(Run {
                    a,
                    b: b as isize,
                    len: j1 - j0,
                });
            }
        }
    }
}
