//! MergeSummary: several summaries as one.

use super::values;
use crate::error::Error;
use crate::grad::Grad;
use crate::graph::{Graph, Output, Scope, keys};
use crate::kernel::{AnyKernel, KernelDef, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::proto::Summary;
use crate::registry::OpEntry;
use prost::Message;
use std::collections::HashSet;

pub(crate) static MERGE_SUMMARY: OpEntry = OpEntry {
    def: OpDef {
        signature: "MergeSummary(inputs:N*string) -> (summary:string)",
        attrs: "N:int>=1",
        flags: Flags::PURE,
        infer: infer::scalar,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |_| Ok(AnyKernel::new(compute)))],
};

fn compute(ctx: &mut OpContext<'_>) -> crate::Result<()> {
    let mut merged = Summary::default();
    let mut tags: HashSet<String> = HashSet::new();
    for i in 0..ctx.num_inputs() {
        for bytes in ctx.input(i)?.strings()? {
            let part = Summary::decode(&bytes[..]).map_err(|_| {
                Error::invalid_argument("Could not parse one of the summary inputs")
            })?;
            for value in part.value {
                // The values of a TensorSummary without a tag are told apart by their node.
                if !value.tag.is_empty() && !tags.insert(value.tag.clone()) {
                    return Err(Error::invalid_argument(format!(
                        "Duplicate tag {} found in summary inputs ",
                        value.tag
                    )));
                }
                merged.value.push(value);
            }
        }
    }
    ctx.set(0, values::encode(&merged)?)
}

impl<'g> Scope<'g> {
    /// Several summaries as one (op `MergeSummary`).
    #[track_caller]
    pub fn merge_summary(self, inputs: &[Output<'g>]) -> Output<'g> {
        self.op("MergeSummary").list(inputs.iter().copied()).out()
    }
}

impl Graph {
    /// All summaries of the graph as one (op `MergeSummary`; `tf.summary.merge_all`, once
    /// `merge_all_summaries`); `None` when there are none.
    ///
    /// ```
    /// let g = tensorloom::Graph::new();
    /// g.scope("train").summary_scalar("loss", 0.5f32);
    /// assert_eq!(g.merge_all_summaries().unwrap().name(), "Merge/MergeSummary:0");
    /// ```
    #[track_caller]
    pub fn merge_all_summaries(&self) -> Option<Output<'_>> {
        let all = self.collection_outputs(keys::SUMMARIES);
        if all.is_empty() {
            return None;
        }
        Some(self.root().scope("Merge").merge_summary(&all))
    }
}
