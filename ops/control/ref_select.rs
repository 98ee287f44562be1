//! RefSelect: the reference of a given number.

use crate::error::Error;
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;

pub(crate) static REF_SELECT: OpEntry = OpEntry {
    def: OpDef {
        signature: "RefSelect(index:int32, inputs:ref N*T) -> (output:ref T)",
        attrs: "T:type; N:int>=1",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Missing,
    kernels: &[KernelDef::cpu(&[], new)],
};

/// The shape is known only when all inputs have the same known one.
fn infer(ctx: &mut ShapeCtx<'_>) -> crate::Result<()> {
    ctx.with_rank(0, 0)?;
    let first = ctx.input(1);
    if first.to_shape().is_some() && (2..ctx.len()).all(|i| ctx.input(i) == first) {
        ctx.set(0, first);
    }
    Ok(())
}

fn new(_: &KernelInit<'_>) -> crate::Result<AnyKernel> {
    Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
        let index = ctx.input(0)?;
        if !index.shape().is_scalar() {
            return Err(Error::invalid_argument(format!(
                "Index must be a scalar, but it has shape {}",
                index.shape()
            )));
        }
        let index = index.to_scalar::<i32>()?;
        let n = ctx.num_inputs().saturating_sub(1);
        match usize::try_from(index) {
            Ok(i) if i < n => {
                let chosen = ctx.take_value(i + 1)?;
                ctx.set(0, chosen)
            }
            _ => Err(Error::invalid_argument(format!(
                "Index must be in the range [0, {n}) but got {index}"
            ))),
        }
    }))
}

impl<'g> Scope<'g> {
    /// The reference of that number among `inputs` (op `RefSelect`).
    #[track_caller]
    pub fn ref_select(self, index: impl Operand<'g>, inputs: &[Output<'g>]) -> Output<'g> {
        self.op("RefSelect")
            .input(index)
            .list(inputs.iter().copied())
            .out()
    }
}
