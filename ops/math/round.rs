//! Round: each element rounded to the nearest whole number, halves to the even one.

use super::cuda;
use super::elementwise::int32_on_host;
use super::elementwise::{Unary, unary_for};
use super::number::Float;
use crate::dtype::DType;
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use half::{bf16, f16};

pub(crate) static ROUND: OpEntry = OpEntry {
    def: OpDef {
        signature: "Round(x:T) -> (y:T)",
        attrs: "T:type{bfloat16,half,float,double,int8,int16,int32,int64,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        unary_for::<Round, f32>(),
        unary_for::<Round, f64>(),
        unary_for::<Round, f16>(),
        unary_for::<Round, bf16>(),
        unary_for::<Round, i32>(),
        unary_for::<Round, i64>(),
        cuda::unary_on(cuda::ON_FLOATS),
        cuda::unary_on(&[("T", &[DType::I64])]),
        int32_on_host::<Round>(),
    ],
};

struct Round;

impl<T: Float> Unary<T> for Round {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        x.lift(f32::round_ties_even, f64::round_ties_even)
    }
}

impl Unary<i32> for Round {
    type Out = i32;
    #[inline(always)]
    fn apply(x: i32) -> i32 {
        x
    }
}

impl Unary<i64> for Round {
    type Out = i64;
    #[inline(always)]
    fn apply(x: i64) -> i64 {
        x
    }
}

impl<'g> Scope<'g> {
    /// Rounds to the nearest whole number, halves to the even one (op `Round`).
    #[track_caller]
    pub fn round(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("Round").input(x).out()
    }
}

impl<'g> Output<'g> {
    /// Rounds to the nearest whole number, halves to the even one (op `Round`).
    #[track_caller]
    pub fn round(self) -> Output<'g> {
        self.scope().round(self)
    }
}
