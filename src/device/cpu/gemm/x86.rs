//! Microkernels for AVX-512F and for AVX2 with FMA.
//!
//! Both form each tile's sums as chains of fused multiply-adds, so they agree bit for bit.

use super::tile::{Microkernel, Tile};
use std::arch::x86_64::*;

/// A vector register: the few instructions that a tile needs.
///
/// Every function is unsafe because the machine must have its instructions, and because of the addresses.
#[allow(clippy::missing_safety_doc)]
trait Vector: Copy {
    type Scalar: Copy;
    type Mask: Copy;
    const LANES: usize;
    unsafe fn zero() -> Self;
    unsafe fn splat(p: *const Self::Scalar) -> Self;
    /// Selects the first `n` lanes.
    unsafe fn mask(n: usize) -> Self::Mask;
    unsafe fn load(p: *const Self::Scalar) -> Self;
    unsafe fn load_masked(p: *const Self::Scalar, mask: Self::Mask) -> Self;
    unsafe fn store_masked(self, p: *mut Self::Scalar, mask: Self::Mask);
    unsafe fn add(self, other: Self) -> Self;
    /// `self + a * b`, rounded once.
    unsafe fn fma(self, a: Self, b: Self) -> Self;
}

// SAFETY: of all one-line wrappers below: each only forwards to the intrinsic whose conditions its own caller accepts.
macro_rules! avx512 {
    ($name:ident, $reg:ident, $scalar:ident, $mask:ident, $lanes:literal, $zero:ident, $set1:ident, $load:ident,
     $mload:ident, $mstore:ident, $add:ident, $fma:ident) => {
        #[derive(Clone, Copy)]
        struct $name($reg);
        // SAFETY of the bodies: one instruction each, on the addresses and machine that the caller vouches for.
        impl Vector for $name {
            type Scalar = $scalar;
            type Mask = $mask;
            const LANES: usize = $lanes;
            #[inline(always)]
            unsafe fn zero() -> Self {
                unsafe { $name($zero()) }
            }
            #[inline(always)]
            unsafe fn splat(p: *const $scalar) -> Self {
                unsafe { $name($set1(*p)) }
            }
            #[inline(always)]
            unsafe fn mask(n: usize) -> $mask {
                ((1u32 << n) - 1) as $mask
            }
            #[inline(always)]
            unsafe fn load(p: *const $scalar) -> Self {
                unsafe { $name($load(p)) }
            }
            #[inline(always)]
            unsafe fn load_masked(p: *const $scalar, mask: $mask) -> Self {
                unsafe { $name($mload(mask, p)) }
            }
            #[inline(always)]
            unsafe fn store_masked(self, p: *mut $scalar, mask: $mask) {
                unsafe { $mstore(p, mask, self.0) }
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                unsafe { $name($add(self.0, other.0)) }
            }
            #[inline(always)]
            unsafe fn fma(self, a: Self, b: Self) -> Self {
                unsafe { $name($fma(a.0, b.0, self.0)) }
            }
        }
    };
}
avx512!(
    F32x16,
    __m512,
    f32,
    __mmask16,
    16,
    _mm512_setzero_ps,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_maskz_loadu_ps,
    _mm512_mask_storeu_ps,
    _mm512_add_ps,
    _mm512_fmadd_ps
);
avx512!(
    F64x8,
    __m512d,
    f64,
    __mmask8,
    8,
    _mm512_setzero_pd,
    _mm512_set1_pd,
    _mm512_loadu_pd,
    _mm512_maskz_loadu_pd,
    _mm512_mask_storeu_pd,
    _mm512_add_pd,
    _mm512_fmadd_pd
);

