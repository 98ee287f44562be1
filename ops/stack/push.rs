//! StackPushV2: puts a tensor on a stack, and passes it on.

use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::resource::Stack;

pub(crate) static STACK_PUSH_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "StackPushV2(handle:resource, elem:T) -> (output:T)",
        attrs: "T:type; swap_memory:bool=false",
        flags: Flags::STATEFUL,
        infer: |ctx: &mut ShapeCtx<'_>| {
            ctx.set(0, ctx.input(1));
            Ok(())
        },
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
            let stack = ctx.step_resource::<Stack>(0)?;
            let value = ctx.take_input(1)?;
            stack.push(value.clone())?;
            ctx.set(0, value)
        }))
    })],
};

impl<'g> Scope<'g> {
    /// `elem`, put on the stack (op `StackPushV2`).
    #[track_caller]
    pub fn stack_push_v2(self, handle: Output<'g>, elem: impl Operand<'g>) -> Output<'g> {
        self.op("StackPushV2").input(handle).input(elem).out()
    }
}
