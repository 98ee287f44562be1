//! Element types that max pooling compares and adds.

use crate::dtype::Element;
use half::{bf16, f16};

/// A type with an order and a sum.
pub trait PoolElement: Element + PartialOrd {
    /// The least finite value: what a window without a greater element gives.
    const LOWEST: Self;
    /// `self + other`, wrapping for integers.
    fn plus(self, other: Self) -> Self;
}

macro_rules! integers {
    ($($t:ty),*) => { $(
        impl PoolElement for $t {
            const LOWEST: $t = <$t>::MIN;
            #[inline(always)]
            fn plus(self, other: $t) -> $t {
                self.wrapping_add(other)
            }
        }
    )* };
}
integers!(i8, i16, i32, i64, u8, u16, u32, u64);

macro_rules! floats {
    ($($t:ty),*) => { $(
        impl PoolElement for $t {
            const LOWEST: $t = <$t>::MIN;
            #[inline(always)]
            fn plus(self, other: $t) -> $t {
                self + other
            }
        }
    )* };
}
floats!(f32, f64, f16, bf16);
