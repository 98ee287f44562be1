//! StackV2: a new stack in each execution, gone with the step.

use crate::dtype::DType;
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use crate::resource::Stack;

pub(crate) static STACK_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "StackV2(max_size:int32) -> (handle:resource)",
        attrs: "elem_type:type; stack_name:string=\"\"",
        flags: Flags::STATEFUL,
        // A scalar; but TensorFlow's graphs say that it is a vector of two.
        infer: infer::unknown,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |init: &KernelInit<'_>| {
        let dtype = init.attrs.dtype("elem_type")?;
        let name = init.attrs.str("stack_name")?.to_string();
        let name = match name.is_empty() {
            true => init.node.name.clone(),
            false => name,
        };
        Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
            let limit = usize::try_from(ctx.scalar::<i32>(0, "Stack size")?).ok();
            let handle = ctx.add_to_step(&name, |_| Stack::new(&name, dtype, limit))?;
            ctx.set(0, handle)
        }))
    })],
};

impl<'g> Scope<'g> {
    /// An empty stack of tensors of that type, new in each execution (op `StackV2`); with a negative `max_size` it
    /// holds any number.
    #[track_caller]
    pub fn stack_v2(self, max_size: impl Operand<'g>, elem_type: DType) -> Output<'g> {
        let b = self.op("StackV2").input_like(max_size, DType::I32);
        b.attr("elem_type", elem_type).out()
    }
}
