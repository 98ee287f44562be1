//! StringSplit: the parts of strings, as a sparse matrix.

use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use crate::tensor::{Bytes, Tensor};

pub(crate) static STRING_SPLIT: OpEntry = OpEntry {
    def: OpDef {
        signature: "StringSplit(input:string, delimiter:string) -> (indices:int64, values:string, shape:int64)",
        attrs: "skip_empty:bool=true",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], new)],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ctx.with_rank(0, 1)?;
    ctx.with_rank(1, 0)?;
    ctx.set(0, PartialShape::of(vec![None, Some(2)]));
    ctx.set(1, PartialShape::vector(None));
    ctx.set(2, [2usize]);
    Ok(())
}

/// Each byte of the delimiter delimits; without a delimiter each byte is a part.
fn split<'a>(text: &'a [u8], delimiter: &[u8], skip_empty: bool) -> Vec<&'a [u8]> {
    if delimiter.is_empty() {
        return text.chunks(1).collect();
    }
    let mut parts: Vec<&[u8]> = text.split(|b| delimiter.contains(b)).collect();
    if text.is_empty() || skip_empty {
        parts.retain(|p| !p.is_empty());
    }
    parts
}

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let skip_empty = init.attrs.bool("skip_empty")?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let (input, delimiter) = (ctx.input(0)?, ctx.input(1)?);
        if !input.shape().is_vector() {
            return Err(Error::invalid_argument(format!(
                "input must be a vector, got shape: {}",
                input.shape()
            )));
        }
        if !delimiter.shape().is_scalar() {
            return Err(Error::invalid_argument(format!(
                "delimiter must be a scalar, got shape: {}",
                delimiter.shape()
            )));
        }
        let delimiter = delimiter.to_bytes()?;
        let (mut indices, mut values, mut widest) = (Vec::new(), Vec::new(), 0);
        for (row, text) in input.strings()?.iter().enumerate() {
            let parts = split(text, delimiter, skip_empty);
            widest = widest.max(parts.len());
            for (column, part) in parts.into_iter().enumerate() {
                indices.extend([row as i64, column as i64]);
                values.push(Bytes::from(part));
            }
        }
        let (rows, n) = (input.elements() as i64, values.len());
        ctx.set(0, Tensor::from_vec(&[n, 2], indices)?)?;
        ctx.set(1, Tensor::from_strings(Shape::of(&[n])?, values)?)?;
        ctx.set(2, Tensor::from([rows, widest as i64]))
    }))
}
