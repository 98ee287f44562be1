//! Max pooling on the CPU: forward, with the place of the maximum, and the gradients that go by it.

use crate::device::cpu::{Disjoint, Loop, ThreadPool, vectorized};
use crate::ops::nn::pool_attrs::PoolGeometry;
use crate::ops::nn::pool_element::PoolElement;

/// Channels that are compared together.
const LANES: usize = 64;
/// Output elements of one job.
const BLOCK: usize = 16 << 10;

/// `out` gets the greatest element of each window. NaN and minus infinity are less than everything (a window of
/// only such elements gives the least finite value), as in TensorFlow. All slices are NHWC.
pub fn max_pool<T: PoolElement>(pool: &ThreadPool, g: &PoolGeometry, input: &[T], out: &mut [T]) {
    let [batch, rows, cols, depth] = g.output();
    if out.is_empty() {
        return;
    }
    let out = Disjoint::new(out);
    if g.depth_window > 1 {
        pool.for_blocks(out.len(), BLOCK, &|a, b| {
            // SAFETY: blocks do not overlap.
            let to = unsafe { out.part(a, b - a) };
            let from = &input[a * g.depth_window..b * g.depth_window];
            for (o, w) in to.iter_mut().zip(from.chunks_exact(g.depth_window)) {
                // The first element stands even if it is NaN.
                *o = w.iter().fold(w[0], |m, v| if *v > m { *v } else { m });
            }
        });
        return;
    }
    let block = (BLOCK / (cols * depth)).max(1);
    pool.for_blocks(batch * rows, block, &|a, b| {
        // SAFETY: blocks of rows do not overlap.
        let to = unsafe { out.part(a * cols * depth, (b - a) * cols * depth) };
        vectorized(Rows {
            g,
            input,
            first: a,
            out: to,
        });
    });
}

/// Some rows of output, counted over all images.
struct Rows<'a, T> {
    g: &'a PoolGeometry,
    input: &'a [T],
    first: usize,
    out: &'a mut [T],
}

impl<T: PoolElement> Loop for Rows<'_, T> {
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
                pixel.fill(T::LOWEST);
                for y in y0..y1 {
                    let at = ((image * h.input + y) * w.input + x0) * depth;
                    let cells = &self.input[at..at + (x1 - x0) * depth];
                    for cell in cells.chunks_exact(depth) {
                        for (o, v) in pixel.iter_mut().zip(cell) {
                            *o = if *v > *o { *v } else { *o };
                        }
                    }
                }
            }
        }
    }
}

/// The greatest elements of one window, for some channels, and in which cell of the window each lies. The first
/// cell of a window stands until a greater one comes, even if it is NaN.
struct Best<T> {
    value: [T; LANES],
    cell: [u32; LANES],
}

/// One window: its cells, clipped to the image.
#[derive(Clone, Copy)]
struct Window {
    rows: (usize, usize),
    cols: (usize, usize),
}

impl Window {
    fn of(g: &PoolGeometry, i: usize, j: usize) -> Window {
        Window {
            rows: g.spatial[0].cells(i),
            cols: g.spatial[1].cells(j),
        }
    }
    /// Calls `f` with the number of each cell in the window and its pixel in the image, in row-major order.
    #[inline(always)]
    fn each(&self, width: usize, mut f: impl FnMut(u32, usize)) {
        let mut number = 0;
        for y in self.rows.0..self.rows.1 {
            for x in self.cols.0..self.cols.1 {
                f(number, y * width + x);
                number += 1;
            }
        }
    }
    /// The pixel of a cell.
    fn pixel(&self, width: usize, cell: u32) -> usize {
        let across = self.cols.1 - self.cols.0;
        let (y, x) = (cell as usize / across, cell as usize % across);
        (self.rows.0 + y) * width + self.cols.0 + x
    }
}

