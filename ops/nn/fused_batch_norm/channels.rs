//! Sums over everything but the channels, and what is done to each element with numbers of its channel.

use crate::device::cpu::{Disjoint, ThreadPool};
use crate::error::{Error, Result};
use crate::shape::Shape;

/// Summands of a sum in single precision; longer sums are in double precision over these.
const SHORT: usize = 128;
/// No more jobs than this sum up, whatever the number of threads.
const JOBS: usize = 64;
/// Elements that one job changes, about.
const BLOCK: usize = 1 << 14;

/// A tensor seen as `[outer, channels, inner]`.
#[derive(Clone, Copy)]
pub(super) struct Channels {
    outer: usize,
    pub(super) channels: usize,
    inner: usize,
}

impl Channels {
    /// From the shape of an image batch, with channels last or second.
    pub(super) fn new(shape: &Shape, last: bool) -> Result<Channels> {
        let rank = shape.rank();
        if rank != 4 && rank != 5 {
            return Err(Error::invalid_argument(format!(
                "input must be 4 or 5-dimensional{shape}"
            )));
        }
        let axis = if last { rank - 1 } else { 1 };
        Ok(Channels {
            outer: shape.product(0..axis),
            channels: shape.dims()[axis],
            inner: shape.product(axis + 1..rank),
        })
    }
    /// Elements of one channel.
    pub(super) fn each(&self) -> usize {
        self.outer * self.inner
    }

    /// For each channel, the sums of `f(index, channel)` over its elements, in a fixed order.
    pub(super) fn sums<const K: usize>(
        &self,
        pool: &ThreadPool,
        f: impl Fn(usize, usize) -> [f32; K] + Sync,
    ) -> Vec<[f64; K]> {
        let c = self.channels;
        let mut total = vec![[0.0f64; K]; c];
        if self.each() == 0 || c == 0 {
            return total;
        }
        let per_job = self.outer.div_ceil(JOBS);
        let jobs = self.outer.div_ceil(per_job);
        let mut partial = vec![[0.0f64; K]; jobs * c];
        let to = Disjoint::new(&mut partial);
        pool.parallel_for(jobs, &|job| {
            // SAFETY: each job has its own sums.
            let sums = unsafe { to.part(job * c, c) };
            let (start, end) = (job * per_job, ((job + 1) * per_job).min(self.outer));
            if self.inner == 1 {
                let mut short = vec![[0.0f32; K]; c];
                for from in (start..end).step_by(SHORT) {
                    short.fill([0.0; K]);
                    for row in from..(from + SHORT).min(end) {
                        for (channel, s) in short.iter_mut().enumerate() {
                            add(s, f(row * c + channel, channel));
                        }
                    }
                    sums.iter_mut()
                        .zip(&short)
                        .for_each(|(t, s)| add_wide(t, s));
                }
                return;
            }
            for row in start..end {
                for (channel, sum) in sums.iter_mut().enumerate() {
                    let plane = (row * c + channel) * self.inner;
                    for from in (0..self.inner).step_by(SHORT) {
                        let mut short = [0.0f32; K];
                        for i in from..(from + SHORT).min(self.inner) {
                            add(&mut short, f(plane + i, channel));
                        }
                        add_wide(sum, &short);
                    }
                }
            }
        });
        for sums in partial.chunks_exact(c) {
            for (t, s) in total.iter_mut().zip(sums) {
                t.iter_mut().zip(s).for_each(|(t, s)| *t += s);
            }
        }
        total
    }

    /// Sets each element of `out` to `f(index, channel)`.
    pub(super) fn map<T: Copy + Send + Sync>(
        &self,
        pool: &ThreadPool,
        out: &mut [T],
        f: impl Fn(usize, usize) -> T + Sync,
    ) {
        let (c, inner) = (self.channels, self.inner);
        if out.is_empty() {
            return;
        }
        let row = c * inner;
        let to = Disjoint::new(out);
        pool.for_blocks(self.outer, (BLOCK / row).max(1), &|a, b| {
            // SAFETY: blocks of rows do not overlap.
            let part = unsafe { to.part(a * row, (b - a) * row) };
            for (r, values) in (a..b).zip(part.chunks_exact_mut(row)) {
                for (channel, plane) in values.chunks_exact_mut(inner).enumerate() {
                    let first = (r * c + channel) * inner;
                    for (i, v) in plane.iter_mut().enumerate() {
                        *v = f(first + i, channel);
                    }
                }
            }
        });
    }
}

#[inline(always)]
fn add<const K: usize>(to: &mut [f32; K], by: [f32; K]) {
    to.iter_mut().zip(by).for_each(|(t, b)| *t += b);
}

#[inline(always)]
fn add_wide<const K: usize>(to: &mut [f64; K], by: &[f32; K]) {
    to.iter_mut().zip(by).for_each(|(t, b)| *t += f64::from(*b));
}
