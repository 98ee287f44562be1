//! LoopCond: passes the predicate of a loop and marks it as such.

use super::forward;
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::KernelDef;
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;

pub(crate) static LOOP_COND: OpEntry = OpEntry {
    def: OpDef {
        signature: "LoopCond(input:bool) -> (output:bool)",
        attrs: "",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[], forward::kernel),
        KernelDef::gpu_host(&[], &["input", "output"], forward::kernel),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> crate::Result<()> {
    ctx.with_rank(0, 0)?;
    forward::infer(ctx)
}

impl<'g> Scope<'g> {
    /// The predicate of a loop (op `LoopCond`).
    #[track_caller]
    pub fn loop_cond(self, input: impl Operand<'g>) -> Output<'g> {
        self.op("LoopCond").input(input).out()
    }
}