/// Compares the cells of a window for `n` channels from `c0` on; gives whether there is a cell at all.
#[inline(always)]
fn compare<T: PoolElement>(
    image: &[T],
    g: &PoolGeometry,
    window: Window,
    c0: usize,
    n: usize,
    best: &mut Best<T>,
) -> bool {
    let mut any = false;
    window.each(g.spatial[1].input, |number, pixel| {
        let at = pixel * g.depth + c0;
        let from = &image[at..at + n];
        let (value, cell) = (&mut best.value[..n], &mut best.cell[..n]);
        if number == 0 {
            value.copy_from_slice(from);
            cell.fill(0);
            any = true;
            return;
        }
        for ((v, c), x) in value.iter_mut().zip(cell).zip(from) {
            let greater = *x > *v;
            *v = if greater { *x } else { *v };
            *c = if greater { number } else { *c };
        }
    });
    any
}

/// What is done with the windows of some channels of one image.
struct Channels<'a, T, V> {
    g: &'a PoolGeometry,
    image: &'a [T],
    c0: usize,
    n: usize,
    visit: V,
}

/// Sees one window after another: its number, its cells, and its best elements.
trait Visit<T> {
    fn window(&mut self, number: usize, window: Window, best: &Best<T>);
}

impl<T: PoolElement, V: Visit<T>> Loop for Channels<'_, T, V> {
    type Output = ();
    #[inline(always)]
    fn run(mut self) {
        let mut best = Best {
            value: [T::default(); LANES],
            cell: [0; LANES],
        };
        let [h, w] = &self.g.spatial;
        for i in 0..h.output {
            for j in 0..w.output {
                let window = Window::of(self.g, i, j);
                if compare(self.image, self.g, window, self.c0, self.n, &mut best) {
                    self.visit.window(i * w.output + j, window, &best);
                }
            }
        }
    }
}

/// Runs `job(image number, first channel, number of channels)` for all images and groups of channels.
fn for_channels(pool: &ThreadPool, g: &PoolGeometry, job: &(dyn Fn(usize, usize, usize) + Sync)) {
    let groups = g.depth.div_ceil(LANES);
    pool.parallel_for(g.batch * groups, &|i| {
        let (image, group) = (i / groups, i % groups);
        let c0 = group * LANES;
        job(image, c0, LANES.min(g.depth - c0));
    });
}

fn image_of<'a, T>(g: &PoolGeometry, input: &'a [T], image: usize) -> &'a [T] {
    let size = g.spatial[0].input * g.spatial[1].input * g.depth;
    &input[image * size..(image + 1) * size]
}

/// The gradient of max pooling: each element of `gradient` is added where its window has its (first) maximum.
/// All slices are NHWC; pooling over channels is not supported.
pub fn max_pool_grad<T: PoolElement>(
    pool: &ThreadPool,
    g: &PoolGeometry,
    input: &[T],
    gradient: &[T],
    out: &mut [T],
) {
    struct Scatter<'a, T> {
        depth: usize,
        width: usize,
        c0: usize,
        n: usize,
        gradient: &'a [T],
        first: usize,
        out: &'a Disjoint<'a, T>,
    }
    impl<T: PoolElement> Visit<T> for Scatter<'_, T> {
        #[inline(always)]
        fn window(&mut self, number: usize, window: Window, best: &Best<T>) {
            let at = number * self.depth + self.c0;
            let from = &self.gradient[at..at + self.n];
            let cell = &best.cell[..self.n];
            window.each(self.width, |number, pixel| {
                let at = (self.first + pixel) * self.depth + self.c0;
                // SAFETY: pixels of this job's image and channels, one at a time.
                let to = unsafe { self.out.part(at, self.n) };
                for ((t, c), f) in to.iter_mut().zip(cell).zip(from) {
                    let add = if *c == number { *f } else { T::default() };
                    *t = t.plus(add);
                }
            });
        }
    }
    let [h, w] = &g.spatial;
    let out = Disjoint::new(out);
    for_channels(pool, g, &|image, c0, n| {
        let first = image * h.input * w.input;
        for pixel in 0..h.input * w.input {
            // SAFETY: this job's pixels and channels.
            unsafe { out.part((first + pixel) * g.depth + c0, n) }.fill(T::default());
        }
        let windows = h.output * w.output * g.depth;
        vectorized(Channels {
            g,
            image: image_of(g, input, image),
            c0,
            n,
            visit: Scatter {
                depth: g.depth,
                width: w.input,
                c0,
                n,
                gradient: &gradient[image * windows..(image + 1) * windows],
                first,
                out: &out,
            },
        });
    });
}

