//! IsNan: whether each element is NaN.

use super::elementwise::{Unary, unary_floats};
use super::number::Float;
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static IS_NAN: OpEntry = OpEntry {
    def: OpDef {
        signature: "IsNan(x:T) -> (y:bool)",
        attrs: "T:type{bfloat16,half,float,double}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::NotDifferentiable,
    kernels: &unary_floats::<IsNan>(),
};

struct IsNan;

impl<T: Float> Unary<T> for IsNan {
    type Out = bool;
    #[inline(always)]
    fn apply(x: T) -> bool {
        x.is_nan()
    }
}

impl<'g> Scope<'g> {
    /// Whether each element is NaN (op `IsNan`).
    #[track_caller]
    pub fn is_nan(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("IsNan").input(x).out()
    }
}

impl<'g> Output<'g> {
    /// Whether each element is NaN (op `IsNan`).
    #[track_caller]
    pub fn is_nan(self) -> Output<'g> {
        self.scope().is_nan(self)
    }
}
