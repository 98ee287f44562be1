//! Average pooling and its gradient on the CPU.

use crate::device::cpu::{Disjoint, Loop, ThreadPool, vectorized};
use crate::ops::nn::pool_attrs::PoolGeometry;
use crate::ops::nn::window::Slide;

/// A type to average in.
pub trait AvgElement: crate::device::cpu::gemm::GemmScalar {
    /// `1 / count`.
    fn share(count: usize) -> Self;
    /// `self / count`.
    fn over(self, count: usize) -> Self;
    /// `self * factor`.
    fn times(self, factor: Self) -> Self;
}

macro_rules! floats {
    ($($t:ty),*) => { $(
        impl AvgElement for $t {
            #[inline(always)]
            fn share(count: usize) -> $t {
                1.0 / count as $t
            }
            #[inline(always)]
            fn over(self, count: usize) -> $t {
                self / count as $t
            }
            #[inline(always)]
            fn times(self, factor: $t) -> $t {
                self * factor
            }
        }
    )* };
}
floats!(f32, f64);

/// Output elements of one job.
const BLOCK: usize = 16 << 10;

/// `out` gets the mean of the cells of each window that lie inside the image. All slices are NHWC.
pub fn avg_pool<T: AvgElement>(pool: &ThreadPool, g: &PoolGeometry, input: &[T], out: &mut [T]) {
    let [batch, rows, cols, depth] = g.output();
    if out.is_empty() {
        return;
    }
    let out = Disjoint::new(out);
    pool.for_blocks(batch * rows, (BLOCK / (cols * depth)).max(1), &|a, b| {
        // SAFETY: blocks of rows do not overlap.
        let to = unsafe { out.part(a * cols * depth, (b - a) * cols * depth) };
        vectorized(Forward {
            g,
            input,
            first: a,
            out: to,
        });
    });
}

/// Some rows of output, counted over all images.
struct Forward<'a, T> {
    g: &'a PoolGeometry,
    input: &'a [T],
    first: usize,
    out: &'a mut [T],
}

impl<T: AvgElement> Loop for Forward<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let [h, w] = &self.g.spatial;
        let depth = self.g.depth;
        for (r, row) in self.out.chunks_exact_mut(w.output * depth).enumerate() {
            let (image, i) = ((self.first + r) / h.output, (self.first + r) % h.output);
            let (y0, y1) = h.cells(i);
            for (j, pixel) in row.chunks_exact_mut(depth).enumerate() {
                let (x0, x1) = w.cells(j);
                pixel.fill(T::default());
                for y in y0..y1 {
                    let at = ((image * h.input + y) * w.input + x0) * depth;
                    let cells = &self.input[at..at + (x1 - x0) * depth];
                    for cell in cells.chunks_exact(depth) {
                        for (o, v) in pixel.iter_mut().zip(cell) {
                            *o = T::plus(*o, *v);
                        }
                    }
                }
                let count = (y1 - y0) * (x1 - x0);
                for o in pixel {
                    *o = o.over(count);
                }
            }
        }
    }
}

/// The gradient of average pooling: each element of `gradient` is shared out among the cells of its window that
/// lie inside the image. All slices are NHWC.
///
/// Every input row gathers from the windows that hold it, in ascending order.
pub fn avg_pool_grad<T: AvgElement>(
    pool: &ThreadPool,
    g: &PoolGeometry,
    gradient: &[T],
    out: &mut [T],
) {
    let [batch, rows, cols, depth] = g.input();
    if out.is_empty() {
        return;
    }
    let out = Disjoint::new(out);
    pool.for_blocks(batch * rows, (BLOCK / (cols * depth)).max(1), &|a, b| {
        // SAFETY: blocks of rows do not overlap.
        let to = unsafe { out.part(a * cols * depth, (b - a) * cols * depth) };
        vectorized(Backward {
            g,
            gradient,
            first: a,
            out: to,
        });
    });
}

/// Some rows of the input's gradient, counted over all images.
struct Backward<'a, T> {
    g: &'a PoolGeometry,
    gradient: &'a [T],
    first: usize,
    out: &'a mut [T],
}

/// The first window that may hold cell `at` of the input.
fn first_window(s: &Slide, at: usize) -> usize {
    // Window i ends at i * stride - before + window.
    (at + s.before + 1)
        .saturating_sub(s.window)
        .div_ceil(s.stride)
}

impl<T: AvgElement> Loop for Backward<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let [h, w] = &self.g.spatial;
        let depth = self.g.depth;
        for (r, row) in self.out.chunks_exact_mut(w.input * depth).enumerate() {
            let (image, y) = ((self.first + r) / h.input, (self.first + r) % h.input);
            row.fill(T::default());
            for i in first_window(h, y)..h.output {
                let (y0, y1) = h.cells(i);
                if y < y0 {
                    break;
                }
                if y >= y1 {
                    continue;
                }
                for j in 0..w.output {
                    let (x0, x1) = w.cells(j);
                    if x0 == x1 {
                        continue;
                    }
                    let at = ((image * h.output + i) * w.output + j) * depth;
                    let from = &self.gradient[at..at + depth];
                    let share = T::share((y1 - y0) * (x1 - x0));
                    for cell in row[x0 * depth..x1 * depth].chunks_exact_mut(depth) {
                        for (o, v) in cell.iter_mut().zip(from) {
                            *o = T::plus(*o, v.times(share));
                        }
                    }
                }
            }
        }
    }
}
