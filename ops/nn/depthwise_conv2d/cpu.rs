//! The three passes of the depthwise convolution on the CPU, in the order NHWC.

use super::Depthwise;
use crate::device::cpu::gemm::GemmScalar;
use crate::device::cpu::{Disjoint, ThreadPool};
use crate::ops::nn::window::Slide;

/// Positions of rows that one job computes, about this many elements.
const BLOCK: usize = 1 << 13;

/// The input cell that filter cell `k` of window `i` reads.
fn source(s: &Slide, i: usize, k: usize) -> Option<usize> {
    let at = (i * s.stride + k * s.dilation).checked_sub(s.before)?;
    (at < s.input).then_some(at)
}

/// The window whose filter cell `k` reads input cell `p`.
fn reader(s: &Slide, p: usize, k: usize) -> Option<usize> {
    let at = (p + s.before).checked_sub(k * s.dilation)?;
    let i = at / s.stride;
    (at % s.stride == 0 && i < s.output).then_some(i)
}

/// Rows for one job.
fn rows_per_job(row: usize) -> usize {
    (BLOCK / row.max(1)).max(1)
}

/// The output from input and filter.
pub(super) fn forward<T: GemmScalar>(
    pool: &ThreadPool,
    g: &Depthwise,
    input: &[T],
    filter: &[T],
    out: &mut [T],
) {
    let ([h, w], m, depth) = (&g.spatial, g.multiplier, g.depth);
    let wide = depth * m;
    if out.is_empty() {
        return;
    }
    let out = Disjoint::new(out);
    let row = w.output * wide;
    pool.for_blocks(
        g.batch * h.output,
        rows_per_job(row * h.window * w.window),
        &|a, b| {
            // SAFETY: blocks of rows do not overlap.
            let part = unsafe { out.part(a * row, (b - a) * row) };
            for (r, to) in (a..b).zip(part.chunks_exact_mut(row)) {
                let (image, i) = (r / h.output, r % h.output);
                for (j, sum) in to.chunks_exact_mut(wide).enumerate() {
                    sum.fill(T::default());
                    for ki in 0..h.window {
                        let Some(y) = source(h, i, ki) else { continue };
                        for kj in 0..w.window {
                            let Some(x) = source(w, j, kj) else { continue };
                            let from = ((image * h.input + y) * w.input + x) * depth;
                            let from = &input[from..from + depth];
                            let tap = (ki * w.window + kj) * wide;
                            let tap = &filter[tap..tap + wide];
                            if m == 1 {
                                for ((s, v), f) in sum.iter_mut().zip(from).zip(tap) {
                                    *s = T::mul_add(*v, *f, *s);
                                }
                            } else {
                                let groups = sum.chunks_exact_mut(m).zip(tap.chunks_exact(m));
                                for ((s, f), v) in groups.zip(from) {
                                    for (s, f) in s.iter_mut().zip(f) {
                                        *s = T::mul_add(*v, *f, *s);
                                    }
                                }
                            }
                        }
                    }
                }
            }
        },
    );
}

/// The gradient of the input from filter and the output's gradient.
pub(super) fn backprop_input<T: GemmScalar>(
    pool: &ThreadPool,
    g: &Depthwise,
    filter: &[T],
    gradient: &[T],
    out: &mut [T],
) {
    let ([h, w], m, depth) = (&g.spatial, g.multiplier, g.depth);
    let wide = depth * m;
    if out.is_empty() {
        return;
    }
    let out = Disjoint::new(out);
    let row = w.input * depth;
    pool.for_blocks(
        g.batch * h.input,
        rows_per_job(row * h.window * w.window),
        &|a, b| {
            // SAFETY: blocks of rows do not overlap.
            let part = unsafe { out.part(a * row, (b - a) * row) };
            for (r, to) in (a..b).zip(part.chunks_exact_mut(row)) {
                let (image, y) = (r / h.input, r % h.input);
                for (x, sum) in to.chunks_exact_mut(depth).enumerate() {
                    sum.fill(T::default());
                    for ki in 0..h.window {
                        let Some(i) = reader(h, y, ki) else { continue };
                        for kj in 0..w.window {
                            let Some(j) = reader(w, x, kj) else { continue };
                            let from = ((image * h.output + i) * w.output + j) * wide;
                            let from = &gradient[from..from + wide];
                            let tap = (ki * w.window + kj) * wide;
                            let tap = &filter[tap..tap + wide];
                            if m > 0 {
                                let groups = from.chunks_exact(m).zip(tap.chunks_exact(m));
                                for (s, (v, f)) in sum.iter_mut().zip(groups) {
                                    for (v, f) in v.iter().zip(f) {
                                        *s = T::mul_add(*v, *f, *s);
                                    }
                                }
                            }
                        }
                    }
                }
            }
        },
    );
}

/// The gradient of the filter from input and the output's gradient. Each filter cell is summed by itself: first
/// within rows, then over rows and images.
pub(super) fn backprop_filter<T: GemmScalar>(
    pool: &ThreadPool,
    g: &Depthwise,
    input: &[T],
    gradient: &[T],
    out: &mut [T],
) {
    let ([h, w], m, depth) = (&g.spatial, g.multiplier, g.depth);
    let wide = depth * m;
    if out.is_empty() {
        return;
    }
    let out = Disjoint::new(out);
    pool.parallel_for(h.window * w.window, &|tap| {
        let (ki, kj) = (tap / w.window, tap % w.window);
        // SAFETY: each filter cell belongs to one job.
        let total = unsafe { out.part(tap * wide, wide) };
        total.fill(T::default());
        let mut sum = vec![T::default(); wide];
        for r in 0..g.batch * h.output {
            let (image, i) = (r / h.output, r % h.output);
            let Some(y) = source(h, i, ki) else { continue };
            sum.fill(T::default());
            for j in 0..w.output {
                let Some(x) = source(w, j, kj) else { continue };
                let from = ((image * h.input + y) * w.input + x) * depth;
                let by = (r * w.output + j) * wide;
                let groups = sum
                    .chunks_exact_mut(m)
                    .zip(gradient[by..by + wide].chunks_exact(m));
                for ((s, d), v) in groups.zip(&input[from..from + depth]) {
                    for (s, d) in s.iter_mut().zip(d) {
                        *s = T::mul_add(*v, *d, *s);
                    }
                }
            }
            for (t, s) in total.iter_mut().zip(&sum) {
                *t = T::plus(*t, *s);
            }
        }
    });
}
