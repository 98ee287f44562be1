//! IsFinite: whether each element is neither infinite nor NaN.

use super::elementwise::{Unary, unary_floats};
use super::number::Float;
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static IS_FINITE: OpEntry = OpEntry {
    def: OpDef {
        signature: "IsFinite(x:T) -> (y:bool)",
        attrs: "T:type{bfloat16,half,float,double}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::NotDifferentiable,
    kernels: &unary_floats::<IsFinite>(),
};

struct IsFinite;

impl<T: Float> Unary<T> for IsFinite {
    type Out = bool;
    #[inline(always)]
    fn apply(x: T) -> bool {
        !x.is_nan() && !x.is_infinite()
    }
}

impl<'g> Scope<'g> {
    /// Whether each element is neither infinite nor NaN (op `IsFinite`).
    #[track_caller]
    pub fn is_finite(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("IsFinite").input(x).out()
    }
}

impl<'g> Output<'g> {
    /// Whether each element is neither infinite nor NaN (op `IsFinite`).
    #[track_caller]
    pub fn is_finite(self) -> Output<'g> {
        self.scope().is_finite(self)
    }
}
