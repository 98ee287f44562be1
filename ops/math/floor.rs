//! Floor: the greatest whole number not above each element.

use super::elementwise::{Unary, unary_floats};
use super::number::Float;
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static FLOOR: OpEntry = OpEntry {
    def: OpDef {
        signature: "Floor(x:T) -> (y:T)",
        attrs: "T:type{bfloat16,half,float,double}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::NotDifferentiable,
    kernels: &unary_floats::<Floor>(),
};

struct Floor;

impl<T: Float> Unary<T> for Floor {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        x.lift(f32::floor, f64::floor)
    }
}

impl<'g> Scope<'g> {
    /// Rounds down (op `Floor`).
    #[track_caller]
    pub fn floor(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("Floor").input(x).out()
    }
}

impl<'g> Output<'g> {
    /// Rounds down (op `Floor`).
    #[track_caller]
    pub fn floor(self) -> Output<'g> {
        self.scope().floor(self)
    }
}
