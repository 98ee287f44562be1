//! Unfolding: how a convolution reads an image batch, as a grid of positions and the offsets of filter taps.
//!
//! The forward pass, the input gradient (one unfolding for each phase of the strides) and the filter gradient are
//! all told this way.

use crate::device::cpu::gemm::GemmScalar;

/// One row or column of the filter: for grid position `i` it reads image position `i * step + offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tap {
    /// Its number in the filter.
    pub index: usize,
    /// Where it reads for grid position 0; may lie outside the image.
    pub offset: isize,
}

/// One spatial dimension of an unfolding.
#[derive(Clone, Debug)]
pub struct Axis {
    /// Image positions.
    pub size: usize,
    /// Grid positions.
    pub grid: usize,
    /// Image positions from one grid position to the next.
    pub step: usize,
    /// The filter's taps, by ascending offset.
    pub taps: Vec<Tap>,
}

impl Axis {
    /// The grid positions at which a tap reads inside the image.
    pub fn inside(&self, tap: Tap) -> (usize, usize) {
        let first = |from: isize| (from.max(0) as usize).div_ceil(self.step);
        let hi = first(self.size as isize - tap.offset).min(self.grid);
        (first(-tap.offset).min(hi), hi)
    }
    /// The taps (a range of them) that read inside the image at a grid position.
    pub fn taps_at(&self, position: usize) -> (usize, usize) {
        let at = (position * self.step) as isize;
        let lo = self.taps.partition_point(|t| at + t.offset < 0);
        let hi = self
            .taps
            .partition_point(|t| at + t.offset < self.size as isize);
        (lo, hi.max(lo))
    }
    fn least(&self) -> isize {
        self.taps.first().map_or(0, |t| t.offset)
    }
    fn greatest(&self) -> isize {
        self.taps.last().map_or(0, |t| t.offset)
    }
}

/// How an image batch `[batch, rows.size, cols.size, channels]` is read.
#[derive(Clone, Debug)]
pub struct Unfold {
    /// Images.
    pub batch: usize,
    /// The vertical dimension.
    pub rows: Axis,
    /// The horizontal dimension.
    pub cols: Axis,
    /// Channels of the image.
    pub channels: usize,
    /// The first channel that is read.
    pub first: usize,
    /// The number of channels that are read.
    pub depth: usize,
}

/// Channels below which columns of the filter are read together, from a copy of the image with zeros beside it.
const SHALLOW: usize = 16;
/// Grid positions that a job has at least, if there are so many.
const JOB_POSITIONS: usize = 128;
/// Elements of the image that a job copies at most, if a single grid row needs no more.
const JOB_COPY: usize = 64 << 10;

/// A group of grid positions that one job computes: some rows of some images.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit {
    pub images: (usize, usize),
    pub rows: (usize, usize),
}

/// A stretch of the summation index that reads the image contiguously.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    /// Indices into the taps of both dimensions, and the first channel.
    pub row: usize,
    pub col: usize,
    pub channel: usize,
    /// Columns read together (1 unless shallow) times channels.
    pub len: usize,
    /// The grid columns at which it reads inside the image.
    pub inside: (usize, usize),
}

/// How the image is laid out for reading: in place, or in a copy.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    /// Copy, with zeros to the left and right.
    pub copied: bool,
    /// Whether all columns of the filter are read as one stretch.
    pub merged: bool,
    /// Elements from one pixel, row and image to the next.
    pub pixel: usize,
    pub row: usize,
    pub image: usize,
    /// The image column at the view's column 0, and its number of columns.
    pub left: isize,
    pub width: usize,
}

impl Unfold {
    /// Whether nothing is read or nothing computed.
    pub fn is_empty(&self) -> bool {
        self.batch == 0
            || self.rows.grid == 0
            || self.cols.grid == 0
            || self.rows.size == 0
            || self.cols.size == 0
            || self.rows.taps.is_empty()
            || self.cols.taps.is_empty()
            || self.depth == 0
    }

    /// How the image is read by these units.
    pub(super) fn view<T>(&self, units: &[Unit]) -> View {
        let adjacent = self
            .cols
            .taps
            .windows(2)
            .all(|w| w[1].offset == w[0].offset + 1);
        let merged = self.depth < SHALLOW && self.cols.taps.len() > 1 && adjacent;
        let pixel_bytes = self.channels * std::mem::size_of::<T>();
        let image_bytes = self.rows.size * self.cols.size * pixel_bytes;
        // What lies a multiple of 2 KiB apart falls into few sets of the cache: pixels of a row, or, where tiles
        // run along the images, the images.
        let unlucky = (self.cols.step * pixel_bytes).is_multiple_of(2048)
            || (self.cols.grid < 8 && image_bytes.is_multiple_of(2048));
        if !merged && !unlucky {
            return View {
                copied: false,
                merged,
                pixel: self.channels,
                row: self.cols.size * self.channels,
                image: self.rows.size * self.cols.size * self.channels,
                left: 0,
                width: self.cols.size,
            };
        }
        let (left, width) = if merged {
            let right = (self.cols.grid - 1) * self.cols.step;
            let right = right as isize + self.cols.greatest();
            (self.cols.least(), (right - self.cols.least() + 1) as usize)
        } else {
            (0, self.cols.size)
        };
        let pixel = if merged { self.depth } else { self.depth + 16 };
        let tallest = units.iter().map(|u| u.rows.1 - u.rows.0).max().unwrap_or(1);
        let reach = (self.rows.greatest() - self.rows.least()) as usize;
        let height = ((tallest - 1) * self.rows.step + reach + 1).min(self.rows.size);
        View {
            copied: true,
            merged,
            pixel,
            row: width * pixel,
            image: height * width * pixel + 16,
            left,
            width,
        }
    }

