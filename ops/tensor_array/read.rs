//! TensorArrayReadV3: one element.

use super::{array_of, known_elements};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;

pub(crate) static TENSOR_ARRAY_READ_V3: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorArrayReadV3(handle:resource, index:int32, flow_in:float) -> (value:dtype)",
        attrs: "dtype:type",
        flags: Flags::STATEFUL,
        infer: |ctx: &mut ShapeCtx<'_>| {
            ctx.with_rank(1, 0)?;
            ctx.with_rank(2, 0)?;
            ctx.set(0, known_elements(ctx).unwrap_or_default());
            Ok(())
        },
    },
    grad: Grad::Fn(grad),
    kernels: &[KernelDef::cpu(&[], |init: &KernelInit<'_>| {
        let dtype = init.attrs.dtype("dtype")?;
        Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
            let index = ctx.scalar::<i32>(1, "TensorArray index")?;
            let value = array_of(ctx, dtype)?.read(i64::from(index))?;
            ctx.set(0, value)
        }))
    })],
};

/// The gradient is written to the gradient's array at the same place.
fn grad<'g>(ctx: &GradCtx<'g>) -> crate::Result<InputGradients<'g>> {
    let array = super::backward::array(ctx, ctx.input(2));
    let written = array.write(ctx.input(1), ctx.grad(0));
    dense([None, None, Some(written.flow())])
}
