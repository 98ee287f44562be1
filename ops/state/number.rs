//! Arithmetic on element types as the kernels of variables need it: integers wrap, nothing traps.

use crate::dtype::{DType, Element};
use half::{bf16, f16};
use num_complex::Complex;

/// A number: integers wrap around, as TensorFlow's kernels do.
pub(super) trait Number: Element {
    /// The sum.
    fn plus(self, other: Self) -> Self;
    /// The difference.
    fn minus(self, other: Self) -> Self;
    /// The product.
    fn times(self, other: Self) -> Self;
    /// The quotient; integers give 0 for a zero divisor, which callers have refused before.
    fn over(self, other: Self) -> Self;
    /// Whether dividing by it is an error.
    fn is_bad_divisor(self) -> bool;
}

/// A number with an order.
pub(super) trait Ordered: Number + PartialOrd {}

/// A number on which update rules compute: real or complex floating point.
pub(super) trait Float: Number {
    /// A constant of this type.
    fn of(value: f32) -> Self;
    /// The square root.
    fn root(self) -> Self;
    /// Whether the one is less than the other; complex numbers go by their real parts.
    fn is_less(self, other: Self) -> bool;
}

/// A floating-point number with an order.
pub(super) trait Real: Float + Ordered {
    /// The absolute value.
    fn magnitude(self) -> Self;
    /// -1, 0 or 1 (0 for zeros of either sign).
    fn signum0(self) -> Self;
    /// The power.
    fn power(self, exponent: Self) -> Self;
}

macro_rules! integers {
    ($($t:ty),*) => { $(
        impl Number for $t {
            #[inline(always)]
            fn plus(self, o: Self) -> Self { self.wrapping_add(o) }
            #[inline(always)]
            fn minus(self, o: Self) -> Self { self.wrapping_sub(o) }
            #[inline(always)]
            fn times(self, o: Self) -> Self { self.wrapping_mul(o) }
            #[inline(always)]
            fn over(self, o: Self) -> Self { if o == 0 { 0 } else { self.wrapping_div(o) } }
            #[inline(always)]
            fn is_bad_divisor(self) -> bool { self == 0 }
        }
        impl Ordered for $t {}
    )* };
}
integers!(i8, i16, i32, i64, u8, u16, u32, u64);

impl Number for bool {
    fn plus(self, o: Self) -> Self {
        self | o
    }
    fn minus(self, o: Self) -> Self {
        self ^ o
    }
    fn times(self, o: Self) -> Self {
        self & o
    }
    fn over(self, _: Self) -> Self {
        self
    }
    fn is_bad_divisor(self) -> bool {
        !self
    }
}

macro_rules! floats {
    ($($t:ty: $of:expr, $root:expr, $less:expr);* $(;)?) => { $(
        impl Number for $t {
            #[inline(always)]
            fn plus(self, o: Self) -> Self { self + o }
            #[inline(always)]
            fn minus(self, o: Self) -> Self { self - o }
            #[inline(always)]
            fn times(self, o: Self) -> Self { self * o }
            #[inline(always)]
            fn over(self, o: Self) -> Self { self / o }
            #[inline(always)]
            fn is_bad_divisor(self) -> bool { false }
        }
        impl Float for $t {
            #[inline(always)]
            fn of(value: f32) -> Self { $of(value) }
            #[inline(always)]
            fn root(self) -> Self { $root(self) }
            #[inline(always)]
            fn is_less(self, other: Self) -> bool { $less(self, other) }
        }
    )* };
}
floats! {
    f32: |v| v, f32::sqrt, |a, b| a < b;
    f64: f64::from, f64::sqrt, |a, b| a < b;
    f16: f16::from_f32, |x: f16| f16::from_f32(x.to_f32().sqrt()), |a, b| a < b;
    bf16: bf16::from_f32, |x: bf16| bf16::from_f32(x.to_f32().sqrt()), |a, b| a < b;
    Complex<f32>: |v| Complex::new(v, 0.0), |x: Complex<f32>| x.sqrt(), |a: Self, b: Self| a.re < b.re;
    Complex<f64>: |v: f32| Complex::new(f64::from(v), 0.0), |x: Complex<f64>| x.sqrt(), |a: Self, b: Self| a.re < b.re;
}

