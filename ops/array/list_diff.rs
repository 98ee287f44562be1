//! ListDiff: the elements of one vector that another does not hold.

use super::cuda;
use super::unique::{COMPARABLE, keys, pick, positions};
use crate::dtype::sets::INDEX;
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::PartialShape;
use std::collections::HashSet;

pub(crate) static LIST_DIFF: OpEntry = OpEntry {
    def: OpDef {
        signature: "ListDiff(x:T, y:T) -> (out:T, idx:out_idx)",
        attrs: "T:type; out_idx:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[("T", COMPARABLE), ("out_idx", INDEX)], new),
        KernelDef::gpu_host(
            &[("T", cuda::INT32), ("out_idx", INDEX)],
            &["x", "y", "out", "idx"],
            new,
        ),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ctx.with_rank(0, 1)?;
    ctx.with_rank(1, 1)?;
    ctx.set(0, PartialShape::vector(None));
    ctx.set(1, PartialShape::vector(None));
    Ok(())
}

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let dtype = init.attrs.dtype("out_idx")?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let (x, y) = (ctx.input(0)?, ctx.input(1)?);
        for (name, t) in [("x", x), ("y", y)] {
            if !t.shape().is_vector() {
                return Err(Error::invalid_argument(format!(
                    "{name} should be a 1D vector."
                )));
            }
        }
        let known: HashSet<_> = keys(y, x.elements())?.into_iter().collect();
        let kept: Vec<usize> = keys(x, 0)?
            .iter()
            .enumerate()
            .filter(|(_, k)| !known.contains(k))
            .map(|(i, _)| i)
            .collect();
        let out = pick(ctx.pool(), x, &kept)?;
        ctx.set(0, out)?;
        ctx.set(1, positions(dtype, &kept)?)
    }))
}

impl<'g> Scope<'g> {
    /// The elements of `x` that `y` does not hold, and where they stand in `x`, int32 (op `ListDiff`).
    #[track_caller]
    pub fn list_diff(self, x: impl Operand<'g>, y: impl Operand<'g>) -> [Output<'g>; 2] {
        let made = self.op("ListDiff").input(x).input(y).finish();
        [made.output(0), made.output(1)]
    }
}
