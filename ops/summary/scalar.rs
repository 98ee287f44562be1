//! ScalarSummary: numbers under tags.

use super::{names, values};
use crate::dtype::sets::REALS;
use crate::error::Error;
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::proto::{Summary, summary};
use crate::registry::OpEntry;

pub(crate) static SCALAR_SUMMARY: OpEntry = OpEntry {
    def: OpDef {
        signature: "ScalarSummary(tags:string, values:T) -> (summary:string)",
        attrs: "T:type{realnumber}",
        flags: Flags::PURE,
        infer: infer::scalar,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", REALS)], |_| {
        Ok(AnyKernel::cheap(compute))
    })],
};

fn compute(ctx: &mut OpContext<'_>) -> crate::Result<()> {
    let (tags, numbers) = (ctx.input(0)?, ctx.input(1)?);
    if tags.shape() != numbers.shape() {
        let single = match tags.strings()? {
            [one] => format!(" (tag '{}')", String::from_utf8_lossy(one)),
            _ => String::new(),
        };
        return Err(Error::invalid_argument(format!(
            "tags and values are not the same shape: {} != {}{single}",
            tags.shape(),
            numbers.shape()
        )));
    }
    let mut out = Summary::default();
    for (tag, v) in tags.strings()?.iter().zip(values::floats(numbers)?) {
        out.value.push(summary::Value {
            tag: values::tag(tag)?,
            value: Some(summary::value::Value::SimpleValue(v)),
            ..Default::default()
        });
    }
    ctx.set(0, values::encode(&out)?)
}

impl<'g> Scope<'g> {
    /// Numbers under the given tags, verbatim (op `ScalarSummary`; TensorFlow 0.x's `scalar_summary`), added to
    /// the summaries of the graph.
    #[track_caller]
    pub fn scalar_summary(self, tags: impl Operand<'g>, values: impl Operand<'g>) -> Output<'g> {
        names::collect(self.op("ScalarSummary").input(tags).input(values).out())
    }
    /// A number under a tag that is also the node's name (op `ScalarSummary`; `tf.summary.scalar`), added to the
    /// summaries of the graph.
    #[track_caller]
    pub fn summary_scalar(self, name: &str, value: impl Operand<'g>) -> Output<'g> {
        let (s, tag) = names::summary_scope(self, name);
        let tags = s.named("tags").constant(tag.as_str());
        let op = self.op("ScalarSummary").name(format!("{tag}/"));
        names::collect(op.input(tags).input(value).out())
    }
}
