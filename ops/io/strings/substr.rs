//! Substr: parts of strings, by bytes or by characters.

use crate::dtype::sets::INDEX;
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape, broadcast_shapes};
use crate::tensor::{Bytes, Tensor};

pub(crate) static SUBSTR: OpEntry = OpEntry {
    def: OpDef {
        signature: "Substr(input:string, pos:T, len:T) -> (output:string)",
        attrs: "T:type{int32,int64}; unit:string{BYTE,UTF8_CHAR}=\"BYTE\"",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", INDEX)], new)],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let pos = ctx.input(1).merge(&ctx.input(2))?;
    let shape = broadcast_shapes(&ctx.input(0), &pos)?;
    ctx.set(0, shape);
    Ok(())
}

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let characters = init.attrs.str("unit")? == "UTF8_CHAR";
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let out = substr(ctx.input(0)?, ctx.input(1)?, ctx.input(2)?, characters)?;
        ctx.set(0, out)
    }))
}

fn substr(input: &Tensor, pos: &Tensor, len: &Tensor, characters: bool) -> Result<Tensor> {
    if pos.shape() != len.shape() {
        return Err(Error::invalid_argument(format!(
            "pos and len should have the same shape, got: {} vs. {}",
            pos.shape(),
            len.shape()
        )));
    }
    let shapes = [input, pos].map(|t| PartialShape::from(t.shape()));
    let shape = broadcast_shapes(&shapes[0], &shapes[1])
        .ok()
        .and_then(|s| s.to_shape());
    let Some(shape) = shape else {
        return Err(Error::invalid_argument(format!(
            "Incompatible shapes: {} vs. {}",
            input.shape(),
            pos.shape()
        )));
    };
    let strings = input.strings()?;
    let (positions, lengths) = (pos.to_i64s()?, len.to_i64s()?);
    let (from_input, from_pos) = (sources(&shape, input.shape()), sources(&shape, pos.shape()));
    let parts = from_input.into_iter().zip(from_pos).enumerate();
    let parts: Result<Vec<Bytes>> = parts
        .map(|(i, (s, p))| {
            let text = &strings[s];
            let (pos, len) = (positions[p], lengths[p]);
            part(text, pos, len, characters).ok_or_else(|| {
                let what = match characters {
                    true => String::new(),
                    false => format!(" b'{}'", text.escape_ascii()),
                };
                Error::invalid_argument(format!(
                    "pos {pos} out of range for string{what} at index {i}"
                ))
            })
        })
        .collect();
    Tensor::from_strings(shape, parts?)
}

/// For each element of a shape the one of a smaller shape that stands for it.
fn sources(shape: &Shape, of: &Shape) -> Vec<usize> {
    let skipped = shape.rank() - of.rank();
    let mut all = vec![0];
    for (axis, size) in shape.dims().iter().enumerate() {
        let own = axis.checked_sub(skipped).map_or(1, |a| of.dims()[a]);
        all = all
            .iter()
            .flat_map(|o| (0..*size).map(move |i| o * own + if own == 1 { 0 } else { i }))
            .collect();
    }
    all
}

/// `len` units from `pos` on (counted from the end when negative), or as many as there are; a negative `len` means all.
fn part(text: &[u8], pos: i64, len: i64, characters: bool) -> Option<Bytes> {
    let starts: Option<Vec<usize>> = characters.then(|| {
        // Every byte that does not continue a character begins one.
        let begins = |b: u8| b & 0xc0 != 0x80;
        let starts = text.iter().enumerate().filter(|(_, b)| begins(**b));
        starts.map(|(i, _)| i).collect()
    });
    let units = starts.as_ref().map_or(text.len(), Vec::len);
    let from = match usize::try_from(pos) {
        Ok(p) => p,
        Err(_) => units.checked_sub(usize::try_from(pos.unsigned_abs()).ok()?)?,
    };
    if from > units {
        return None;
    }
    let to = match usize::try_from(len) {
        Ok(n) => from.saturating_add(n).min(units),
        Err(_) => units,
    };
    let byte = |unit: usize| match &starts {
        Some(s) => s.get(unit).copied().unwrap_or(text.len()),
        None => unit,
    };
    Some(Bytes::from(&text[byte(from)..byte(to)]))
}
