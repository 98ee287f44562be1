//! SegmentMean: means of rows that stand together.

use super::gradient::shape_of;
use super::segments::{Mean, infer_sorted, kernels};
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef};
use crate::registry::OpEntry;

pub(crate) static SEGMENT_MEAN: OpEntry = OpEntry {
    def: OpDef {
        signature: "SegmentMean(data:T, segment_ids:Tindices) -> (output:T)",
        attrs: "T:type{number}; Tindices:type{int32,int64}",
        flags: Flags::PURE,
        infer: infer_sorted,
    },
    grad: Grad::Fn(grad),
    kernels: &kernels::<Mean>(),
};

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let (s, g, ids) = (ctx.scope, ctx.grad(0), ctx.input(1));
    // How many rows each segment has, in a shape that broadcasts over rows.
    let others = s.rank(ctx.input(0)) - 1;
    let others = s.op("ExpandDims").input(others).input(0i32).out();
    let one = s.named("ones/Const").constant(1i32);
    let ones = s.op("Fill").name("ones").input(others).input(one).out();
    let shape = s.concat(&[shape_of(s, ids), ones], 0i32);
    let one = 1.0f64.operand(s.named("ones_1/Const"), Some(g.dtype()));
    let ones = s.op("Fill").name("ones_1").input(shape).input(one).out();
    let scaled = s.true_div(g, s.segment_sum(ones, ids));
    dense([Some(s.gather(scaled, ids)), None])
}

impl<'g> Scope<'g> {
    /// The means of the rows that have the same number; the numbers must be sorted (op `SegmentMean`).
    #[track_caller]
    pub fn segment_mean(self, data: impl Operand<'g>, segment_ids: impl Operand<'g>) -> Output<'g> {
        self.op("SegmentMean").input(data).input(segment_ids).out()
    }
}
