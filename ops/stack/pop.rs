//! StackPopV2: takes the tensor from the top of a stack.

use crate::dtype::DType;
use crate::error::Error;
use crate::grad::Grad;
use crate::graph::{Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use crate::resource::Stack;

pub(crate) static STACK_POP_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "StackPopV2(handle:resource) -> (elem:elem_type)",
        attrs: "elem_type:type",
        flags: Flags::STATEFUL,
        infer: infer::unknown,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |init: &KernelInit<'_>| {
        let dtype = init.attrs.dtype("elem_type")?;
        Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
            let value = ctx.step_resource::<Stack>(0)?.pop()?;
            if value.dtype() != dtype {
                return Err(Error::invalid_argument(format!(
                    "the stack holds {}, not {dtype}",
                    value.dtype()
                )));
            }
            ctx.set(0, value)
        }))
    })],
};

impl<'g> Scope<'g> {
    /// What was put on the stack last, taken from it (op `StackPopV2`).
    #[track_caller]
    pub fn stack_pop_v2(self, handle: Output<'g>, elem_type: DType) -> Output<'g> {
        self.op("StackPopV2")
            .input(handle)
            .attr("elem_type", elem_type)
            .out()
    }
}
