//! What arithmetic means for each element type: wrapping integers, halves through f32, complex numbers.

use crate::dtype::{ComplexPart, Element};
use half::{bf16, f16};
use num_complex::Complex;

/// A type with +, − and ×.
pub(crate) trait Number: Element {
    const ZERO: Self;
    const ONE: Self;
    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
    /// The complex conjugate; itself for real numbers.
    fn conjugate(self) -> Self;
}

/// A number with negative values.
pub(crate) trait Signed: Number {
    fn negated(self) -> Self;
}

/// A number with an order.
pub(crate) trait Real: Number + PartialOrd {
    /// The least value (−∞ where there is one).
    const LOWEST: Self;
    /// The greatest value (∞ where there is one).
    const HIGHEST: Self;
    fn is_nan(self) -> bool;
    /// The absolute value (the least integer stays as it is).
    fn magnitude(self) -> Self;
}

/// A whole number.
pub(crate) trait Integer: Real {
    /// The quotient, rounded towards zero; 0 when dividing by 0.
    fn quotient(self, by: Self) -> Self;
    /// What [`Integer::quotient`] leaves; it has the sign of `self`.
    fn rest(self, by: Self) -> Self;
    /// `self` to a power that is not negative.
    fn power(self, exponent: Self) -> Self;
}

/// half, bfloat16, float, double.
pub(crate) trait Float: Real + Field {
    /// Applies a function in f32 (halves too) or in f64.
    fn lift(self, single: impl Fn(f32) -> f32, double: impl Fn(f64) -> f64) -> Self;
    /// Applies a function of two numbers in f32 (halves too) or in f64.
    fn lift2(
        self,
        other: Self,
        single: impl Fn(f32, f32) -> f32,
        double: impl Fn(f64, f64) -> f64,
    ) -> Self;
    fn is_infinite(self) -> bool;
}

/// A number that can be divided by: floats and complex numbers.
pub(crate) trait Field: Signed {
    fn over(self, by: Self) -> Self;
    fn of(value: f64) -> Self;
}

/// The parts of complex numbers.
pub(crate) trait Part: Float + ComplexPart + num_traits::Float {}
impl Part for f32 {}
impl Part for f64 {}

macro_rules! integers {
    ($($t:ty),*) => { $(
        impl Number for $t {
            const ZERO: $t = 0;
            const ONE: $t = 1;
            #[inline(always)]
            fn plus(self, other: $t) -> $t { self.wrapping_add(other) }
            #[inline(always)]
            fn minus(self, other: $t) -> $t { self.wrapping_sub(other) }
            #[inline(always)]
            fn times(self, other: $t) -> $t { self.wrapping_mul(other) }
            #[inline(always)]
            fn conjugate(self) -> $t { self }
        }
        impl Integer for $t {
            #[inline(always)]
            fn quotient(self, by: $t) -> $t { if by == 0 { 0 } else { self.wrapping_div(by) } }
            #[inline(always)]
            fn rest(self, by: $t) -> $t { if by == 0 { 0 } else { self.wrapping_rem(by) } }
            #[inline(always)]
            fn power(self, exponent: $t) -> $t {
                let (mut base, mut left, mut result) = (self, exponent, 1 as $t);
                while left > 0 {
                    if left & 1 == 1 {
                        result = result.wrapping_mul(base);
                    }
                    base = base.wrapping_mul(base);
                    left >>= 1;
                }
                result
            }
        }
    )* };
}
integers!(i8, i16, i32, i64, u8, u16, u32, u64);

macro_rules! signed_integers {
    ($($t:ty),*) => { $(
        impl Signed for $t {
            #[inline(always)]
            fn negated(self) -> $t { self.wrapping_neg() }
        }
        impl Real for $t {
            const LOWEST: $t = <$t>::MIN;
            const HIGHEST: $t = <$t>::MAX;
            #[inline(always)]
            fn is_nan(self) -> bool { false }
            #[inline(always)]
            fn magnitude(self) -> $t { self.wrapping_abs() }
        }
    )* };
}
signed_integers!(i8, i16, i32, i64);

macro_rules! unsigned_integers {
    ($($t:ty),*) => { $(
        impl Real for $t {
            const LOWEST: $t = <$t>::MIN;
            const HIGHEST: $t = <$t>::MAX;
            #[inline(always)]
            fn is_nan(self) -> bool { false }
            #[inline(always)]
            fn magnitude(self) -> $t { self }
        }
    )* };
}
unsigned_integers!(u8, u16, u32, u64);

