//! BroadcastArgs: the shape of two broadcast operands, from their shapes.

use super::broadcast_gradient_args::{set_sizes, sizes};
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::PartialShape;

pub(crate) static BROADCAST_ARGS: OpEntry = OpEntry {
    def: OpDef {
        signature: "BroadcastArgs(s0:T, s1:T) -> (r0:T)",
        attrs: "T:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[], |_| Ok(AnyKernel::cheap(compute))),
        KernelDef::gpu_host(&[], &["s0", "s1", "r0"], |_| Ok(AnyKernel::cheap(compute))),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let (a, b) = (ctx.with_rank(0, 1)?.dim(0), ctx.with_rank(1, 1)?.dim(0));
    ctx.set(0, PartialShape::vector(a.zip(b).map(|(a, b)| a.max(b))));
    Ok(())
}

fn compute(ctx: &mut OpContext<'_>) -> Result<()> {
    let (a, b) = (sizes(ctx, 0)?, sizes(ctx, 1)?);
    let rank = a.len().max(b.len());
    let at = |d: &[i64], i: usize| {
        let missing = rank - d.len();
        if i < missing { 1 } else { d[i - missing] }
    };
    let mut out = Vec::with_capacity(rank);
    for i in 0..rank {
        out.push(match (at(&a, i), at(&b, i)) {
            (x, y) if x == y || y == 1 => x,
            (1, y) => y,
            _ => {
                let list = |d: &[i64]| d.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
                return Err(Error::invalid_argument(format!(
                    "Incompatible shapes: [{}] vs. [{}]",
                    list(&a),
                    list(&b)
                )));
            }
        });
    }
    set_sizes(ctx, 0, &out)
}

impl<'g> Scope<'g> {
    /// The shape of two operands of these shapes after broadcasting (op `BroadcastArgs`).
    #[track_caller]
    pub fn broadcast_args(self, s0: impl Operand<'g>, s1: impl Operand<'g>) -> Output<'g> {
        self.op("BroadcastArgs").input(s0).input(s1).out()
    }
}

#[cfg(test)]
mod tests {
    use crate::runtime::run_op;
    use crate::{Attrs, Registry, Tensor};

    #[test]
    fn shapes_broadcast() {
        let run = |a: Tensor, b: Tensor| {
            let args = vec![vec![a], vec![b]];
            let out = run_op(
                &Registry::builtin(),
                "BroadcastArgs",
                args,
                Attrs::default(),
            )?;
            out[0].to_i64s()
        };
        assert_eq!(run([2i32, 3].into(), [3i32].into()).unwrap(), [2, 3]);
        assert_eq!(run([0i64, 1].into(), [1i64, 5].into()).unwrap(), [0, 5]);
        let e = run([2i32, 3].into(), [2i32].into()).unwrap_err();
        assert_eq!(e.message(), "Incompatible shapes: [2,3] vs. [2]");
    }
}
