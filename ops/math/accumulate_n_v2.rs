//! AccumulateNV2: the sum of tensors of one shape that is given as an attribute.

use super::add_n;
use crate::grad::Grad;
use crate::graph::{Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use crate::shape::PartialShape;

pub(crate) static ACCUMULATE_N_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "AccumulateNV2(inputs:N*T) -> (sum:T)",
        attrs: "N:int>=1; T:type{number}; shape:shape",
        flags: Flags::AGGREGATE,
        infer: infer::shape_attr,
    },
    grad: Grad::Fn(add_n::grad),
    kernels: &add_n::kernels(),
};

impl<'g> Scope<'g> {
    /// The sum of tensors of that shape (op `AccumulateNV2`).
    #[track_caller]
    pub fn accumulate_n(
        self,
        inputs: impl IntoIterator<Item = Output<'g>>,
        shape: impl Into<PartialShape>,
    ) -> Output<'g> {
        let shape = shape.into();
        self.op("AccumulateNV2")
            .list(inputs)
            .attr("shape", shape)
            .out()
    }
}