    /// The image rows that some grid rows read.
    fn image_rows(&self, from: usize, to: usize) -> (usize, usize) {
        let size = self.rows.size as isize;
        let lo = (from * self.rows.step) as isize + self.rows.least();
        let hi = ((to - 1) * self.rows.step) as isize + self.rows.greatest() + 1;
        let hi = hi.clamp(0, size);
        (lo.clamp(0, hi) as usize, hi as usize)
    }

    /// The units of work; they depend on the sizes only.
    pub(super) fn units(&self) -> Vec<Unit> {
        let positions = self.rows.grid * self.cols.grid;
        let image_row = self.cols.size * self.depth;
        let copy_rows = (JOB_COPY / image_row.max(1)).max(1);
        let rows = (8 * JOB_POSITIONS)
            .div_ceil(self.cols.grid)
            .min(copy_rows.div_ceil(self.rows.step))
            .clamp(1, self.rows.grid);
        let mut bands = self.rows.grid.div_ceil(rows);
        let mut images = 1;
        if bands == 1 {
            images = (JOB_POSITIONS / positions).clamp(1, self.batch);
            // A small batch of large images still gives work to several threads.
            while self.batch * bands < 16 && positions / bands > 2 * JOB_POSITIONS {
                bands *= 2;
            }
            bands = bands.min(self.rows.grid);
        }
        let groups = self.batch.div_ceil(images);
        let mut units = Vec::with_capacity(groups * bands);
        for g in 0..groups {
            for b in 0..bands {
                units.push(Unit {
                    images: (g * self.batch / groups, (g + 1) * self.batch / groups),
                    rows: (b * self.rows.grid / bands, (b + 1) * self.rows.grid / bands),
                });
            }
        }
        units
    }

    /// The stretches in summation order, none longer than `longest` unless merged.
    pub(super) fn stretches(&self, view: &View, longest: usize) -> Vec<Stretch> {
        let mut out = Vec::new();
        if view.merged {
            for row in 0..self.rows.taps.len() {
                out.push(Stretch {
                    row,
                    col: 0,
                    channel: 0,
                    len: self.cols.taps.len() * self.depth,
                    inside: (0, self.cols.grid),
                });
            }
            return out;
        }
        let parts = self.depth.div_ceil(longest);
        for (col, tap) in self.cols.taps.iter().enumerate() {
            for part in 0..parts {
                let (c0, c1) = (part * self.depth / parts, (part + 1) * self.depth / parts);
                for row in 0..self.rows.taps.len() {
                    out.push(Stretch {
                        row,
                        col,
                        channel: c0,
                        len: c1 - c0,
                        inside: self.cols.inside(*tap),
                    });
                }
            }
        }
        out
    }

    /// Where a stretch reads, in elements from the view's first element of the grid row's first image row.
    pub(super) fn read_at(&self, view: &View, s: &Stretch) -> isize {
        let (row, col) = (self.rows.taps[s.row], self.cols.taps[s.col]);
        let channel = if view.copied { 0 } else { self.first } + s.channel;
        row.offset * view.row as isize
            + (col.offset - view.left) * view.pixel as isize
            + channel as isize
    }

    /// Copies a unit's part of the images into `out` as `view` says; gives the image row at its row 0.
    pub(super) fn copy<T: GemmScalar>(
        &self,
        view: &View,
        unit: &Unit,
        image: &[T],
        out: &mut [T],
    ) -> usize {
        let (lo, hi) = self.image_rows(unit.rows.0, unit.rows.1);
        let pad = (-view.left).clamp(0, view.width as isize) as usize;
        let skip = view.left.max(0) as usize;
        let inside = self.cols.size.saturating_sub(skip).min(view.width - pad);
        for (slot, n) in (unit.images.0..unit.images.1).enumerate() {
            for y in lo..hi {
                let to = &mut out[slot * view.image + (y - lo) * view.row..][..view.row];
                let from = ((n * self.rows.size + y) * self.cols.size + skip) * self.channels;
                if inside == 0 {
                    to.fill(T::default());
                    continue;
                }
                to[..pad * view.pixel].fill(T::default());
                to[(pad + inside) * view.pixel..].fill(T::default());
                let to = &mut to[pad * view.pixel..(pad + inside) * view.pixel];
                if self.depth == self.channels && view.pixel == self.channels {
                    to.copy_from_slice(&image[from..from + inside * self.channels]);
                    continue;
                }
                for (x, to) in to.chunks_exact_mut(view.pixel).enumerate() {
                    let from = from + x * self.channels + self.first;
                    to[..self.depth].copy_from_slice(&image[from..from + self.depth]);
                }
            }
        }
        lo
    }
}
