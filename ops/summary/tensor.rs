//! TensorSummary, TensorSummaryV2: a tensor as it is.

use super::values;
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::ops::io::tensor_proto::to_content;
use crate::proto::{Summary, SummaryMetadata, summary};
use crate::registry::OpEntry;
use prost::Message;

pub(crate) static TENSOR_SUMMARY: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorSummary(tensor:T) -> (summary:string)",
        attrs: "T:type; description:string=\"\"; labels:list(string)=[]; display_name:string=\"\"",
        flags: Flags::PURE,
        infer: infer::scalar,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], new)],
};

pub(crate) static TENSOR_SUMMARY_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorSummaryV2(tag:string, tensor:T, serialized_summary_metadata:string) -> (summary:string)",
        attrs: "T:type",
        flags: Flags::PURE,
        infer: infer::scalar,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |_| Ok(AnyKernel::new(compute_v2)))],
};

/// The version 1 op knows no tag: the value is told by its node's name.
fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let node = init.node.name.clone();
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let mut out = Summary::default();
        out.value.push(summary::Value {
            node_name: node.clone(),
            value: Some(summary::value::Value::Tensor(to_content(ctx.input(0)?)?)),
            ..Default::default()
        });
        ctx.set(0, values::encode(&out)?)
    }))
}

fn compute_v2(ctx: &mut OpContext<'_>) -> Result<()> {
    let tag = values::scalar_tag(ctx.input(0)?, "tag must be scalar")?;
    let metadata = ctx.input(2)?;
    if !metadata.shape().is_scalar() {
        return Err(Error::invalid_argument(
            "serialized_summary_metadata must be scalar",
        ));
    }
    let metadata = SummaryMetadata::decode(&metadata.to_bytes()?[..])
        .map_err(|_| Error::invalid_argument("Could not parse the serialized summary metadata"))?;
    let mut out = Summary::default();
    out.value.push(summary::Value {
        tag,
        value: Some(summary::value::Value::Tensor(to_content(ctx.input(1)?)?)),
        metadata: Some(metadata),
        ..Default::default()
    });
    ctx.set(0, values::encode(&out)?)
}
