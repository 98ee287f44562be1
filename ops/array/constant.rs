//! Const: a tensor that is part of the graph. (Its builder is `Scope::constant`.)

use crate::error::Error;
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;

pub(crate) static CONST: OpEntry = OpEntry {
    def: OpDef {
        signature: "Const() -> (output:dtype)",
        attrs: "value:tensor; dtype:type",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], new)],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> crate::Result<()> {
    let value = ctx.attrs.tensor("value")?;
    let dtype = ctx.attrs.dtype("dtype")?;
    if value.dtype() != dtype {
        return Err(Error::invalid_argument(format!(
            "Type mismatch between value ({}) and dtype ({dtype})",
            value.dtype()
        )));
    }
    let shape = value.shape().clone();
    ctx.set(0, shape);
    Ok(())
}

fn new(init: &KernelInit<'_>) -> crate::Result<AnyKernel> {
    let value = init.attrs.tensor("value")?.clone();
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        ctx.set(0, value.clone())
    }))
}
