//! Less: whether x < y.

use super::binary::{Binary, binary_reals};
use super::number::Real;
use super::operators::binary_op;
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static LESS: OpEntry = OpEntry {
    def: OpDef {
        signature: "Less(x:T, y:T) -> (z:bool)",
        attrs: "T:type{realnumber}",
        flags: Flags::PURE,
        infer: infer::broadcast,
    },
    grad: Grad::NotDifferentiable,
    kernels: &binary_reals::<Less>(),
};

struct Less;

impl<T: Real> Binary<T> for Less {
    type Out = bool;
    #[inline(always)]
    fn apply(x: T, y: T) -> bool {
        x < y
    }
}

impl<'g> Scope<'g> {
    /// Whether x < y (op `Less`), with broadcasting.
    #[track_caller]
    pub fn less(self, x: impl Operand<'g>, y: impl Operand<'g>) -> Output<'g> {
        binary_op(self, "Less", "Less", x, y)
    }
}

impl<'g> Output<'g> {
    /// Whether this < y (op `Less`), with broadcasting.
    #[track_caller]
    pub fn less(self, y: impl Operand<'g>) -> Output<'g> {
        self.scope().less(self, y)
    }
}
