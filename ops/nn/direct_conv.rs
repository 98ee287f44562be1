//! Direct convolution: sums over filter taps that read the image in place; no im2col buffer.

use super::unfold::{Stretch, Unfold, Unit, View};
use crate::device::cpu::gemm::{DEPTH, GemmScalar, Microkernel, Run, Source, Tile, pack_panel};
use crate::device::cpu::{Disjoint, Scratch, SimdLevel, ThreadPool, try_parallel};
use crate::error::Result;

/// Where results go: an image batch `[batch, rows, cols, channels]`, of which every `step`-th position is written.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// Channels.
    pub channels: usize,
    /// The row and column of grid position (0, 0).
    pub origin: (usize, usize),
    /// Rows and columns from one grid position to the next.
    pub step: (usize, usize),
    /// The first channel written.
    pub first: usize,
    /// The number of channels written.
    pub depth: usize,
}

impl Target {
    /// The first written element of a grid position.
    fn at(&self, image: usize, i: usize, j: usize) -> usize {
        let row = image * self.rows + self.origin.0 + i * self.step.0;
        (row * self.cols + self.origin.1 + j * self.step.1) * self.channels + self.first
    }
}

/// A filter in the order in which a convolution reads it.
pub(super) struct Packed<T: GemmScalar> {
    panels: Scratch<T>,
    /// Summands of one panel.
    len: usize,
}

/// Where the filter's elements lie: element (channel, column) of the tap (row, col) is at
/// `base(row, col) + channel * step + column * col` of the filter, for the taps' numbers in the filter.
pub struct FilterLayout<'a, T> {
    /// The filter.
    pub data: &'a [T],
    /// The first element of a tap.
    pub base: &'a (dyn Fn(usize, usize) -> usize + Sync),
    /// Elements from one summed channel to the next.
    pub step: usize,
    /// Elements from one result channel to the next.
    pub col: usize,
}

impl Unfold {
    fn pack<T: GemmScalar>(
        &self,
        view: &View,
        stretches: &[Stretch],
        filter: &FilterLayout<T>,
        columns: usize,
        kernel: &Microkernel<T>,
    ) -> Result<Packed<T>> {
        let len: usize = stretches.iter().map(|s| s.len).sum();
        let panel_count = columns.div_ceil(kernel.cols);
        let mut panels = Scratch::<T>::new(len * panel_count * kernel.cols)?;
        let mut rest = panels.get_mut();
        for p in 0..panel_count {
            let first = p * kernel.cols;
            let n = kernel.cols.min(columns - first);
            for s in stretches {
                let cols = if view.merged { self.cols.taps.len() } else { 1 };
                let each = s.len / cols;
                for c in 0..cols {
                    let row = self.rows.taps[s.row].index;
                    let col = self.cols.taps[s.col + c].index;
                    let source = Source {
                        data: filter.data,
                        base: (filter.base)(row, col)
                            + s.channel * filter.step
                            + first * filter.col,
                        step: filter.step,
                        col: filter.col,
                    };
                    let (out, more) = rest.split_at_mut(each * kernel.cols);
                    pack_panel(source, each, n, kernel.cols, out);
                    rest = more;
                }
            }
        }
        Ok(Packed { panels, len })
    }
}

/// Summands that are summed up at once: with few result channels more, since each sum costs an update of the results.
fn longest_sum(channels: usize) -> usize {
    match channels {
        0..16 => 2 * DEPTH,
        _ => DEPTH,
    }
}

/// Consecutive stretches that are summed in one call for each tile.
struct Chunk {
    runs: Vec<Run>,
    /// For each row tap, the first run that belongs to it or a later one; and the end.
    starts: Vec<usize>,
    inside: (usize, usize),
}