// SAFETY: as above.
macro_rules! avx2 {
    ($name:ident, $reg:ident, $scalar:ident, $int:ident, $lanes:literal, $zero:ident, $set1:ident, $load:ident,
     $mload:ident, $mstore:ident, $add:ident, $fma:ident) => {
        #[derive(Clone, Copy)]
        struct $name($reg);
        // SAFETY: of the bodies: one instruction each, on the addresses and machine that the caller vouches for.
        impl Vector for $name {
            type Scalar = $scalar;
            type Mask = __m256i;
            const LANES: usize = $lanes;
            #[inline(always)]
            unsafe fn zero() -> Self {
                unsafe { $name($zero()) }
            }
            #[inline(always)]
            unsafe fn splat(p: *const $scalar) -> Self {
                unsafe { $name($set1(*p)) }
            }
            #[inline(always)]
            unsafe fn mask(n: usize) -> __m256i {
                const WINDOW: [$int; 2 * $lanes] = {
                    let mut w = [0; 2 * $lanes];
                    let mut i = 0;
                    while i < $lanes {
                        w[i] = -1;
                        i += 1;
                    }
                    w
                };
                unsafe { _mm256_loadu_si256(WINDOW.as_ptr().add($lanes - n) as *const __m256i) }
            }
            #[inline(always)]
            unsafe fn load(p: *const $scalar) -> Self {
                unsafe { $name($load(p)) }
            }
            #[inline(always)]
            unsafe fn load_masked(p: *const $scalar, mask: __m256i) -> Self {
                unsafe { $name($mload(p, mask)) }
            }
            #[inline(always)]
            unsafe fn store_masked(self, p: *mut $scalar, mask: __m256i) {
                unsafe { $mstore(p, mask, self.0) }
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                unsafe { $name($add(self.0, other.0)) }
            }
            #[inline(always)]
            unsafe fn fma(self, a: Self, b: Self) -> Self {
                unsafe { $name($fma(a.0, b.0, self.0)) }
            }
        }
    };
}
avx2!(
    F32x8,
    __m256,
    f32,
    i32,
    8,
    _mm256_setzero_ps,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_maskload_ps,
    _mm256_maskstore_ps,
    _mm256_add_ps,
    _mm256_fmadd_ps
);
avx2!(
    F64x4,
    __m256d,
    f64,
    i64,
    4,
    _mm256_setzero_pd,
    _mm256_set1_pd,
    _mm256_loadu_pd,
    _mm256_maskload_pd,
    _mm256_maskstore_pd,
    _mm256_add_pd,
    _mm256_fmadd_pd
);

/// A tile of `M0 + M1` rows (two halves of at most 7: larger arrays would not be kept in registers) and `N`
/// vectors; the last vector is partial when `FULL` is false.
///
/// # Safety
/// See [`Microkernel::run`].
#[inline(always)]
unsafe fn tile<V: Vector, const M0: usize, const M1: usize, const N: usize, const FULL: bool>(
    t: &Tile<V::Scalar>,
) {
    // SAFETY: all addresses are elements of the tile's operands, which the caller vouches for; masked lanes
    // are not touched. Pointers past an operand's end are formed (wrapping) but not read.
    unsafe {
        let mut masks = [V::mask(V::LANES); N];
        if let Some(last) = masks.last_mut() {
            *last = V::mask((t.n - (N - 1) * V::LANES).min(V::LANES));
        }
        let mut top = [[V::zero(); N]; M0];
        let mut low = [[V::zero(); N]; M1];
        let row = t.a_row;
        for r in t.runs {
            let a = t.a.wrapping_offset(r.a);
            let a_low = a.wrapping_offset(M0 as isize * row);
            // One pointer for each three rows: the addressing modes reach p, p + row and p + 2 row.
            let mut p = [a, a.wrapping_offset(3 * row), a.wrapping_offset(6 * row)];
            let mut q = [
                a_low,
                a_low.wrapping_offset(3 * row),
                a_low.wrapping_offset(6 * row),
            ];
            let mut b = t.b.wrapping_offset(r.b);
            for _ in 0..r.len {
                let mut y = [V::zero(); N];
                for v in 0..N {
                    let from = b.wrapping_add(v * V::LANES);
                    y[v] = if FULL {
                        V::load(from)
                    } else {
                        V::load_masked(from, masks[v])
                    };
                }
                multiply_rows(&mut top, &y, &p, row);
                multiply_rows(&mut low, &y, &q, row);
                for i in 0..3 {
                    p[i] = p[i].wrapping_offset(t.a_step);
                    q[i] = q[i].wrapping_offset(t.a_step);
                }
                b = b.wrapping_offset(t.b_step);
            }
        }
        store_rows(t, &masks, 0, &top);
        store_rows(t, &masks, M0, &low);
    }
}

/// # Safety
/// See [`tile`].
#[inline(always)]
unsafe fn store_rows<V: Vector, const M: usize, const N: usize>(
    t: &Tile<V::Scalar>,
    masks: &[V::Mask; N],
    first: usize,
    acc: &[[V; N]; M],
) {
    // SAFETY: see `tile`.
    unsafe {
        for i in 0..M {
            for v in 0..N {
                let c =
                    t.c.offset((first + i) as isize * t.c_row + (v * V::LANES) as isize);
                let mut sum = acc[i][v];
                if t.accumulate {
                    sum = V::load_masked(c, masks[v]).add(sum);
                }
                sum.store_masked(c, masks[v]);
            }
        }
    }
}