/// The greatest element of each window and its place: `((image * rows + y) * columns + x) * channels + channel`,
/// without `image * rows` unless `with_batch`. All slices are NHWC.
pub fn max_pool_with_argmax<T: PoolElement>(
    pool: &ThreadPool,
    g: &PoolGeometry,
    with_batch: bool,
    input: &[T],
    out: &mut [T],
    argmax: &mut [i64],
) {
    struct Place<'a, T> {
        depth: usize,
        width: usize,
        c0: usize,
        n: usize,
        base: usize,
        first: usize,
        out: &'a Disjoint<'a, T>,
        argmax: &'a Disjoint<'a, i64>,
    }
    impl<T: PoolElement> Visit<T> for Place<'_, T> {
        #[inline(always)]
        fn window(&mut self, number: usize, window: Window, best: &Best<T>) {
            let at = (self.first + number) * self.depth + self.c0;
            // SAFETY: this job's windows and channels, one at a time.
            let (values, places) =
                unsafe { (self.out.part(at, self.n), self.argmax.part(at, self.n)) };
            values.copy_from_slice(&best.value[..self.n]);
            for (c, (p, cell)) in places.iter_mut().zip(&best.cell).enumerate() {
                let pixel = self.base + window.pixel(self.width, *cell);
                *p = (pixel * self.depth + self.c0 + c) as i64;
            }
        }
    }
    let [h, w] = &g.spatial;
    let (out, argmax) = (Disjoint::new(out), Disjoint::new(argmax));
    for_channels(pool, g, &|image, c0, n| {
        vectorized(Channels {
            g,
            image: image_of(g, input, image),
            c0,
            n,
            visit: Place {
                depth: g.depth,
                width: w.input,
                c0,
                n,
                base: if with_batch {
                    image * h.input * w.input
                } else {
                    0
                },
                first: image * h.output * w.output,
                out: &out,
                argmax: &argmax,
            },
        });
    });
}

/// The gradient of [`max_pool_grad`] with respect to its gradient: for each window, the element of `gradient`
/// (of the input's size) at the first cell that equals the window's maximum in `maxima`; zero if none does.
pub fn max_pool_grad_grad<T: PoolElement>(
    pool: &ThreadPool,
    g: &PoolGeometry,
    input: &[T],
    maxima: &[T],
    gradient: &[T],
    out: &mut [T],
) {
    let [h, w] = &g.spatial;
    let (depth, row) = (g.depth, w.output * g.depth);
    if out.is_empty() {
        return;
    }
    let out = Disjoint::new(out);
    pool.for_blocks(g.batch * h.output, (BLOCK / row).max(1), &|a, b| {
        for r in a..b {
            let (image, i) = (r / h.output, r % h.output);
            // SAFETY: blocks of rows do not overlap.
            let to = unsafe { out.part(r * row, row) };
            for j in 0..w.output {
                let window = Window::of(g, i, j);
                for c in 0..depth {
                    let at = j * depth + c;
                    let maximum = maxima[r * row + at];
                    let mut found = None;
                    window.each(w.input, |_, pixel| {
                        let cell = (image * h.input * w.input + pixel) * depth + c;
                        if found.is_none() && input[cell] == maximum {
                            found = Some(gradient[cell]);
                        }
                    });
                    to[at] = found.unwrap_or_default();
                }
            }
        }
    });
}
