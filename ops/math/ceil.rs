//! Ceil: the least whole number not below each element.

use super::elementwise::{Unary, unary_floats};
use super::number::Float;
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static CEIL: OpEntry = OpEntry {
    def: OpDef {
        signature: "Ceil(x:T) -> (y:T)",
        attrs: "T:type{bfloat16,half,float,double}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::NotDifferentiable,
    kernels: &unary_floats::<Ceil>(),
};

struct Ceil;

impl<T: Float> Unary<T> for Ceil {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        x.lift(f32::ceil, f64::ceil)
    }
}

impl<'g> Scope<'g> {
    /// Rounds up (op `Ceil`).
    #[track_caller]
    pub fn ceil(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("Ceil").input(x).out()
    }
}

impl<'g> Output<'g> {
    /// Rounds up (op `Ceil`).
    #[track_caller]
    pub fn ceil(self) -> Output<'g> {
        self.scope().ceil(self)
    }
}
