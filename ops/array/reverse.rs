//! Reverse: dimensions named by flags walked backwards (before ReverseV2).

use super::reverse_v2::reverse;
use crate::dtype::sets::PODS_AND_STRING;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;

pub(crate) static REVERSE: OpEntry = OpEntry {
    def: OpDef {
        signature: "Reverse(tensor:T, dims:bool) -> (output:T)",
        attrs: "T:type{uint8,int8,uint16,int16,uint32,int32,uint64,int64,bool,bfloat16,half,float,double,complex64,complex128,string}",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[KernelDef::cpu(&[("T", PODS_AND_STRING)], new)],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let dims = ctx.with_rank(1, 1)?;
    let mut input = ctx.input(0);
    if let Some(rank) = dims.dim(0).filter(|r| *r <= crate::shape::MAX_RANK) {
        input = input.with_rank(rank)?;
    }
    ctx.set(0, input);
    Ok(())
}

fn new(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
        let dims = ctx.input(1)?;
        if !dims.shape().is_vector() {
            return Err(Error::invalid_argument(format!(
                "'dims' must be 1-dimension, not {}",
                dims.shape().rank()
            )));
        }
        let rank = ctx.input(0)?.shape().rank();
        if dims.elements() != rank {
            return Err(Error::invalid_argument(format!(
                "'dims' must have the same number of values as 'input' has dimensions. 'input' has {rank}'dims' has {} values",
                dims.elements()
            )));
        }
        let flags = dims.data::<bool>()?.to_vec();
        reverse(ctx, &flags)
    }))
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let op = ctx.scope.op("Reverse").input(ctx.grad(0));
    dense([Some(op.input(ctx.input(1)).out()), None])
}
