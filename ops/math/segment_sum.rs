//! SegmentSum: sums of rows that stand together.

use super::segments::{Sum, infer_sorted, kernels};
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef};
use crate::registry::OpEntry;

pub(crate) static SEGMENT_SUM: OpEntry = OpEntry {
    def: OpDef {
        signature: "SegmentSum(data:T, segment_ids:Tindices) -> (output:T)",
        attrs: "T:type{number}; Tindices:type{int32,int64}",
        flags: Flags::PURE,
        infer: infer_sorted,
    },
    grad: Grad::Fn(grad),
    kernels: &kernels::<Sum>(),
};

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let rows = ctx.scope.gather(ctx.grad(0), ctx.input(1));
    dense([Some(rows), None])
}

impl<'g> Scope<'g> {
    /// The sums of the rows that have the same number; the numbers must be sorted (op `SegmentSum`).
    #[track_caller]
    pub fn segment_sum(self, data: impl Operand<'g>, segment_ids: impl Operand<'g>) -> Output<'g> {
        self.op("SegmentSum").input(data).input(segment_ids).out()
    }
}