/// # Safety
/// See [`tile`].
#[inline(always)]
unsafe fn multiply_rows<V: Vector, const M: usize, const N: usize>(
    acc: &mut [[V; N]; M],
    y: &[V; N],
    p: &[*const V::Scalar; 3],
    row: isize,
) {
    // SAFETY: see `tile`.
    unsafe {
        for i in 0..M {
            let x = V::splat(p[i / 3].wrapping_offset(row * (i % 3) as isize));
            for v in 0..N {
                acc[i][v] = acc[i][v].fma(x, y[v]);
            }
        }
    }
}

/// # Safety
/// See [`Microkernel::run`].
#[target_feature(enable = "avx512f")]
unsafe fn tile512<V: Vector, const M0: usize, const M1: usize, const N: usize>(
    t: &Tile<V::Scalar>,
) {
    // SAFETY: passed on. Masks cost nothing here, so one form serves full and partial tiles.
    unsafe { tile::<V, M0, M1, N, false>(t) }
}

/// # Safety
/// See [`Microkernel::run`].
#[target_feature(enable = "avx2,fma")]
unsafe fn tile256<V: Vector, const M0: usize, const N: usize, const FULL: bool>(
    t: &Tile<V::Scalar>,
) {
    // SAFETY: passed on.
    unsafe { tile::<V, M0, 0, N, FULL>(t) }
}

/// # Safety
/// See [`Microkernel::run`].
unsafe fn rows512<V: Vector, const N: usize>(t: &Tile<V::Scalar>) {
    // SAFETY: passed on.
    unsafe {
        match t.m {
            1 => tile512::<V, 1, 0, N>(t),
            2 => tile512::<V, 2, 0, N>(t),
            3 => tile512::<V, 3, 0, N>(t),
            4 => tile512::<V, 4, 0, N>(t),
            5 => tile512::<V, 5, 0, N>(t),
            6 => tile512::<V, 6, 0, N>(t),
            7 => tile512::<V, 7, 0, N>(t),
            8 => tile512::<V, 4, 4, N>(t),
            9 => tile512::<V, 5, 4, N>(t),
            10 => tile512::<V, 5, 5, N>(t),
            11 => tile512::<V, 6, 5, N>(t),
            12 => tile512::<V, 6, 6, N>(t),
            13 => tile512::<V, 7, 6, N>(t),
            _ => tile512::<V, 7, 7, N>(t),
        }
    }
}

/// # Safety
/// See [`Microkernel::run`].
unsafe fn rows256<V: Vector, const N: usize, const FULL: bool>(t: &Tile<V::Scalar>) {
    // SAFETY: passed on.
    unsafe {
        match t.m {
            1 => tile256::<V, 1, N, FULL>(t),
            2 => tile256::<V, 2, N, FULL>(t),
            3 => tile256::<V, 3, N, FULL>(t),
            4 => tile256::<V, 4, N, FULL>(t),
            5 => tile256::<V, 5, N, FULL>(t),
            _ => tile256::<V, 6, N, FULL>(t),
        }
    }
}

/// # Safety
/// See [`Microkernel::run`].
unsafe fn any512<V: Vector>(t: &Tile<V::Scalar>) {
    // SAFETY: passed on.
    unsafe {
        if t.n <= V::LANES {
            rows512::<V, 1>(t)
        } else {
            rows512::<V, 2>(t)
        }
    }
}

/// # Safety
/// See [`Microkernel::run`].
unsafe fn any256<V: Vector>(t: &Tile<V::Scalar>) {
    // SAFETY: passed on.
    unsafe {
        match (t.n <= V::LANES, t.n.is_multiple_of(V::LANES)) {
            (true, true) => rows256::<V, 1, true>(t),
            (true, false) => rows256::<V, 1, false>(t),
            (false, true) => rows256::<V, 2, true>(t),
            (false, false) => rows256::<V, 2, false>(t),
        }
    }
}

const ROWS512: usize = 14;
const ROWS256: usize = 6;

/// 14 x 32 floats in 28 of 32 registers.
pub fn avx512_f32() -> Microkernel<f32> {
    Microkernel {
        rows: ROWS512,
        cols: 2 * F32x16::LANES,
        run: any512::<F32x16>,
    }
}
/// 14 x 16 doubles.
pub fn avx512_f64() -> Microkernel<f64> {
    Microkernel {
        rows: ROWS512,
        cols: 2 * F64x8::LANES,
        run: any512::<F64x8>,
    }
}
/// 6 x 16 floats in 12 of 16 registers.
pub fn avx2_f32() -> Microkernel<f32> {
    Microkernel {
        rows: ROWS256,
        cols: 2 * F32x8::LANES,
        run: any256::<F32x8>,
    }
}
/// 6 x 8 doubles.
pub fn avx2_f64() -> Microkernel<f64> {
    Microkernel {
        rows: ROWS256,
        cols: 2 * F64x4::LANES,
        run: any256::<F64x4>,
    }
}
