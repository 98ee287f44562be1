//! The conversion between each two element types, with x86's results where C++ leaves them open.

use crate::device::cpu::{Loop, vectorized};
use crate::dtype::{DType, Element};
use half::{bf16, f16};
use num_complex::Complex;

/// Converts elements of one type, given as bytes, to another's.
pub(super) type Row = fn(&[u8], &mut [u8]);

/// The conversion between two types; `None` where there is none. `truncate` cuts off mantissa bits that do
/// not fit instead of rounding.
pub(super) fn row(from: DType, to: DType, truncate: bool) -> Option<Row> {
    use DType::*;
    if truncate {
        match (from, to) {
            (F64, F32) => return Some(shortened::<f64, f32>),
            (F64, F16) => return Some(shortened::<f64, f16>),
            (F64, BF16) => return Some(shortened::<f64, bf16>),
            (F32, F16) => return Some(shortened::<f32, f16>),
            (F32, BF16) => return Some(shortened::<f32, bf16>),
            (C128, C64) => return Some(shortened::<Complex<f64>, Complex<f32>>),
            (C128, F32) => return Some(shortened::<Complex<f64>, f32>),
            (C128, F16) => return Some(shortened::<Complex<f64>, f16>),
            (C128, BF16) => return Some(shortened::<Complex<f64>, bf16>),
            (C64, F16) => return Some(shortened::<Complex<f32>, f16>),
            (C64, BF16) => return Some(shortened::<Complex<f32>, bf16>),
            (F64, C64) => return Some(shortened::<f64, Complex<f32>>),
            _ => {}
        }
    }
    // The pairs that training meets all the time are compiled for every vector width.
    match (from, to) {
        (U8, F32) => return Some(fast::<u8, f32>),
        (I32, F32) => return Some(fast::<i32, f32>),
        (I64, F32) => return Some(fast::<i64, f32>),
        (Bool, F32) => return Some(fast::<bool, f32>),
        (F64, F32) => return Some(fast::<f64, f32>),
        (F32, F64) => return Some(fast::<f32, f64>),
        (F32, I32) => return Some(fast::<f32, i32>),
        (F32, U8) => return Some(fast::<f32, u8>),
        (F32, Bool) => return Some(fast::<f32, bool>),
        (I32, I64) => return Some(fast::<i32, i64>),
        (I64, I32) => return Some(fast::<i64, i32>),
        (F32, BF16) => return Some(fast::<f32, bf16>),
        (BF16, F32) => return Some(fast::<bf16, f32>),
        _ => {}
    }
    match from {
        F32 => to_type::<f32>(to),
        F64 => to_type::<f64>(to),
        F16 => to_type::<f16>(to),
        BF16 => to_type::<bf16>(to),
        I8 => to_type::<i8>(to),
        I16 => to_type::<i16>(to),
        I32 => to_type::<i32>(to),
        I64 => to_type::<i64>(to),
        U8 => to_type::<u8>(to),
        U16 => to_type::<u16>(to),
        U32 => to_type::<u32>(to),
        U64 => to_type::<u64>(to),
        Bool => to_type::<bool>(to),
        C64 => to_type::<Complex<f32>>(to),
        C128 => to_type::<Complex<f64>>(to),
        _ => None,
    }
}

/// The mantissa bits of a source that `truncate` clears.
pub(super) fn cut(from: DType, to: DType, truncate: bool) -> u32 {
    let float = |d: DType| d.is_floating() || d.is_complex();
    let wide = matches!(from, DType::F32 | DType::F64 | DType::C64 | DType::C128);
    match truncate && wide && float(to) {
        true => mantissa_bits(from).saturating_sub(mantissa_bits(to)),
        false => 0,
    }
}

/// A type whose values become `D`.
trait To<D>: Element {
    fn to(self) -> D;
}

/// A type whose values become all others.
trait ToAll:
    To<f32>
    + To<f64>
    + To<f16>
    + To<bf16>
    + To<i8>
    + To<i16>
    + To<i32>
    + To<i64>
    + To<u8>
    + To<u16>
    + To<u32>
    + To<u64>
    + To<bool>
    + To<Complex<f32>>
    + To<Complex<f64>>
{
}

