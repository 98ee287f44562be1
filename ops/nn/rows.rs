//! Numerics of rows for the softmax family: maxima, exponentials and sums, halves through f32, in a fixed order.

use crate::device::cpu::{Disjoint, Loop, ThreadPool, elementary, vectorized};
use crate::ops::math::elementwise::same_type;
use crate::ops::math::number::{Float, Number};
use half::{bf16, f16};

/// A type with the one that its rows are computed in.
pub(super) trait RowElement: Float {
    /// f32 or f64.
    type Wide: Float;
    fn widen(self) -> Self::Wide;
    fn narrow(wide: Self::Wide) -> Self;
}
impl RowElement for f32 {
    type Wide = f32;
    fn widen(self) -> f32 {
        self
    }
    fn narrow(wide: f32) -> f32 {
        wide
    }
}
impl RowElement for f64 {
    type Wide = f64;
    fn widen(self) -> f64 {
        self
    }
    fn narrow(wide: f64) -> f64 {
        wide
    }
}
impl RowElement for f16 {
    type Wide = f32;
    fn widen(self) -> f32 {
        self.to_f32()
    }
    fn narrow(wide: f32) -> f16 {
        f16::from_f32(wide)
    }
}
impl RowElement for bf16 {
    type Wide = f32;
    fn widen(self) -> f32 {
        self.to_f32()
    }
    fn narrow(wide: f32) -> bf16 {
        bf16::from_f32(wide)
    }
}

/// About so many elements make a block of parallel work.
const BLOCK: usize = 1 << 13;

/// Calls `body` with blocks of rows, in parallel when they are large.
pub(super) fn row_blocks(
    pool: &ThreadPool,
    rows: usize,
    width: usize,
    body: &(dyn Fn(usize, usize) + Sync),
) {
    if rows.saturating_mul(width) <= BLOCK {
        if rows > 0 {
            body(0, rows);
        }
    } else {
        pool.for_blocks(rows, BLOCK.div_ceil(width.max(1)), body);
    }
}

/// Calls `body` with the number and the elements of each row of `rows`, widened, and stores what it leaves.
///
/// `rows` is first filled with `input`, where that is given.
pub(super) fn each_row<T: RowElement>(
    pool: &ThreadPool,
    input: Option<&[T]>,
    rows: &mut [T],
    width: usize,
    body: &(dyn Fn(usize, &mut [T::Wide]) + Sync),
) {
    if width == 0 {
        return;
    }
    let count = rows.len() / width;
    let rows = Disjoint::new(rows);
    row_blocks(pool, count, width, &|start, end| {
        // SAFETY: blocks of rows do not overlap.
        let part = unsafe { rows.part(start * width, (end - start) * width) };
        let source = input.map(|x| &x[start * width..end * width]);
        if same_type::<T, T::Wide>() {
            if let Some(x) = source {
                part.copy_from_slice(x);
            }
            let wide = as_wide::<T>(part);
            for (i, row) in wide.chunks_exact_mut(width).enumerate() {
                body(start + i, row);
            }
            return;
        }
        let mut wide = vec![T::Wide::ZERO; width];
        for (i, row) in part.chunks_exact_mut(width).enumerate() {
            let from = source.map_or(&*row, |x| &x[i * width..(i + 1) * width]);
            for (w, v) in wide.iter_mut().zip(from) {
                *w = v.widen();
            }
            body(start + i, &mut wide);
            for (v, w) in row.iter_mut().zip(&wide) {
                *v = T::narrow(*w);
            }
        }
    });
}

/// The same elements.
///
/// # Panics
/// When the types differ.
fn as_wide<T: RowElement>(rows: &mut [T]) -> &mut [T::Wide] {
    assert!(same_type::<T, T::Wide>());
    // SAFETY: T and its wide type are one.
    unsafe { std::slice::from_raw_parts_mut(rows.as_mut_ptr() as *mut T::Wide, rows.len()) }
}

/// Sums and maxima are taken in so many lanes, whatever the machine, so that they are always rounded alike.
const LANES: usize = 16;

#[inline(always)]
fn exp<W: Float>(x: W) -> W {
    x.lift(elementary::exp, f64::exp)
}

/// The natural logarithm of one number.
pub(super) fn ln<W: Float>(x: W) -> W {
    x.lift(f32::ln, f64::ln)
}