macro_rules! reals {
    ($($t:ty: $magnitude:expr, $power:expr);* $(;)?) => { $(
        impl Ordered for $t {}
        impl Real for $t {
            #[inline(always)]
            fn magnitude(self) -> Self { $magnitude(self) }
            #[inline(always)]
            fn signum0(self) -> Self {
                let zero = <$t as Default>::default();
                if self > zero { <$t>::of(1.0) } else if self < zero { <$t>::of(-1.0) } else { self }
            }
            #[inline(always)]
            fn power(self, exponent: Self) -> Self { $power(self, exponent) }
        }
    )* };
}
reals! {
    f32: f32::abs, f32::powf;
    f64: f64::abs, f64::powf;
    f16: |x: f16| f16::from_bits(x.to_bits() & 0x7fff), |x: f16, e: f16| f16::from_f32(x.to_f32().powf(e.to_f32()));
    bf16: |x: bf16| bf16::from_bits(x.to_bits() & 0x7fff), |x: bf16, e: bf16| bf16::from_f32(x.to_f32().powf(e.to_f32()));
}

/// The types of update rules that need no order.
pub(super) const FLOATS_AND_COMPLEX: &[DType] = &[
    DType::F16,
    DType::BF16,
    DType::F32,
    DType::F64,
    DType::C64,
    DType::C128,
];

/// `$body` with `$t` standing for the element type of `$dtype`, which is one of the listed types; anything else is
/// refused as a kernel that does not exist.
macro_rules! for_type {
    ($dtype:expr, [$($d:ident),*], $t:ident => $body:expr) => {
        match $dtype {
            $( crate::dtype::DType::$d => { type $t = crate::ops::state::number::of_type::$d; $body } )*
            other => Err(crate::error::Error::unimplemented(format!("no kernel for type {other}"))),
        }
    };
}
/// As [`for_type`] for all numbers.
macro_rules! for_number {
    ($dtype:expr, $t:ident => $body:expr) => {
        crate::ops::state::number::for_type!(
            $dtype,
            [F32, F64, I32, U8, I16, I8, C64, I64, BF16, U16, C128, F16, U32, U64],
            $t => $body
        )
    };
}
/// As [`for_type`] for numbers with an order.
macro_rules! for_ordered {
    ($dtype:expr, $t:ident => $body:expr) => {
        crate::ops::state::number::for_type!(
            $dtype,
            [F32, F64, I32, U8, I16, I8, I64, BF16, U16, F16, U32, U64],
            $t => $body
        )
    };
}
/// As [`for_type`] for real and complex floating point.
macro_rules! for_float {
    ($dtype:expr, $t:ident => $body:expr) => {
        crate::ops::state::number::for_type!($dtype, [F32, F64, F16, BF16, C64, C128], $t => $body)
    };
}
/// As [`for_type`] for real floating point.
macro_rules! for_real {
    ($dtype:expr, $t:ident => $body:expr) => {
        crate::ops::state::number::for_type!($dtype, [F32, F64, F16, BF16], $t => $body)
    };
}
pub(crate) use {for_float, for_number, for_ordered, for_real, for_type};

/// The Rust types by the names of [`DType`].
#[allow(missing_docs)]
pub(crate) mod of_type {
    pub(crate) type F32 = f32;
    pub(crate) type F64 = f64;
    pub(crate) type I32 = i32;
    pub(crate) type U8 = u8;
    pub(crate) type I16 = i16;
    pub(crate) type I8 = i8;
    pub(crate) type C64 = num_complex::Complex<f32>;
    pub(crate) type I64 = i64;
    pub(crate) type Bool = bool;
    pub(crate) type BF16 = half::bf16;
    pub(crate) type U16 = u16;
    pub(crate) type C128 = num_complex::Complex<f64>;
    pub(crate) type F16 = half::f16;
    pub(crate) type U32 = u32;
    pub(crate) type U64 = u64;
}
