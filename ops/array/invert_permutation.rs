//! InvertPermutation: the permutation that undoes another.

use crate::dtype::{DType, sets::INDEX};
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::tensor::Tensor;

pub(crate) static INVERT_PERMUTATION: OpEntry = OpEntry {
    def: OpDef {
        signature: "InvertPermutation(x:T) -> (y:T)",
        attrs: "T:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[("T", INDEX)], new),
        KernelDef::gpu_host(&[("T", INDEX)], &["x", "y"], new),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let shape = ctx.with_rank(0, 1)?;
    ctx.set(0, shape);
    Ok(())
}

fn new(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
        let x = ctx.input(0)?;
        if !x.shape().is_vector() {
            return Err(Error::invalid_argument(
                "invert_permutation expects a 1D vector.",
            ));
        }
        let values = x.to_i64s()?;
        let n = values.len();
        let mut inverse = vec![-1i64; n];
        for (i, v) in values.iter().enumerate() {
            let place = usize::try_from(*v).ok().and_then(|v| inverse.get_mut(v));
            let place = place
                .ok_or_else(|| Error::invalid_argument(format!("{v} is not between 0 and {n}")))?;
            if *place != -1 {
                return Err(Error::invalid_argument(format!(
                    "{v} is duplicated in the input."
                )));
            }
            *place = i as i64;
        }
        let y = match x.dtype() {
            // Positions in a vector of int32 that are all different fit int32.
            DType::I32 => Tensor::from(inverse.iter().map(|v| *v as i32).collect::<Vec<_>>()),
            _ => Tensor::from(inverse),
        };
        ctx.set(0, y)
    }))
}

impl<'g> Scope<'g> {
    /// The permutation that undoes `x` (op `InvertPermutation`).
    #[track_caller]
    pub fn invert_permutation(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("InvertPermutation").input(x).out()
    }
}