/// The largest element that is not NaN (the lowest number when there is none).
#[inline(always)]
fn largest<W: Float>(row: &[W]) -> W {
    let mut lanes = [W::LOWEST; LANES];
    let chunks = row.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (m, x) in lanes.iter_mut().zip(chunk) {
            *m = if *x > *m { *x } else { *m };
        }
    }
    for (m, x) in lanes.iter_mut().zip(rest) {
        *m = if *x > *m { *x } else { *m };
    }
    lanes
        .into_iter()
        .fold(W::LOWEST, |m, x| if x > m { x } else { m })
}

/// The sum of a function of each element, which may change the element.
#[inline(always)]
fn sum_of<W: Float>(row: &mut [W], f: impl Fn(&mut W) -> W) -> W {
    let mut lanes = [W::ZERO; LANES];
    let mut chunks = row.chunks_exact_mut(LANES);
    for chunk in &mut chunks {
        for (s, x) in lanes.iter_mut().zip(chunk) {
            *s = s.plus(f(x));
        }
    }
    for (s, x) in lanes.iter_mut().zip(chunks.into_remainder()) {
        *s = s.plus(f(x));
    }
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] = lanes[i].plus(lanes[i + width]);
        }
        width /= 2;
    }
    lanes[0]
}

struct Exponentials<'a, W>(&'a mut [W]);

impl<W: Float> Loop for Exponentials<'_, W> {
    type Output = (W, W);
    #[inline(always)]
    fn run(self) -> (W, W) {
        let m = largest(self.0);
        let sum = sum_of(self.0, |x| {
            *x = exp(x.minus(m));
            *x
        });
        (m, sum)
    }
}

/// Replaces each x by exp(x − max); gives the maximum and the sum.
pub(super) fn exponentials<W: Float>(row: &mut [W]) -> (W, W) {
    vectorized(Exponentials(row))
}

struct Divide<'a, W>(&'a mut [W], W);

impl<W: Float> Loop for Divide<'_, W> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for x in self.0 {
            *x = x.over(self.1);
        }
    }
}

/// Divides each element.
pub(super) fn divide<W: Float>(row: &mut [W], by: W) {
    vectorized(Divide(row, by));
}

struct LogSoftmax<'a, W>(&'a mut [W]);

impl<W: Float> Loop for LogSoftmax<'_, W> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let m = largest(self.0);
        let sum = sum_of(self.0, |x| {
            *x = x.minus(m);
            exp(*x)
        });
        let log = sum.lift(f32::ln, f64::ln);
        for x in self.0 {
            *x = x.minus(log);
        }
    }
}

/// Replaces each x by x − max − ln Σ exp(x − max).
pub(super) fn log_softmax<W: Float>(row: &mut [W]) {
    vectorized(LogSoftmax(row));
}

struct Minus<'a, W>(&'a mut [W], &'a [W]);

impl<W: Float> Loop for Minus<'_, W> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (x, y) in self.0.iter_mut().zip(self.1) {
            *x = x.minus(*y);
        }
    }
}

/// Takes another row away.
pub(super) fn subtract<W: Float>(row: &mut [W], other: &[W]) {
    vectorized(Minus(row, other));
}

struct Weigh<'a, W>(&'a [W], &'a [W], W);

impl<W: Float> Loop for Weigh<'_, W> {
    type Output = (W, W);
    #[inline(always)]
    fn run(self) -> (W, W) {
        let Weigh(row, weights, m) = self;
        let (mut sums, mut totals) = ([W::ZERO; LANES], [W::ZERO; LANES]);
        for (row, weights) in row.chunks(LANES).zip(weights.chunks(LANES)) {
            for (i, (x, w)) in row.iter().zip(weights).enumerate() {
                sums[i] = sums[i].plus(w.times(x.minus(m)));
                totals[i] = totals[i].plus(*w);
            }
        }
        let add = |lanes: [W; LANES]| lanes.into_iter().fold(W::ZERO, |a, b| a.plus(b));
        (add(sums), add(totals))
    }
}

/// Σ w · (x − m) and Σ w.
pub(super) fn weighted<W: Float>(row: &[W], weights: &[W], m: W) -> (W, W) {
    vectorized(Weigh(row, weights, m))
}

struct Largest<'a, W>(&'a [W]);

impl<W: Float> Loop for Largest<'_, W> {
    type Output = W;
    #[inline(always)]
    fn run(self) -> W {
        largest(self.0)
    }
}

/// The largest element that is not NaN.
pub(super) fn maximum<W: Float>(row: &[W]) -> W {
    vectorized(Largest(row))
}
