//! LogicalOr: whether either is true.

use super::binary::{Binary, binary};
use super::cuda;
use super::operators::binary_op;
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::KernelDef;
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static LOGICAL_OR: OpEntry = OpEntry {
    def: OpDef {
        signature: "LogicalOr(x:bool, y:bool) -> (z:bool)",
        attrs: "",
        flags: Flags::COMMUTATIVE,
        infer: infer::broadcast,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[], binary::<LogicalOr, bool>),
        KernelDef::gpu(&[], cuda::binary),
    ],
};

struct LogicalOr;

impl Binary<bool> for LogicalOr {
    type Out = bool;
    #[inline(always)]
    fn apply(x: bool, y: bool) -> bool {
        x | y
    }
}

impl<'g> Scope<'g> {
    /// Whether either is true (op `LogicalOr`), with broadcasting.
    #[track_caller]
    pub fn logical_or(self, x: impl Operand<'g>, y: impl Operand<'g>) -> Output<'g> {
        binary_op(self, "LogicalOr", "LogicalOr", x, y)
    }
}

impl<'g> Output<'g> {
    /// Whether either is true (op `LogicalOr`), with broadcasting.
    #[track_caller]
    pub fn logical_or(self, y: impl Operand<'g>) -> Output<'g> {
        self.scope().logical_or(self, y)
    }
}
