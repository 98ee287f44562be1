//! FloorDiv: the quotient of two tensors, rounded down.

use super::binary::{Binary, binary_reals};
use super::division::Quotient;
use super::operators::binary_op;
use crate::error::Result;
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static FLOOR_DIV: OpEntry = OpEntry {
    def: OpDef {
        signature: "FloorDiv(x:T, y:T) -> (z:T)",
        attrs: "T:type{bfloat16,half,float,double,uint8,int8,uint16,int16,int32,uint32,uint64,int64,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::broadcast,
    },
    grad: Grad::NotDifferentiable,
    kernels: &binary_reals::<FloorDiv>(),
};

struct FloorDiv;

impl<T: Quotient> Binary<T> for FloorDiv {
    type Out = T;
    #[inline(always)]
    fn apply(x: T, y: T) -> T {
        x.floored(y)
    }

    fn check(y: &[T]) -> Result<()> {
        T::check_divisors(y)
    }
}

impl<'g> Scope<'g> {
    /// The quotient of two tensors, rounded down (op `FloorDiv`), with broadcasting.
    #[track_caller]
    pub fn floor_div(self, x: impl Operand<'g>, y: impl Operand<'g>) -> Output<'g> {
        binary_op(self, "FloorDiv", "FloorDiv", x, y)
    }
}

impl<'g> Output<'g> {
    /// The quotient of two tensors, rounded down (op `FloorDiv`), with broadcasting.
    #[track_caller]
    pub fn floor_div(self, y: impl Operand<'g>) -> Output<'g> {
        self.scope().floor_div(self, y)
    }
}
