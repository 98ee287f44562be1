//! One register tile of a matrix product: what a microkernel is asked to do.

use crate::device::cpu::SimdLevel;
use crate::dtype::Element;

/// A stretch of the summation index: where it begins in both operands (elements from their bases), and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Offset into the left operand.
    pub a: isize,
    /// Offset into the right operand.
    pub b: isize,
    /// Number of summands.
    pub len: usize,
}

/// `c[i][j] (+)= sum over runs r, k < r.len of a[r.a + i * a_row + k * a_step] * b[r.b + k * b_step + j]`.
///
/// Each sum is formed in the order of the runs as one chain of multiply-adds that begins with zero, so it does not
/// depend on how a product is cut into tiles. What it is added to comes last: many sums of few summands each are
/// rounded less than one of all, so callers cut a long summation index (into the same calls for every microkernel).
///
/// Runs instead of one length let a convolution read its windows in place.
pub struct Tile<'a, T> {
    /// Rows, `1..=Microkernel::rows`.
    pub m: usize,
    /// Columns, `1..=Microkernel::cols`.
    pub n: usize,
    /// Base of the left operand.
    pub a: *const T,
    /// Elements from one row of the left operand to the next.
    pub a_row: isize,
    /// Elements from one summand of the left operand to the next.
    pub a_step: isize,
    /// Base of the right operand.
    pub b: *const T,
    /// Elements from one summand of the right operand to the next.
    pub b_step: isize,
    /// The result's first element; its columns are contiguous.
    pub c: *mut T,
    /// Elements from one row of the result to the next.
    pub c_row: isize,
    /// The summation index.
    pub runs: &'a [Run],
    /// Whether to add to the result or to replace it.
    pub accumulate: bool,
}

/// A way to compute tiles.
#[derive(Clone, Copy)]
pub struct Microkernel<T> {
    /// The most rows of a tile.
    pub rows: usize,
    /// The most columns of a tile.
    pub cols: usize,
    /// Computes one tile.
    ///
    /// # Safety
    /// All addressed elements must lie in live memory, and those of the result must be the caller's alone. The
    /// machine must have the instructions of the level for which the kernel was made.
    pub run: unsafe fn(&Tile<T>),
}

impl<T> Microkernel<T> {
    /// The number of row tiles for `rows` rows.
    pub fn tiles(&self, rows: usize) -> usize {
        rows.div_ceil(self.rows)
    }
    /// Tile `i` of `tiles` almost equal row tiles: its first row and its number of rows.
    pub fn tile(rows: usize, tiles: usize, i: usize) -> (usize, usize) {
        let start = i * rows / tiles;
        (start, (i + 1) * rows / tiles - start)
    }
}

/// A number type that products compute in.
pub trait GemmScalar: Element {
    /// `acc + a * b`; wrapping for integers; rounded once or twice for floats.
    fn mul_add(a: Self, b: Self, acc: Self) -> Self;
    /// `a + b`; wrapping for integers.
    fn plus(a: Self, b: Self) -> Self;
    /// The microkernel of that level.
    fn microkernel(level: SimdLevel) -> Microkernel<Self> {
        let _ = level;
        super::portable::microkernel::<Self>()
    }
}

macro_rules! wrapping {
    ($($t:ty),*) => { $(
        impl GemmScalar for $t {
            #[inline(always)]
            fn mul_add(a: $t, b: $t, acc: $t) -> $t {
                acc.wrapping_add(a.wrapping_mul(b))
            }
            #[inline(always)]
            fn plus(a: $t, b: $t) -> $t {
                a.wrapping_add(b)
            }
        }
    )* };
}
wrapping!(i8, i16, i32, i64, u8, u16, u32, u64);

macro_rules! floating {
    ($($t:ty => $avx512:ident, $avx2:ident);*) => { $(
        impl GemmScalar for $t {
            #[inline(always)]
            fn mul_add(a: $t, b: $t, acc: $t) -> $t {
                acc + a * b
            }
            #[inline(always)]
            fn plus(a: $t, b: $t) -> $t {
                a + b
            }
            fn microkernel(level: SimdLevel) -> Microkernel<$t> {
                match level {
                    #[cfg(target_arch = "x86_64")]
                    SimdLevel::Avx512 => super::x86::$avx512(),
                    #[cfg(target_arch = "x86_64")]
                    SimdLevel::Avx2 => super::x86::$avx2(),
                    _ => super::portable::microkernel::<$t>(),
                }
            }
        }
    )* };
}
floating!(f32 => avx512_f32, avx2_f32; f64 => avx512_f64, avx2_f64);

macro_rules! complex {
    ($($t:ty),*) => { $(
        impl GemmScalar for num_complex::Complex<$t> {
            #[inline(always)]
            fn mul_add(a: Self, b: Self, acc: Self) -> Self {
                acc + a * b
            }
            #[inline(always)]
            fn plus(a: Self, b: Self) -> Self {
                a + b
            }
        }
    )* };
}
complex!(f32, f64);