fn to_type<S: ToAll>(to: DType) -> Option<Row> {
    use DType::*;
    Some(match to {
        F32 => plain::<S, f32>,
        F64 => plain::<S, f64>,
        F16 => plain::<S, f16>,
        BF16 => plain::<S, bf16>,
        I8 => plain::<S, i8>,
        I16 => plain::<S, i16>,
        I32 => plain::<S, i32>,
        I64 => plain::<S, i64>,
        U8 => plain::<S, u8>,
        U16 => plain::<S, u16>,
        U32 => plain::<S, u32>,
        U64 => plain::<S, u64>,
        Bool => plain::<S, bool>,
        C64 => plain::<S, Complex<f32>>,
        C128 => plain::<S, Complex<f64>>,
        _ => return None,
    })
}

fn typed<'a, S: Element, D: Element>(x: &'a [u8], y: &'a mut [u8]) -> (&'a [S], &'a mut [D]) {
    let n = x.len() / std::mem::size_of::<S>();
    assert!(y.len() == n * std::mem::size_of::<D>());
    assert!(x.as_ptr().cast::<S>().is_aligned() && y.as_ptr().cast::<D>().is_aligned());
    // SAFETY: both are parts of tensors of these types (the kernel checks that), of n elements and aligned.
    unsafe {
        (
            std::slice::from_raw_parts(x.as_ptr() as *const S, n),
            std::slice::from_raw_parts_mut(y.as_mut_ptr() as *mut D, n),
        )
    }
}

struct Convert<'a, S, D>(&'a [S], &'a mut [D]);

impl<S: To<D>, D> Loop for Convert<'_, S, D> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (y, x) in self.1.iter_mut().zip(self.0) {
            *y = x.to();
        }
    }
}

fn plain<S: To<D>, D: Element>(x: &[u8], y: &mut [u8]) {
    let (x, y) = typed::<S, D>(x, y);
    Convert(x, y).run();
}

fn fast<S: To<D>, D: Element>(x: &[u8], y: &mut [u8]) {
    let (x, y) = typed::<S, D>(x, y);
    vectorized(Convert(x, y));
}

/// A floating-point type some of whose low mantissa bits can be cleared.
trait Shorten: Element {
    /// The value with only the mantissa bits that a type of `D` has.
    fn shorten(self, to: DType) -> Self;
}

/// The mantissa bits of a floating-point type (of the parts of a complex one).
fn mantissa_bits(d: DType) -> u32 {
    match d {
        DType::F16 => 10,
        DType::BF16 => 7,
        DType::F32 | DType::C64 => 23,
        _ => 52,
    }
}

impl Shorten for f32 {
    fn shorten(self, to: DType) -> f32 {
        let cut = 23u32.saturating_sub(mantissa_bits(to));
        f32::from_bits(self.to_bits() & (u32::MAX << cut))
    }
}
impl Shorten for f64 {
    fn shorten(self, to: DType) -> f64 {
        let cut = 52u32.saturating_sub(mantissa_bits(to));
        f64::from_bits(self.to_bits() & (u64::MAX << cut))
    }
}
impl Shorten for Complex<f32> {
    fn shorten(self, to: DType) -> Self {
        Complex::new(self.re.shorten(to), self.im.shorten(to))
    }
}
impl Shorten for Complex<f64> {
    fn shorten(self, to: DType) -> Self {
        Complex::new(self.re.shorten(to), self.im.shorten(to))
    }
}

fn shortened<S: To<D> + Shorten, D: Element>(x: &[u8], y: &mut [u8]) {
    let (x, y) = typed::<S, D>(x, y);
    for (y, x) in y.iter_mut().zip(x) {
        *y = x.shorten(D::DTYPE).to();
    }
}

/// x86's conversion: the least integer stands for everything out of range.
macro_rules! whole {
    ($name:ident, $float:ty, $int:ty, $limit:expr) => {
        #[inline(always)]
        fn $name(x: $float) -> $int {
            if (-$limit..$limit).contains(&x) {
                x as $int
            } else {
                <$int>::MIN
            }
        }
    };
}
whole!(i32_of_f32, f32, i32, 2_147_483_648.0);
whole!(i32_of_f64, f64, i32, 2_147_483_648.0);
whole!(i64_of_f32, f32, i64, 9_223_372_036_854_775_808.0);
whole!(i64_of_f64, f64, i64, 9_223_372_036_854_775_808.0);