impl Unfold {
    fn chunks(
        &self,
        view: &View,
        stretches: &[Stretch],
        longest: usize,
        width: usize,
    ) -> Vec<Chunk> {
        let mut out: Vec<Chunk> = Vec::new();
        let (mut at, mut i) = (0, 0);
        while i < stretches.len() {
            let head = stretches[i];
            let (mut runs, mut rows, mut len) = (Vec::new(), Vec::new(), 0);
            while let Some(s) = stretches.get(i) {
                let follows = s.col == head.col
                    && s.channel == head.channel
                    && rows.last().is_none_or(|r| *r < s.row);
                if !follows || (len > 0 && len + s.len > longest) {
                    break;
                }
                runs.push(Run {
                    a: self.read_at(view, s),
                    b: (at * width) as isize,
                    len: s.len,
                });
                rows.push(s.row);
                len += s.len;
                at += s.len;
                i += 1;
            }
            let starts = (0..=self.rows.taps.len())
                .map(|t| rows.partition_point(|r| *r < t))
                .collect();
            out.push(Chunk {
                runs,
                starts,
                inside: head.inside,
            });
        }
        out
    }
}

/// What is done to each result besides the convolution.
#[derive(Clone, Copy)]
pub struct Finish<'a, T> {
    /// Added to each result channel (of the whole target).
    pub bias: Option<&'a [T]>,
    /// Negative results become zero.
    pub relu: bool,
}

impl<T> Finish<'_, T> {
    /// Nothing more.
    pub const NONE: Self = Finish {
        bias: None,
        relu: false,
    };
}

/// Convolves: for each grid position, the sum over taps and channels of image times filter.
///
/// The caller has checked that `image`, the filter and `out` have the sizes that `unfold` and `target` tell.
///
/// # Errors
/// `ResourceExhausted` when there is no memory for the packed filter or the copied rows.
pub fn convolve<T: GemmScalar + PartialOrd>(
    pool: &ThreadPool,
    unfold: &Unfold,
    image: &[T],
    filter: &FilterLayout<T>,
    target: &Target,
    out: &mut [T],
    finish: Finish<T>,
) -> Result<()> {
    let kernel = T::microkernel(SimdLevel::detect());
    convolve_with(pool, &kernel, unfold, image, filter, target, out, finish)
}

/// As [`convolve`] with a given microkernel.
#[allow(clippy::too_many_arguments)]
pub(super) fn convolve_with<T: GemmScalar + PartialOrd>(
    pool: &ThreadPool,
    kernel: &Microkernel<T>,
    unfold: &Unfold,
    image: &[T],
    filter: &FilterLayout<T>,
    target: &Target,
    out: &mut [T],
    finish: Finish<T>,
) -> Result<()> {
    if unfold.batch == 0 || unfold.rows.grid == 0 || unfold.cols.grid == 0 || target.depth == 0 {
        return Ok(());
    }
    let units = unfold.units();
    let out = Disjoint::new(out);
    let mut chunks = Vec::new();
    let mut packed = None;
    let view = unfold.view::<T>(&units);
    if !unfold.is_empty() {
        let longest = longest_sum(target.depth);
        let stretches = unfold.stretches(&view, longest);
        packed = Some(unfold.pack(&view, &stretches, filter, target.depth, kernel)?);
        chunks = unfold.chunks(&view, &stretches, longest, kernel.cols);
    }
    let job = Job {
        kernel,
        unfold,
        view,
        image,
        target,
        out: &out,
        chunks: &chunks,
        packed: packed.as_ref(),
        finish,
    };
    try_parallel(pool, units.len(), &|i| job.run(&units[i]))
}

/// What all jobs of a convolution share.
struct Job<'a, T: GemmScalar> {
    kernel: &'a Microkernel<T>,
    unfold: &'a Unfold,
    view: View,
    image: &'a [T],
    target: &'a Target,
    out: &'a Disjoint<'a, T>,
    chunks: &'a [Chunk],
    packed: Option<&'a Packed<T>>,
    finish: Finish<'a, T>,
}

