//! Division: rounded or not, and what it leaves; integers refuse to be divided by zero.

use super::number::{Field, Float, Integer, Number};
use crate::error::{Error, Result};
use half::{bf16, f16};
use num_complex::Complex;

/// A number that `Div` divides.
pub(crate) trait Divide: Number {
    /// The quotient; that of integers is rounded towards zero.
    fn divided(self, by: Self) -> Self;
    /// Fails when there is a divisor for which no quotient exists.
    fn check_divisors(divisors: &[Self]) -> Result<()>;
}

/// A number with rounded quotients.
pub(crate) trait Quotient: Divide {
    /// The quotient rounded towards zero.
    fn truncated(self, by: Self) -> Self;
    /// What the quotient rounded towards zero leaves.
    fn truncated_rest(self, by: Self) -> Self;
    /// The quotient rounded down.
    fn floored(self, by: Self) -> Self;
    /// What the quotient rounded down leaves.
    fn floored_rest(self, by: Self) -> Self;
}

macro_rules! integers {
    ($($t:ty),*) => { $(
        impl Divide for $t {
            #[inline(always)]
            fn divided(self, by: $t) -> $t { self.quotient(by) }
            fn check_divisors(divisors: &[$t]) -> Result<()> {
                if divisors.contains(&0) {
                    return Err(Error::invalid_argument("Integer division by zero"));
                }
                Ok(())
            }
        }
        impl Quotient for $t {
            #[inline(always)]
            fn truncated(self, by: $t) -> $t { self.quotient(by) }
            #[inline(always)]
            fn truncated_rest(self, by: $t) -> $t { self.rest(by) }
            #[inline(always)]
            fn floored(self, by: $t) -> $t {
                let (quotient, rest) = (self.quotient(by), self.rest(by));
                #[allow(unused_comparisons)]
                let opposite = (rest < 0) != (by < 0);
                if rest != 0 && opposite { quotient.wrapping_sub(1) } else { quotient }
            }
            #[inline(always)]
            fn floored_rest(self, by: $t) -> $t {
                let rest = self.rest(by);
                #[allow(unused_comparisons)]
                let opposite = (rest < 0) != (by < 0);
                if rest != 0 && opposite { rest.wrapping_add(by) } else { rest }
            }
        }
    )* };
}
integers!(i8, i16, i32, i64, u8, u16, u32, u64);

macro_rules! fields {
    ($($t:ty),*) => { $(
        impl Divide for $t {
            #[inline(always)]
            fn divided(self, by: $t) -> $t { self.over(by) }
            fn check_divisors(_: &[$t]) -> Result<()> { Ok(()) }
        }
    )* };
}
fields!(f32, f64, f16, bf16, Complex<f32>, Complex<f64>);

macro_rules! floats {
    ($($t:ty),*) => { $(
        impl Quotient for $t {
            #[inline(always)]
            fn truncated(self, by: $t) -> $t { self.over(by).lift(f32::trunc, f64::trunc) }
            #[inline(always)]
            fn truncated_rest(self, by: $t) -> $t { self.lift2(by, |a, b| a % b, |a, b| a % b) }
            #[inline(always)]
            fn floored(self, by: $t) -> $t { self.over(by).lift(f32::floor, f64::floor) }
            #[inline(always)]
            fn floored_rest(self, by: $t) -> $t {
                let rest = self.truncated_rest(by);
                if rest != <$t>::ZERO && (rest < <$t>::ZERO) != (by < <$t>::ZERO) {
                    rest.plus(by)
                } else {
                    rest
                }
            }
        }
    )* };
}
floats!(f32, f64, f16, bf16);
