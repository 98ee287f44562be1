//! Save, SaveSlices, Restore, RestoreSlice: checkpoints of the old format (restoring takes the new one too).

use super::checkpoint::texts;
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::io::{CheckpointReader, SliceSpec, V1Writer};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, InferFn, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::PartialShape;

const fn entry(
    signature: &'static str,
    attrs: &'static str,
    infer: InferFn,
    kernels: &'static [KernelDef],
) -> OpEntry {
    OpEntry {
        def: OpDef {
            signature,
            attrs,
            flags: Flags::STATEFUL,
            infer,
        },
        grad: Grad::NotDifferentiable,
        kernels,
    }
}

pub(crate) static SAVE: OpEntry = entry(
    "Save(filename:string, tensor_names:string, data:T) -> ()",
    "T:list(type)>=1",
    saved,
    &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| save(ctx, 2)))
    })],
);
pub(crate) static SAVE_SLICES: OpEntry = entry(
    "SaveSlices(filename:string, tensor_names:string, shapes_and_slices:string, data:T) -> ()",
    "T:list(type)>=1",
    saved_slices,
    &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| save(ctx, 3)))
    })],
);
pub(crate) static RESTORE: OpEntry = entry(
    "Restore(file_pattern:string, tensor_name:string) -> (tensor:dt)",
    "dt:type; preferred_shard:int=-1",
    restored,
    &[KernelDef::cpu(&[], new_restore)],
);
pub(crate) static RESTORE_SLICE: OpEntry = entry(
    "RestoreSlice(file_pattern:string, tensor_name:string, shape_and_slice:string) -> (tensor:dt)",
    "dt:type; preferred_shard:int=-1",
    restored_slice,
    &[KernelDef::cpu(&[], new_restore)],
);

fn saved(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ctx.with_rank(0, 0)?;
    ctx.with_rank(1, 1).map(|_| ())
}
fn saved_slices(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    saved(ctx)?;
    ctx.with_rank(1, 1)?
        .merge(&ctx.with_rank(2, 1)?)
        .map(|_| ())
}
fn restored(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ctx.with_rank(0, 0)?;
    ctx.with_rank(1, 0).map(|_| ())
}
fn restored_slice(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    restored(ctx)?;
    ctx.with_rank(2, 0)?;
    let Some(slice) = ctx.constant(2) else {
        return Ok(());
    };
    if let Some(text) = texts(&slice)?.first().filter(|t| !t.is_empty()) {
        let shape = SliceSpec::parse(text)?.shape;
        ctx.set(0, PartialShape::from(&shape));
    }
    Ok(())
}

/// The text of an input that is just one.
fn text(ctx: &OpContext<'_>, i: usize, what: &str) -> Result<String> {
    let t = ctx.input(i)?;
    match (texts(t)?.pop(), t.elements()) {
        (Some(text), 1) => Ok(text),
        (_, n) => Err(Error::invalid_argument(format!(
            "Input {i} ({what}) must be a string scalar; got a tensor of size {n} elements"
        ))),
    }
}

/// Writes the inputs from `first` on; the one before, if it is not the names, are the slices.
fn save(ctx: &mut OpContext<'_>, first: usize) -> Result<()> {
    let path = text(ctx, 0, "filename")?;
    let names = texts(ctx.input(1)?)?;
    let tensors = ctx.num_inputs().saturating_sub(first);
    if names.len() != tensors {
        return Err(Error::invalid_argument(format!(
            "Got {} tensor names but {tensors} tensors.",
            names.len()
        )));
    }
    let slices = match first {
        3 => texts(ctx.input(2)?)?,
        _ => vec![String::new(); tensors],
    };
    if slices.len() != tensors {
        return Err(Error::invalid_argument(format!(
            "Expected {tensors} elements for the tensor shapes and slices but got {}",
            slices.len()
        )));
    }
    let mut writer = V1Writer::new(path);
    for (i, (name, slice)) in names.iter().zip(&slices).enumerate() {
        let tensor = ctx.input(first + i)?;
        if slice.is_empty() {
            writer.add(name, tensor)?;
            continue;
        }
        let spec = SliceSpec::parse(slice)?;
        if spec.shape != *tensor.shape() {
            return Err(Error::invalid_argument(format!(
                "Slice in shape_and_slice specification does not match the shape of the tensor to  save: {slice}, tensor: {}",
                tensor.shape()
            )));
        }
        writer.add_slice(name, &spec.full_shape, &spec.slice, tensor)?;
    }
    writer.finish()
}

/// The preferred shard is but a hint where to look first.
fn new_restore(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let dtype = init.attrs.dtype("dt")?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let pattern = text(ctx, 0, "file_pattern")?;
        let name = text(ctx, 1, "tensor_name")?;
        let slice = match ctx.num_inputs() {
            3 => text(ctx, 2, "shape_and_slice")?,
            _ => String::new(),
        };
        let tensor = CheckpointReader::open(&pattern)?.restore(&name, &slice, dtype)?;
        ctx.set(0, tensor)
    }))
}