impl<T: GemmScalar + PartialOrd> Job<'_, T> {
    fn run(&self, unit: &Unit) -> Result<()> {
        let images = unit.images.1 - unit.images.0;
        self.each_pixel(unit, |first, pixel| match self.finish.bias {
            Some(b) => pixel.copy_from_slice(&b[first..first + pixel.len()]),
            None => pixel.fill(T::default()),
        });
        let Some(packed) = self.packed else {
            self.finish_unit(unit);
            return Ok(());
        };
        let view = &self.view;
        let mut copy = Scratch::<T>::new(if view.copied { images * view.image } else { 0 })?;
        let (base, first_row) = if view.copied {
            let first_row = self.unfold.copy(view, unit, self.image, copy.get_mut());
            (copy.get().as_ptr(), first_row)
        } else {
            (
                self.image.as_ptr().wrapping_add(unit.images.0 * view.image),
                0,
            )
        };
        for p in 0..self.target.depth.div_ceil(self.kernel.cols) {
            let panel = &packed.panels.get()[p * packed.len * self.kernel.cols..];
            for chunk in self.chunks {
                self.run_chunk(unit, chunk, p, panel, base, first_row);
            }
        }
        self.finish_unit(unit);
        Ok(())
    }

    fn run_chunk(
        &self,
        unit: &Unit,
        chunk: &Chunk,
        panel_number: usize,
        panel: &[T],
        base: *const T,
        first_row: usize,
    ) {
        let (view, u, t) = (&self.view, self.unfold, self.target);
        let (j0, j1) = chunk.inside;
        let column = panel_number * self.kernel.cols;
        let n = self.kernel.cols.min(t.depth - column);
        let images = unit.images.1 - unit.images.0;
        // Tiles run along the columns of a row, or, where rows are short, along the images.
        let along_images = (j1 - j0).min(8) < images;
        let (lines, long) = if along_images {
            (j1 - j0, images)
        } else {
            (images, j1 - j0)
        };
        let tiles = self.kernel.tiles(long);
        for i in unit.rows.0..unit.rows.1 {
            let (t0, t1) = u.rows.taps_at(i);
            let runs = &chunk.runs[chunk.starts[t0]..chunk.starts[t1]];
            if runs.is_empty() {
                continue;
            }
            // May lie before the memory when the row's first tap does; the runs lead back inside.
            let row = (i * u.rows.step) as isize - first_row as isize;
            let row = base.wrapping_offset(row * view.row as isize);
            for line in 0..lines {
                for tile in 0..tiles {
                    let (s, m) = Microkernel::<T>::tile(long, tiles, tile);
                    let (slot, j) = if along_images {
                        (s, j0 + line)
                    } else {
                        (line, j0 + s)
                    };
                    let at = t.at(unit.images.0 + slot, i, j) + column;
                    let (a_row, c_row) = if along_images {
                        (view.image, t.rows * t.cols * t.channels)
                    } else {
                        (u.cols.step * view.pixel, t.step.1 * t.channels)
                    };
                    let tile = Tile {
                        m,
                        n,
                        a: row.wrapping_add(slot * view.image + j * u.cols.step * view.pixel),
                        a_row: a_row as isize,
                        a_step: 1,
                        b: panel.as_ptr(),
                        b_step: self.kernel.cols as isize,
                        c: self.out.as_ptr().wrapping_add(at),
                        c_row: c_row as isize,
                        runs,
                        accumulate: true,
                    };
                    // SAFETY: the runs of the taps in `t0..t1` read image rows inside the image (`taps_at`),
                    // and at the columns `inside` or in the zeros of the copy; the panel holds all summands;
                    // the unit's part of the result belongs to this job alone.
                    unsafe { (self.kernel.run)(&tile) };
                }
            }
        }
    }

    /// Calls `f` with the channels (and the number of the first) of each pixel that the unit computes.
    fn each_pixel(&self, unit: &Unit, f: impl Fn(usize, &mut [T])) {
        let t = self.target;
        for n in unit.images.0..unit.images.1 {
            for i in unit.rows.0..unit.rows.1 {
                for j in 0..self.unfold.cols.grid {
                    // SAFETY: pixels of this unit, which no other job touches.
                    let pixel = unsafe { self.out.part(t.at(n, i, j), t.depth) };
                    f(t.first, pixel);
                }
            }
        }
    }

    fn finish_unit(&self, unit: &Unit) {
        if self.finish.relu {
            self.each_pixel(unit, |_, pixel| {
                for v in pixel {
                    if *v < T::default() {
                        *v = T::default();
                    }
                }
            });
        }
    }
}
