//! BroadcastGradientArgs: the axes over which the gradients of two broadcast operands are summed.

use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::graph::{NodeRef, Operand, Scope};
use crate::kernel::{AnyKernel, KernelDef, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{PartialShape, gradient_axes};
use crate::tensor::Tensor;

pub(crate) static BROADCAST_GRADIENT_ARGS: OpEntry = OpEntry {
    def: OpDef {
        signature: "BroadcastGradientArgs(s0:T, s1:T) -> (r0:T, r1:T)",
        attrs: "T:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[], |_| Ok(AnyKernel::cheap(compute))),
        KernelDef::gpu_host(&[], &["s0", "s1", "r0", "r1"], |_| {
            Ok(AnyKernel::cheap(compute))
        }),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ctx.with_rank(0, 1)?;
    ctx.with_rank(1, 1)?;
    ctx.set(0, PartialShape::vector(None));
    ctx.set(1, PartialShape::vector(None));
    Ok(())
}

/// The sizes in an input vector.
pub(crate) fn sizes(ctx: &OpContext<'_>, i: usize) -> Result<Vec<i64>> {
    let t = ctx.input(i)?;
    if !t.shape().is_vector() {
        return Err(Error::invalid_argument(format!(
            "In[{i}] must be a vector.{}",
            t.shape()
        )));
    }
    t.to_i64s()
}

/// Gives an output vector of numbers that fit the type of input 0.
pub(crate) fn set_sizes(ctx: &mut OpContext<'_>, i: usize, values: &[i64]) -> Result<()> {
    let t = match ctx.input(0)?.dtype() {
        crate::DType::I64 => Tensor::from(values),
        _ => Tensor::from(values.iter().map(|v| *v as i32).collect::<Vec<_>>()),
    };
    ctx.set(i, t)
}

fn compute(ctx: &mut OpContext<'_>) -> Result<()> {
    let (a, b) = (sizes(ctx, 0)?, sizes(ctx, 1)?);
    let (left, right) = gradient_axes(&a, &b)?;
    set_sizes(ctx, 0, &left)?;
    set_sizes(ctx, 1, &right)
}

impl<'g> Scope<'g> {
    /// The axes over which the gradients of operands of these shapes are summed, one output for each
    /// (op `BroadcastGradientArgs`).
    #[track_caller]
    pub fn broadcast_gradient_args(
        self,
        s0: impl Operand<'g>,
        s1: impl Operand<'g>,
    ) -> NodeRef<'g> {
        self.op("BroadcastGradientArgs")
            .input(s0)
            .input(s1)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::run_op;
    use crate::{Attrs, Registry};

    fn run(a: impl Into<Tensor>, b: impl Into<Tensor>) -> Result<(Vec<i64>, Vec<i64>)> {
        let args = vec![vec![a.into()], vec![b.into()]];
        let out = run_op(
            &Registry::builtin(),
            "BroadcastGradientArgs",
            args,
            Attrs::default(),
        )?;
        Ok((out[0].to_i64s()?, out[1].to_i64s()?))
    }

    #[test]
    fn axes_of_each_operand() {
        assert_eq!(run([2i32, 3], [3i32]).unwrap(), (vec![], vec![0]));
        assert_eq!(run([2i64, 1], [1i64]).unwrap(), (vec![1], vec![0, 1]));
        assert_eq!(run([1i32], [1i32, 1]).unwrap(), (vec![0, 1], vec![0, 1]));
        let e = run([2i32, 3], [2i32]).unwrap_err();
        assert_eq!(e.message(), "Incompatible shapes: [2,3] vs. [2]");
        let e = run([[2i32, 3]], [2i32]).unwrap_err();
        assert_eq!(e.message(), "In[0] must be a vector.[1,2]");
    }
}
