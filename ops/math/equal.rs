//! Equal: whether x = y, for all types; tensors of different shapes may count as different as a whole.

use super::binary::Binary;
use super::equality::{Comparison, comparison_kernels, infer};
use super::operators::binary_op;
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef};
use crate::registry::OpEntry;
use crate::tensor::Bytes;

pub(crate) static EQUAL: OpEntry = OpEntry {
    def: OpDef {
        signature: "Equal(x:T, y:T) -> (z:bool)",
        attrs: "T:type; incompatible_shape_error:bool=true",
        flags: Flags::COMMUTATIVE,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &comparison_kernels::<Equal>(),
};

struct Equal;

impl<T: PartialEq> Binary<T> for Equal {
    type Out = bool;
    #[inline(always)]
    fn apply(x: T, y: T) -> bool {
        x == y
    }
}

impl Comparison for Equal {
    const OF_DIFFERENT_SHAPES: bool = false;
    fn strings(x: &Bytes, y: &Bytes) -> bool {
        x == y
    }
}

impl<'g> Scope<'g> {
    /// Whether x = y (op `Equal`), with broadcasting.
    #[track_caller]
    pub fn equal(self, x: impl Operand<'g>, y: impl Operand<'g>) -> Output<'g> {
        binary_op(self, "Equal", "Equal", x, y)
    }
}

impl<'g> Output<'g> {
    /// Whether this = y (op `Equal`), with broadcasting.
    #[track_caller]
    pub fn equal(self, y: impl Operand<'g>) -> Output<'g> {
        self.scope().equal(self, y)
    }
}
