//! IsInf: whether each element is infinite.

use super::elementwise::{Unary, unary_floats};
use super::number::Float;
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static IS_INF: OpEntry = OpEntry {
    def: OpDef {
        signature: "IsInf(x:T) -> (y:bool)",
        attrs: "T:type{bfloat16,half,float,double}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::NotDifferentiable,
    kernels: &unary_floats::<IsInf>(),
};

struct IsInf;

impl<T: Float> Unary<T> for IsInf {
    type Out = bool;
    #[inline(always)]
    fn apply(x: T) -> bool {
        x.is_infinite()
    }
}

impl<'g> Scope<'g> {
    /// Whether each element is infinite (op `IsInf`).
    #[track_caller]
    pub fn is_inf(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("IsInf").input(x).out()
    }
}

impl<'g> Output<'g> {
    /// Whether each element is infinite (op `IsInf`).
    #[track_caller]
    pub fn is_inf(self) -> Output<'g> {
        self.scope().is_inf(self)
    }
}
