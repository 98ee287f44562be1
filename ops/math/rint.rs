//! Rint: each element rounded to the nearest whole number, halves to the even one.

use super::cuda;
use super::elementwise::{Unary, unary_for};
use super::number::Float;
use crate::dtype::DType;
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static RINT: OpEntry = OpEntry {
    def: OpDef {
        signature: "Rint(x:T) -> (y:T)",
        attrs: "T:type{bfloat16,half,float,double}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        unary_for::<Rint, f32>(),
        unary_for::<Rint, f64>(),
        cuda::unary_on(&[("T", &[DType::F32, DType::F64])]),
    ],
};

struct Rint;

impl<T: Float> Unary<T> for Rint {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        x.lift(f32::round_ties_even, f64::round_ties_even)
    }
}

impl<'g> Scope<'g> {
    /// Rounds to the nearest whole number, halves to the even one (op `Rint`).
    #[track_caller]
    pub fn rint(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("Rint").input(x).out()
    }
}

impl<'g> Output<'g> {
    /// Rounds to the nearest whole number, halves to the even one (op `Rint`).
    #[track_caller]
    pub fn rint(self) -> Output<'g> {
        self.scope().rint(self)
    }
}