/// Unsigned numbers as clang converts them: in two halves of the range, the upper one only when the lower fails.
macro_rules! u64_of {
    ($name:ident, $signed:ident, $float:ty) => {
        #[inline(always)]
        fn $name(x: $float) -> u64 {
            const LIMIT: $float = 9_223_372_036_854_775_808.0;
            let (lower, upper) = ($signed(x), $signed(x - LIMIT));
            (lower | (upper & (lower >> 63))) as u64
        }
    };
}
u64_of!(u64_of_f32, i64_of_f32, f32);
u64_of!(u64_of_f64, i64_of_f64, f64);

macro_rules! conversion {
    ($from:ty => $($to:ty : $f:expr),* $(,)?) => {
        $(
            impl To<$to> for $from {
                #[inline(always)]
                fn to(self) -> $to {
                    let f: fn($from) -> $to = $f;
                    f(self)
                }
            }
        )*
        impl ToAll for $from {}
    };
}

macro_rules! from_integer {
    ($($from:ty),*) => { $(
        conversion!($from =>
            f32: |x| x as f32, f64: |x| x as f64,
            f16: |x| f16::from_f32(x as f32), bf16: |x| bf16::from_f32(x as f32),
            i8: |x| x as i8, i16: |x| x as i16, i32: |x| x as i32, i64: |x| x as i64,
            u8: |x| x as u8, u16: |x| x as u16, u32: |x| x as u32, u64: |x| x as u64,
            bool: |x| x != 0,
            Complex<f32>: |x| Complex::new(x as f32, 0.0),
            Complex<f64>: |x| Complex::new(x as f64, 0.0),
        );
    )* };
}
from_integer!(i8, i16, i32, i64, u8, u16, u32, u64);

conversion!(bool =>
    f32: |x| f32::from(u8::from(x)), f64: |x| f64::from(u8::from(x)),
    f16: |x| f16::from_f32(f32::from(u8::from(x))), bf16: |x| bf16::from_f32(f32::from(u8::from(x))),
    i8: |x| x as i8, i16: |x| x as i16, i32: |x| x as i32, i64: |x| x as i64,
    u8: |x| x as u8, u16: |x| x as u16, u32: |x| x as u32, u64: |x| x as u64,
    bool: |x| x,
    Complex<f32>: |x| Complex::new(f32::from(u8::from(x)), 0.0),
    Complex<f64>: |x| Complex::new(f64::from(u8::from(x)), 0.0),
);

macro_rules! from_float {
    ($($from:ty, $as:expr, $imaginary:expr, $i32:ident, $i64:ident, $u64:ident);* $(;)?) => { $(
        conversion!($from =>
            f32: |x| $as(x) as f32, f64: |x| f64::from($as(x)),
            f16: |x| f16::from_f32($as(x) as f32), bf16: |x| bf16::from_f32($as(x) as f32),
            i8: |x| $i32($as(x)) as i8, i16: |x| $i32($as(x)) as i16,
            i32: |x| $i32($as(x)), i64: |x| $i64($as(x)),
            u8: |x| $i32($as(x)) as u8, u16: |x| $i32($as(x)) as u16,
            u32: |x| $i64($as(x)) as u32, u64: |x| $u64($as(x)),
            bool: |x| $as(x) != 0.0,
            Complex<f32>: |x| Complex::new($as(x) as f32, $imaginary(x) as f32),
            Complex<f64>: |x| Complex::new(f64::from($as(x)), f64::from($imaginary(x))),
        );
    )* };
}
from_float!(
    f32, |x: f32| x, |_: f32| 0.0f32, i32_of_f32, i64_of_f32, u64_of_f32;
    f64, |x: f64| x, |_: f64| 0.0f64, i32_of_f64, i64_of_f64, u64_of_f64;
    f16, f16::to_f32, |_: f16| 0.0f32, i32_of_f32, i64_of_f32, u64_of_f32;
    bf16, bf16::to_f32, |_: bf16| 0.0f32, i32_of_f32, i64_of_f32, u64_of_f32;
    Complex<f32>, |x: Complex<f32>| x.re, |x: Complex<f32>| x.im, i32_of_f32, i64_of_f32, u64_of_f32;
    Complex<f64>, |x: Complex<f64>| x.re, |x: Complex<f64>| x.im, i32_of_f64, i64_of_f64, u64_of_f64;
);
