//! StringJoin: corresponding elements of several tensors, joined.

use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::graph::{Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use crate::tensor::{Bytes, Tensor};

pub(crate) static STRING_JOIN: OpEntry = OpEntry {
    def: OpDef {
        signature: "StringJoin(inputs:N*string) -> (output:string)",
        attrs: "N:int>=0; separator:string=\"\"",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], new)],
};

/// Scalars go with every shape; the others have one shape.
fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let mut shape: Option<PartialShape> = None;
    for i in 0..ctx.len() {
        let s = ctx.input(i);
        if s.rank().is_none() {
            return Ok(());
        }
        if !s.is_scalar() {
            shape = Some(match shape {
                None => s,
                Some(known) => known.merge(&s)?,
            });
        }
    }
    ctx.set(0, shape.unwrap_or_else(PartialShape::scalar));
    Ok(())
}

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let separator = init.attrs.bytes("separator")?.to_vec();
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let inputs: Result<Vec<&Tensor>> = (0..ctx.num_inputs()).map(|i| ctx.input(i)).collect();
        let inputs = inputs?;
        let mut shape: Option<&Shape> = None;
        for t in inputs.iter().filter(|t| !t.shape().is_scalar()) {
            match shape {
                None => shape = Some(t.shape()),
                Some(s) if s == t.shape() => {}
                Some(s) => {
                    return Err(Error::invalid_argument(format!(
                        "Input shapes do not match: {s} vs. {}",
                        t.shape()
                    )));
                }
            }
        }
        let shape = shape.cloned().unwrap_or_default();
        let columns: Result<Vec<&[Bytes]>> = inputs.iter().map(|t| t.strings()).collect();
        let columns = columns?;
        let joined = (0..shape.elements()).map(|i| {
            let parts: Vec<&[u8]> = columns
                .iter()
                .map(|c| if c.len() == 1 { &*c[0] } else { &*c[i] })
                .collect();
            Bytes::from(parts.join(&separator[..]))
        });
        let out = Tensor::from_strings(shape.clone(), joined.collect())?;
        ctx.set(0, out)
    }))
}

impl<'g> Scope<'g> {
    /// Corresponding elements joined, with a separator between them (op `StringJoin`).
    #[track_caller]
    pub fn string_join(self, inputs: &[Output<'g>], separator: &str) -> Output<'g> {
        self.op("StringJoin")
            .list(inputs.iter().copied())
            .attr("separator", separator)
            .out()
    }
}
