//! TensorArrayWriteV3: sets one element.

use super::{array_for, infer_flow, known_elements, pass_flow};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::kernel::{AnyKernel, KernelDef, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::ops::list::arithmetic::plus;
use crate::registry::OpEntry;

pub(crate) static TENSOR_ARRAY_WRITE_V3: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorArrayWriteV3(handle:resource, index:int32, value:T, flow_in:float) -> (flow_out:float)",
        attrs: "T:type",
        flags: Flags::STATEFUL,
        infer: |ctx: &mut ShapeCtx<'_>| {
            ctx.with_rank(1, 0)?;
            ctx.with_rank(3, 0)?;
            if let Some(shape) = known_elements(ctx) {
                shape.merge(&ctx.input(2))?;
            }
            infer_flow(ctx)
        },
    },
    grad: Grad::Fn(grad),
    kernels: &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
            let array = array_for(ctx, 2)?;
            let index = ctx.scalar::<i32>(1, "TensorArray index")?;
            let value = ctx.take_input(2)?;
            array.write(i64::from(index), value, plus)?;
            pass_flow(ctx, 3)
        }))
    })],
};

/// What was written to the gradient's array at the same place.
fn grad<'g>(ctx: &GradCtx<'g>) -> crate::Result<InputGradients<'g>> {
    let (array, flow) = super::backward::after_writing(ctx)?;
    let read = array.read(ctx.input(1));
    dense([None, None, Some(read), Some(flow)])
}
