//! InTopK and InTopKV2: whether a row's target is among its k largest predictions.

use crate::dtype::{DType, sets::INDEX};
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;

pub(crate) static IN_TOP_K: OpEntry = OpEntry {
    def: OpDef {
        signature: "InTopK(predictions:float, targets:T) -> (precision:bool)",
        attrs: "k:int; T:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", INDEX)], |init| {
        new(Some(init.attrs.int("k")?))
    })],
};

pub(crate) static IN_TOP_K_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "InTopKV2(predictions:float, targets:T, k:T) -> (precision:bool)",
        attrs: "T:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", INDEX)], |_: &KernelInit<'_>| {
        new(None)
    })],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let (predictions, targets) = (ctx.with_rank(0, 2)?, ctx.with_rank(1, 1)?);
    if ctx.len() > 2 {
        ctx.with_rank(2, 0)?;
    }
    let rows = PartialShape::vector(predictions.dim(0)).merge(&targets)?;
    ctx.set(0, rows);
    Ok(())
}

/// `k`: the attribute; `None`: input 2.
fn new(k: Option<i64>) -> Result<AnyKernel> {
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let (predictions, targets) = (ctx.input(0)?, ctx.input(1)?);
        let [rows, classes] = predictions.shape().dims() else {
            return Err(Error::invalid_argument("predictions must be 2-dimensional"));
        };
        if !targets.shape().is_vector() {
            return Err(Error::invalid_argument("targets must be 1-dimensional"));
        }
        if targets.elements() != *rows {
            return Err(Error::invalid_argument(format!(
                "First dimension of predictions {rows} must match length of targets {}",
                targets.elements()
            )));
        }
        let k = match k {
            Some(k) => k,
            None => {
                let k = ctx.input(2)?;
                if !k.shape().is_scalar() {
                    return Err(Error::invalid_argument(format!(
                        "k must be 0-D, got shape {}",
                        k.shape()
                    )));
                }
                k.to_i64s()?.first().copied().unwrap_or_default()
            }
        };
        let values = predictions.data::<f32>()?;
        let targets = targets.to_i64s()?;
        let mut out = Tensor::alloc(DType::Bool, Shape::of(&[*rows])?)?;
        for (i, (o, target)) in out.make_mut::<bool>()?.iter_mut().zip(targets).enumerate() {
            *o = among_largest(&values[i * classes..(i + 1) * classes], target, k);
        }
        ctx.set(0, out)
    }))
}

/// Fewer than k predictions are larger; false where the target or a prediction that was looked at is no number.
fn among_largest(row: &[f32], target: i64, k: i64) -> bool {
    let target = usize::try_from(target).ok().and_then(|t| row.get(t));
    let Some(target) = target.filter(|t| t.is_finite()) else {
        return false;
    };
    let mut larger = 0i64;
    for p in row {
        if !p.is_finite() {
            return false;
        }
        if p > target {
            larger += 1;
            if larger > k {
                return false;
            }
        }
    }
    larger < k
}

impl<'g> Scope<'g> {
    /// For each row of `predictions`, whether fewer than `k` of them are larger than that of the target
    /// (op `InTopKV2`).
    #[track_caller]
    pub fn in_top_k(
        self,
        predictions: impl Operand<'g>,
        targets: impl Operand<'g>,
        k: i64,
    ) -> Output<'g> {
        let plain = self.unnamed();
        let targets = targets.operand(plain, None);
        let inside = self.composite("in_top_k");
        inside
            .op("InTopKV2")
            .input(predictions)
            .input(targets)
            .input_like(k, targets.dtype())
            .out()
            .in_scope(plain)
    }
}
