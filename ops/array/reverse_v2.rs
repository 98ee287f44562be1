//! ReverseV2 and Reverse: dimensions walked backwards.

use super::cuda;
use super::strided::{Layout, rearranged};
use crate::dtype::{sets::INDEX, sets::PODS_AND_STRING};
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;

pub(crate) static REVERSE_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "ReverseV2(tensor:T, axis:Tidx) -> (output:T)",
        attrs: "Tidx:type{int32,int64}=int32; T:type{uint8,int8,uint16,int16,int32,uint32,int64,uint64,bool,bfloat16,half,float,double,complex64,complex128,string}",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", PODS_AND_STRING), ("Tidx", INDEX)], new),
        KernelDef::gpu_host(&[("T", cuda::ON_GPU)], &["axis"], new),
        KernelDef::gpu_host(&[("T", cuda::INT32)], &["tensor", "axis", "output"], new),
    ],
};

/// Which dimensions are walked backwards.
fn flags(axes: &[i64], rank: usize) -> Result<Vec<bool>> {
    let mut out = vec![false; rank];
    for (i, a) in axes.iter().enumerate() {
        let axis = ShapeCtx::axis(*a, rank).map_err(|_| {
            Error::invalid_argument(format!(
                "'axis'[{i}] = {a} is out of valid range [0, {}",
                rank as i64 - 1
            ))
        })?;
        if std::mem::replace(&mut out[axis], true) {
            return Err(Error::invalid_argument(format!(
                "axis {axis} specified more than once."
            )));
        }
    }
    Ok(out)
}

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ctx.with_rank(1, 1)?;
    let input = ctx.input(0);
    if let (Some(rank), Some(axes)) = (input.rank(), ctx.constant_ints(1)?) {
        flags(&axes, rank)?;
    }
    ctx.set(0, input);
    Ok(())
}

/// Gives input 0 with the flagged dimensions walked backwards.
pub(super) fn reverse(ctx: &mut OpContext<'_>, flags: &[bool]) -> Result<()> {
    let x = ctx.input(0)?;
    let shape = x.shape().clone();
    let mut from = Layout::dense(&shape);
    for ((d, step), flag) in shape.dims().iter().zip(&mut from.steps).zip(flags) {
        if *flag && *d > 0 && shape.elements() > 0 {
            from.start += (*d - 1) * step.unsigned_abs();
            *step = -*step;
        }
    }
    let out = rearranged(ctx.pool(), x, shape, from)?;
    ctx.set(0, out)
}

fn new(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
        let axes = ctx.input(1)?;
        if !axes.shape().is_vector() {
            return Err(Error::invalid_argument(format!(
                "'axis' must be 1-dimension, not {}",
                axes.shape().rank()
            )));
        }
        let flags = flags(&axes.to_i64s()?, ctx.input(0)?.shape().rank())?;
        reverse(ctx, &flags)
    }))
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    dense([Some(ctx.grad(0).reverse(ctx.input(1))), None])
}

impl<'g> Scope<'g> {
    /// `x` with these dimensions (a vector) walked backwards (op `ReverseV2`).
    #[track_caller]
    pub fn reverse(self, x: impl Operand<'g>, axes: impl Operand<'g>) -> Output<'g> {
        self.op("ReverseV2").input(x).input(axes).out()
    }
}

impl<'g> Output<'g> {
    /// The same with these dimensions (a vector) walked backwards (op `ReverseV2`).
    #[track_caller]
    pub fn reverse(self, axes: impl Operand<'g>) -> Output<'g> {
        self.scope().reverse(self, axes)
    }
}
