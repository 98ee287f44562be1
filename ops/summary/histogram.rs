//! HistogramSummary: the distribution of a tensor's elements.

use super::{names, values};
use crate::dtype::sets::REALS;
use crate::error::Error;
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::io::Histogram;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::proto::{Summary, summary};
use crate::registry::OpEntry;

pub(crate) static HISTOGRAM_SUMMARY: OpEntry = OpEntry {
    def: OpDef {
        signature: "HistogramSummary(tag:string, values:T) -> (summary:string)",
        attrs: "T:type{realnumber}=float",
        flags: Flags::PURE,
        infer: infer::scalar,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", REALS)], new)],
};

fn new(init: &KernelInit<'_>) -> crate::Result<AnyKernel> {
    // TensorFlow's words end with the node's name.
    let node = init.node.name.clone();
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let tag = values::scalar_tag(ctx.input(0)?, "tags must be scalar")?;
        let numbers = values::doubles(ctx.input(1)?)?;
        let histogram = Histogram::of(numbers)
            .map_err(|e| Error::invalid_argument(format!("{} for: {node}", e.message())))?;
        let mut out = Summary::default();
        out.value.push(summary::Value {
            tag,
            value: Some(summary::value::Value::Histo(histogram.to_proto())),
            ..Default::default()
        });
        ctx.set(0, values::encode(&out)?)
    }))
}

impl<'g> Scope<'g> {
    /// The distribution of `values` under a tag, verbatim (op `HistogramSummary`; TensorFlow 0.x's
    /// `histogram_summary`), added to the summaries of the graph.
    #[track_caller]
    pub fn histogram_summary(self, tag: impl Operand<'g>, values: impl Operand<'g>) -> Output<'g> {
        names::collect(self.op("HistogramSummary").input(tag).input(values).out())
    }
    /// The distribution of `values` under a tag that is also the node's name (op `HistogramSummary`;
    /// `tf.summary.histogram`), added to the summaries of the graph.
    #[track_caller]
    pub fn summary_histogram(self, name: &str, values: impl Operand<'g>) -> Output<'g> {
        let (s, tag) = names::summary_scope(self, name);
        let tags = s.named("tag").constant(tag.as_str());
        let op = self.op("HistogramSummary").name(format!("{tag}/"));
        names::collect(op.input(tags).input(values).out())
    }
}
