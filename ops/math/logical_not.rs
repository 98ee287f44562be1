//! LogicalNot: the opposite of each element.

use super::cuda;
use super::elementwise::{Unary, unary};
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::KernelDef;
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static LOGICAL_NOT: OpEntry = OpEntry {
    def: OpDef {
        signature: "LogicalNot(x:bool) -> (y:bool)",
        attrs: "",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[], unary::<LogicalNot, bool>),
        cuda::unary_on(&[]),
    ],
};

struct LogicalNot;

impl Unary<bool> for LogicalNot {
    type Out = bool;
    #[inline(always)]
    fn apply(x: bool) -> bool {
        !x
    }
}

impl<'g> Scope<'g> {
    /// The opposite of each element (op `LogicalNot`).
    #[track_caller]
    pub fn logical_not(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("LogicalNot").input(x).out()
    }
}

impl<'g> Output<'g> {
    /// The opposite of each element (op `LogicalNot`).
    #[track_caller]
    pub fn logical_not(self) -> Output<'g> {
        self.scope().logical_not(self)
    }
}
