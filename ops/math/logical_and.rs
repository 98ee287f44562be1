//! LogicalAnd: whether both are true.

use super::binary::{Binary, binary};
use super::cuda;
use super::operators::binary_op;
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::KernelDef;
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static LOGICAL_AND: OpEntry = OpEntry {
    def: OpDef {
        signature: "LogicalAnd(x:bool, y:bool) -> (z:bool)",
        attrs: "",
        flags: Flags::COMMUTATIVE,
        infer: infer::broadcast,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[], binary::<LogicalAnd, bool>),
        KernelDef::gpu(&[], cuda::binary),
    ],
};

struct LogicalAnd;

impl Binary<bool> for LogicalAnd {
    type Out = bool;
    #[inline(always)]
    fn apply(x: bool, y: bool) -> bool {
        x & y
    }
}

impl<'g> Scope<'g> {
    /// Whether both are true (op `LogicalAnd`), with broadcasting.
    #[track_caller]
    pub fn logical_and(self, x: impl Operand<'g>, y: impl Operand<'g>) -> Output<'g> {
        binary_op(self, "LogicalAnd", "LogicalAnd", x, y)
    }
}

impl<'g> Output<'g> {
    /// Whether both are true (op `LogicalAnd`), with broadcasting.
    #[track_caller]
    pub fn logical_and(self, y: impl Operand<'g>) -> Output<'g> {
        self.scope().logical_and(self, y)
    }
}
