//! _SwitchN: a tensor goes to one of N outputs, the last one when the index fits none; the others are dead.

use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;

pub(crate) static SWITCH_N: OpEntry = OpEntry {
    def: OpDef {
        signature: "_SwitchN(data:T, output_index:int32) -> (outputs:num_outs*T)",
        attrs: "num_outs:int>=1; T:type",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Missing,
    kernels: &[KernelDef::cpu(&[], |_| Ok(AnyKernel::cheap(choose)))],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ctx.with_rank(1, 0)?;
    super::forward::infer(ctx)
}

/// Sets the output that the index chooses and leaves the others unset.
fn choose(ctx: &mut OpContext<'_>) -> Result<()> {
    let index = ctx.input(1)?;
    if !index.shape().is_scalar() {
        return Err(Error::invalid_argument(format!(
            "The second input must be a scalar, but it has shape {}",
            index.shape()
        )));
    }
    let last = ctx.num_outputs().saturating_sub(1);
    let chosen = usize::try_from(index.to_scalar::<i32>()?).map_or(last, |i| i.min(last));
    let data = ctx.take_value(0)?;
    ctx.set(chosen, data)
}
