//! Pow: x to the power y.

use super::binary::{Binary, binary_for, int32_on_host};
use super::cuda;
use super::gradient::{conj, reduce_to_inputs};
use super::number::{Float, Integer, Number};
use super::operators::binary_op;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::KernelDef;
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use half::{bf16, f16};
use num_complex::Complex;

pub(crate) static POW: OpEntry = OpEntry {
    def: OpDef {
        signature: "Pow(x:T, y:T) -> (z:T)",
        attrs: "T:type{bfloat16,float,half,double,int8,int16,int32,int64,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::broadcast,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        binary_for::<Pow, bf16>(),
        binary_for::<Pow, f32>(),
        binary_for::<Pow, f16>(),
        binary_for::<Pow, f64>(),
        binary_for::<Pow, i8>(),
        binary_for::<Pow, i16>(),
        binary_for::<Pow, i32>(),
        binary_for::<Pow, i64>(),
        binary_for::<Pow, Complex<f32>>(),
        binary_for::<Pow, Complex<f64>>(),
        KernelDef::gpu(cuda::ON_SIGNED, cuda::binary),
        int32_on_host::<Pow>(),
    ],
};

struct Pow;

impl<T: Powers> Binary<T> for Pow {
    type Out = T;
    #[inline(always)]
    fn apply(x: T, y: T) -> T {
        x.to_the(y)
    }
    fn check(y: &[T]) -> Result<()> {
        T::check_exponents(y)
    }
}

/// A number that has powers.
trait Powers: Number {
    fn to_the(self, exponent: Self) -> Self;
    fn check_exponents(_exponents: &[Self]) -> Result<()> {
        Ok(())
    }
}

macro_rules! integers {
    ($($t:ty),*) => { $(
        impl Powers for $t {
            #[inline(always)]
            fn to_the(self, exponent: $t) -> $t { self.power(exponent) }
            fn check_exponents(exponents: &[$t]) -> Result<()> {
                if exponents.iter().any(|e| *e < 0) {
                    return Err(Error::invalid_argument(
                        "Integers to negative integer powers are not allowed",
                    ));
                }
                Ok(())
            }
        }
    )* };
}
integers!(i8, i16, i32, i64);

macro_rules! floats {
    ($($t:ty),*) => { $(
        impl Powers for $t {
            #[inline(always)]
            fn to_the(self, exponent: $t) -> $t { self.lift2(exponent, f32::powf, f64::powf) }
        }
    )* };
}
floats!(f16, bf16, f32, f64);

macro_rules! complex_numbers {
    ($($t:ty),*) => { $(
        impl Powers for Complex<$t> {
            #[inline(always)]
            fn to_the(self, exponent: Self) -> Self {
                if exponent == Self::ZERO {
                    Self::ONE
                } else if self == Self::ZERO && exponent.re > 0.0 {
                    Self::ZERO
                } else {
                    self.powc(exponent)
                }
            }
        }
    )* };
}
complex_numbers!(f32, f64);

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let g = ctx.grad(0);
    let (x, y) = (ctx.input(0), ctx.input(1));
    let s = ctx.scope;
    let (cx, cy) = (conj(x), conj(y));
    let gx = g * cy * s.pow(cx, cy - 1);
    // The logarithm counts only where it exists: for a real x above 0, for a complex x other than 0.
    let mask = if x.dtype().is_complex() {
        s.not_equal(cx, 0)
    } else {
        s.greater(cx, 0)
    };
    let ones = s.op("OnesLike").name("ones_like").input(x).out();
    let safe_x = s.select(mask, cx, ones);
    let zeros = s.op("ZerosLike").name("zeros_like").input(x).out();
    let log_x = s.select(mask, s.log(safe_x), zeros);
    let gy = g * conj(ctx.output(0)) * log_x;
    dense(reduce_to_inputs(s, [x, y], [Some(gx), Some(gy)]))
}

impl<'g> Scope<'g> {
    /// x to the power y (op `Pow`), with broadcasting.
    #[track_caller]
    pub fn pow(self, x: impl Operand<'g>, y: impl Operand<'g>) -> Output<'g> {
        binary_op(self, "Pow", "Pow", x, y)
    }
}

impl<'g> Output<'g> {
    /// This to the power y (op `Pow`), with broadcasting.
    #[track_caller]
    pub fn pow(self, y: impl Operand<'g>) -> Output<'g> {
        self.scope().pow(self, y)
    }
}
