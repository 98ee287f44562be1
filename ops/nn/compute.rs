//! Types that kernels store and types that they compute in: half and bfloat16 compute in float and round once.

use crate::device::cpu::gemm::GemmScalar;
use crate::device::cpu::{Disjoint, Scratch, ThreadPool};
use crate::dtype::Element;
use crate::error::Result;
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use num_complex::Complex;

/// A stored element type.
pub trait Compute: Element {
    /// The type that sums are formed in.
    type In: GemmScalar;
    /// The elements themselves when both types are the same.
    fn same(x: &[Self]) -> Option<&[Self::In]>;
    /// The elements themselves when both types are the same.
    fn same_mut(x: &mut [Self]) -> Option<&mut [Self::In]>;
    /// Converts without loss.
    fn widen(from: &[Self], to: &mut [Self::In]);
    /// Converts, rounding to the nearest.
    fn narrow(from: &[Self::In], to: &mut [Self]);
}

macro_rules! itself {
    ($($t:ty),* $(,)?) => { $(
        impl Compute for $t {
            type In = $t;
            fn same(x: &[$t]) -> Option<&[$t]> {
                Some(x)
            }
            fn same_mut(x: &mut [$t]) -> Option<&mut [$t]> {
                Some(x)
            }
            fn widen(from: &[$t], to: &mut [$t]) {
                to.copy_from_slice(from);
            }
            fn narrow(from: &[$t], to: &mut [$t]) {
                to.copy_from_slice(from);
            }
        }
    )* };
}
itself!(
    f32,
    f64,
    i8,
    i16,
    i32,
    i64,
    u8,
    u16,
    u32,
    u64,
    Complex<f32>,
    Complex<f64>
);

macro_rules! in_float {
    ($($t:ty),*) => { $(
        impl Compute for $t {
            type In = f32;
            fn same(_: &[$t]) -> Option<&[f32]> {
                None
            }
            fn same_mut(_: &mut [$t]) -> Option<&mut [f32]> {
                None
            }
            fn widen(from: &[$t], to: &mut [f32]) {
                from.convert_to_f32_slice(to);
            }
            fn narrow(from: &[f32], to: &mut [$t]) {
                to.convert_from_f32_slice(from);
            }
        }
    )* };
}
in_float!(f16, bf16);

/// Elements converted by one job.
const BLOCK: usize = 16 << 10;

/// Elements in the type to compute in: borrowed where that is the stored type.
pub enum Widened<'a, T: Compute> {
    /// The stored elements.
    Same(&'a [T::In]),
    /// Converted ones.
    Copy(Scratch<T::In>),
}

impl<'a, T: Compute> Widened<'a, T> {
    /// The elements of `x`.
    ///
    /// # Errors
    /// `ResourceExhausted` when there is no memory for a copy.
    pub fn new(pool: &ThreadPool, x: &'a [T]) -> Result<Widened<'a, T>> {
        if let Some(same) = T::same(x) {
            return Ok(Widened::Same(same));
        }
        let mut copy = Scratch::<T::In>::new(x.len())?;
        let to = Disjoint::new(copy.get_mut());
        pool.for_blocks(x.len(), BLOCK, &|a, b| {
            // SAFETY: blocks do not overlap.
            T::widen(&x[a..b], unsafe { to.part(a, b - a) });
        });
        Ok(Widened::Copy(copy))
    }
    /// The elements.
    pub fn get(&self) -> &[T::In] {
        match self {
            Widened::Same(x) => x,
            Widened::Copy(c) => c.get(),
        }
    }
}

/// Lets `f` fill `out` in the type to compute in; rounds afterwards where that is not the stored type.
///
/// # Errors
/// Those of `f`; `ResourceExhausted` when there is no memory for a copy.
pub fn fill<T: Compute>(
    pool: &ThreadPool,
    out: &mut [T],
    f: impl FnOnce(&mut [T::In]) -> Result<()>,
) -> Result<()> {
    if let Some(same) = T::same_mut(out) {
        return f(same);
    }
    let mut wide = Scratch::<T::In>::new(out.len())?;
    f(wide.get_mut())?;
    let wide = wide.get();
    let to = Disjoint::new(out);
    pool.for_blocks(wide.len(), BLOCK, &|a, b| {
        // SAFETY: blocks do not overlap.
        T::narrow(&wide[a..b], unsafe { to.part(a, b - a) });
    });
    Ok(())
}
