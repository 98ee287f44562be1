//! From random words to values, bit for bit as TensorFlow's kernels do it on the CPU.

use crate::dtype::Element;
use crate::resource::Philox;
use half::{bf16, f16};
use std::f64::consts::PI;

/// The smallest uniform number whose logarithm is taken.
const SMALLEST: f64 = 1e-7;
/// Truncated normals keep what is below this size.
const CUT: f64 = 2.0;

/// How many values a group of random blocks gives, and which blocks those are.
pub(super) trait Distribution<T>: Copy + Send + Sync + 'static {
    /// Values in one group (at most 4).
    const GROUP: usize;
    /// Blocks from the beginning of one group to that of the next.
    const STRIDE: u64;
    /// Draws one group; `from` stands at its beginning.
    fn group(from: Philox) -> [T; 4];
}

/// In [0, 1).
#[derive(Clone, Copy)]
pub(super) struct Uniform;
/// Mean 0, deviation 1.
#[derive(Clone, Copy)]
pub(super) struct Normal;
/// As [`Normal`], without values of 2 and more in size.
#[derive(Clone, Copy)]
pub(super) struct TruncatedNormal;

/// A float in [0, 1) from the low 23 bits of a word.
#[inline(always)]
pub(super) fn uniform_f32(x: u32) -> f32 {
    f32::from_bits((x & 0x7f_ffff) | 0x3f80_0000) - 1.0
}

/// A double in [0, 1) from 52 bits of two words.
#[inline(always)]
pub(super) fn uniform_f64(x0: u32, x1: u32) -> f64 {
    let mantissa = (u64::from(x0 & 0xf_ffff) << 32) | u64::from(x1);
    f64::from_bits(mantissa | (1023 << 52)) - 1.0
}

/// Two normal floats from two words.
#[inline(always)]
pub(super) fn normals_f32(x0: u32, x1: u32) -> [f32; 2] {
    let u = uniform_f32(x0).max(SMALLEST as f32);
    let angle = (2.0 * PI * f64::from(uniform_f32(x1))) as f32;
    let radius = (-2.0 * u.ln()).sqrt();
    [angle.sin() * radius, angle.cos() * radius]
}

/// Two normal doubles from four words.
#[inline(always)]
pub(super) fn normals_f64([x0, x1, x2, x3]: [u32; 4]) -> [f64; 2] {
    let u = uniform_f64(x0, x1).max(SMALLEST);
    let angle = 2.0 * PI * uniform_f64(x2, x3);
    let radius = (-2.0 * u.ln()).sqrt();
    [angle.sin() * radius, angle.cos() * radius]
}

/// A type whose values are made from floats.
pub(super) trait FromF32: Element {
    /// The nearest value.
    fn from_f32(v: f32) -> Self;
    /// In [0, 1), from the low bits of a word.
    fn uniform(x: u32) -> Self;
}
impl FromF32 for f32 {
    fn from_f32(v: f32) -> f32 {
        v
    }
    fn uniform(x: u32) -> f32 {
        uniform_f32(x)
    }
}
impl FromF32 for f16 {
    fn from_f32(v: f32) -> f16 {
        f16::from_f32(v)
    }
    fn uniform(x: u32) -> f16 {
        f16::from_f32(f16::from_bits((x & 0x3ff) as u16 | (15 << 10)).to_f32() - 1.0)
    }
}
impl FromF32 for bf16 {
    fn from_f32(v: f32) -> bf16 {
        bf16::from_f32(v)
    }
    fn uniform(x: u32) -> bf16 {
        bf16::from_f32(bf16::from_bits((x & 0x7f) as u16 | (127 << 7)).to_f32() - 1.0)
    }
}

impl<T: FromF32> Distribution<T> for Uniform {
    const GROUP: usize = 4;
    const STRIDE: u64 = 1;
    #[inline(always)]
    fn group(from: Philox) -> [T; 4] {
        from.at(0).map(T::uniform)
    }
}
impl Distribution<f64> for Uniform {
    const GROUP: usize = 2;
    const STRIDE: u64 = 1;
    #[inline(always)]
    fn group(from: Philox) -> [f64; 4] {
        let [a, b, c, d] = from.at(0);
        [uniform_f64(a, b), uniform_f64(c, d), 0.0, 0.0]
    }
}

impl<T: FromF32> Distribution<T> for Normal {
    const GROUP: usize = 4;
    const STRIDE: u64 = 1;
    #[inline(always)]
    fn group(from: Philox) -> [T; 4] {
        let [a, b, c, d] = from.at(0);
        let ([v0, v1], [v2, v3]) = (normals_f32(a, b), normals_f32(c, d));
        [v0, v1, v2, v3].map(T::from_f32)
    }
}
impl Distribution<f64> for Normal {
    const GROUP: usize = 2;
    const STRIDE: u64 = 1;
    #[inline(always)]
    fn group(from: Philox) -> [f64; 4] {
        let [a, b] = normals_f64(from.at(0));
        [a, b, 0.0, 0.0]
    }
}

impl<T: FromF32> Distribution<T> for TruncatedNormal {
    const GROUP: usize = 4;
    const STRIDE: u64 = 256;
    fn group(mut from: Philox) -> [T; 4] {
        let mut out = [T::default(); 4];
        let mut found = 0;
        loop {
            let [a, b, c, d] = from.next();
            for v in [normals_f32(a, b), normals_f32(c, d)].as_flattened() {
                if v.abs() < CUT as f32 {
                    out[found] = T::from_f32(*v);
                    found += 1;
                    if found == out.len() {
                        return out;
                    }
                }
            }
        }
    }
}
impl Distribution<f64> for TruncatedNormal {
    const GROUP: usize = 2;
    const STRIDE: u64 = 128;
    fn group(mut from: Philox) -> [f64; 4] {
        let mut out = [0.0; 4];
        let mut found = 0;
        loop {
            for v in normals_f64(from.next()) {
                if v.abs() < CUT {
                    out[found] = v;
                    found += 1;
                    if found == 2 {
                        return out;
                    }
                }
            }
        }
    }
}