macro_rules! fields {
    ($($t:ty, $zero:expr, $one:expr, $conjugate:expr);* $(;)?) => { $(
        impl Number for $t {
            const ZERO: $t = $zero;
            const ONE: $t = $one;
            #[inline(always)]
            fn plus(self, other: $t) -> $t { self + other }
            #[inline(always)]
            fn minus(self, other: $t) -> $t { self - other }
            #[inline(always)]
            fn times(self, other: $t) -> $t { self * other }
            #[inline(always)]
            fn conjugate(self) -> $t { $conjugate(self) }
        }
        impl Signed for $t {
            #[inline(always)]
            fn negated(self) -> $t { -self }
        }
    )* };
}
fields!(
    f32, 0.0, 1.0, |x| x;
    f64, 0.0, 1.0, |x| x;
    f16, f16::ZERO, f16::ONE, |x| x;
    bf16, bf16::ZERO, bf16::ONE, |x| x;
    Complex<f32>, Complex::new(0.0, 0.0), Complex::new(1.0, 0.0), |x: Complex<f32>| x.conj();
    Complex<f64>, Complex::new(0.0, 0.0), Complex::new(1.0, 0.0), |x: Complex<f64>| x.conj();
);

macro_rules! floats {
    ($($t:ty, $of:expr, $wide:ty, $up:expr, $down:expr, $single:ident, $double:ident, $chosen:ident);* $(;)?) => { $(
        impl Field for $t {
            #[inline(always)]
            fn over(self, by: $t) -> $t { self / by }
            #[inline(always)]
            fn of(value: f64) -> $t { $of(value) }
        }
        impl Real for $t {
            const LOWEST: $t = <$t>::NEG_INFINITY;
            const HIGHEST: $t = <$t>::INFINITY;
            #[inline(always)]
            fn is_nan(self) -> bool { <$t>::is_nan(self) }
            #[inline(always)]
            fn magnitude(self) -> $t { $down(<$wide>::abs($up(self))) }
        }
        impl Float for $t {
            #[inline(always)]
            #[allow(unused_variables)]
            fn lift(self, $single: impl Fn(f32) -> f32, $double: impl Fn(f64) -> f64) -> $t {
                $down($chosen($up(self)))
            }
            #[inline(always)]
            #[allow(unused_variables)]
            fn lift2(
                self,
                other: $t,
                $single: impl Fn(f32, f32) -> f32,
                $double: impl Fn(f64, f64) -> f64,
            ) -> $t {
                $down($chosen($up(self), $up(other)))
            }
            #[inline(always)]
            fn is_infinite(self) -> bool { <$t>::is_infinite(self) }
        }
    )* };
}
floats!(
    f32, |v: f64| v as f32, f32, |v: f32| v, |v: f32| v, single, double, single;
    f64, |v: f64| v, f64, |v: f64| v, |v: f64| v, single, double, double;
    f16, f16::from_f64, f32, f16::to_f32, f16::from_f32, single, double, single;
    bf16, bf16::from_f64, f32, bf16::to_f32, bf16::from_f32, single, double, single;
);

macro_rules! complex_numbers {
    ($($t:ty),*) => { $(
        impl Field for Complex<$t> {
            #[inline(always)]
            fn over(self, by: Self) -> Self { self / by }
            #[inline(always)]
            fn of(value: f64) -> Self { Complex::new(value as $t, 0.0) }
        }
    )* };
}
complex_numbers!(f32, f64);

/// A number whose sums are kept in a type that does not lose more than it must: halves in f32.
pub(crate) trait Accumulate: Number {
    type Sum: Number;
    fn widen(self) -> Self::Sum;
    fn narrow(sum: Self::Sum) -> Self;
}

macro_rules! accumulate_as_themselves {
    ($($t:ty),*) => { $(
        impl Accumulate for $t {
            type Sum = $t;
            #[inline(always)]
            fn widen(self) -> $t { self }
            #[inline(always)]
            fn narrow(sum: $t) -> $t { sum }
        }
    )* };
}
accumulate_as_themselves!(
    i8,
    i16,
    i32,
    i64,
    u8,
    u16,
    u32,
    u64,
    f32,
    f64,
    Complex<f32>,
    Complex<f64>
);

macro_rules! accumulate_in_f32 {
    ($($t:ty),*) => { $(
        impl Accumulate for $t {
            type Sum = f32;
            #[inline(always)]
            fn widen(self) -> f32 { self.to_f32() }
            #[inline(always)]
            fn narrow(sum: f32) -> $t { <$t>::from_f32(sum) }
        }
    )* };
}
accumulate_in_f32!(f16, bf16);
