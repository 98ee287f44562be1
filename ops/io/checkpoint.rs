//! SaveV2, RestoreV2, MergeV2Checkpoints: checkpoints as tensor bundles.

use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::io::{self, BundleWriter, CheckpointReader, MergeOptions, SliceSpec};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::PartialShape;
use crate::tensor::Tensor;

pub(crate) static SAVE_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "SaveV2(prefix:string, tensor_names:string, shape_and_slices:string, tensors:dtypes) -> ()",
        attrs: "dtypes:list(type)>=1",
        flags: Flags::STATEFUL,
        infer: prefix_and_names,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |_| Ok(AnyKernel::new(save)))],
};

pub(crate) static RESTORE_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "RestoreV2(prefix:string, tensor_names:string, shape_and_slices:string) -> (tensors:dtypes)",
        attrs: "dtypes:list(type)>=1",
        flags: Flags::STATEFUL,
        infer: restored,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |init: &KernelInit<'_>| {
        let dtypes = init.attrs.dtypes("dtypes")?.to_vec();
        Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
            restore(ctx, &dtypes)
        }))
    })],
};

pub(crate) static MERGE_V2_CHECKPOINTS: OpEntry = OpEntry {
    def: OpDef {
        signature: "MergeV2Checkpoints(checkpoint_prefixes:string, destination_prefix:string) -> ()",
        attrs: "delete_old_dirs:bool=true; allow_missing_files:bool=false",
        flags: Flags::STATEFUL,
        infer: merged,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |init: &KernelInit<'_>| {
        let options = MergeOptions {
            delete_old_dirs: init.attrs.bool("delete_old_dirs")?,
            allow_missing_files: init.attrs.bool("allow_missing_files")?,
        };
        Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
            let prefixes = texts(ctx.input(0)?)?;
            let destination = prefix(ctx.input(1)?, "destination_prefix")?;
            io::merge_bundles(&prefixes, destination, options)
        }))
    })],
};

fn prefix_and_names(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ctx.with_rank(0, 0)?;
    let names = ctx.with_rank(1, 1)?;
    names.merge(&ctx.with_rank(2, 1)?)?;
    Ok(())
}

fn merged(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ctx.with_rank(0, 1)?;
    ctx.with_rank(1, 0).map(|_| ())
}

/// The slices, where the graph determines them, give the shapes.
fn restored(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    prefix_and_names(ctx)?;
    let Some(slices) = ctx.constant(2) else {
        return Ok(());
    };
    for (i, text) in texts(&slices)?.iter().enumerate() {
        if !text.is_empty() {
            let spec = SliceSpec::parse(text)?;
            ctx.set(i, PartialShape::from(&spec.shape));
        }
    }
    Ok(())
}

pub(super) fn texts(t: &Tensor) -> Result<Vec<String>> {
    t.strings()?
        .iter()
        .map(|s| {
            String::from_utf8(s.to_vec())
                .map_err(|_| Error::invalid_argument("a name is not valid UTF-8"))
        })
        .collect()
}

fn prefix(t: &Tensor, what: &str) -> Result<String> {
    if t.elements() != 1 {
        return Err(Error::invalid_argument(format!(
            "Input {what} should have a single element, got {} instead.",
            t.elements()
        )));
    }
    Ok(texts(t)?.remove(0))
}

/// Prefix, names and slices; checked against each other.
fn arguments(ctx: &OpContext<'_>) -> Result<(String, Vec<String>, Vec<String>)> {
    let prefix = prefix(ctx.input(0)?, "prefix")?;
    let (names, slices) = (ctx.input(1)?, ctx.input(2)?);
    for (t, what) in [(names, "tensor_names"), (slices, "shape_and_slices")] {
        if !t.shape().is_vector() {
            return Err(Error::invalid_argument(format!(
                "Input {what} should be an 1-D tensor, got {} instead.",
                t.shape()
            )));
        }
    }
    let (names, slices) = (texts(names)?, texts(slices)?);
    if names.len() != slices.len() {
        return Err(Error::invalid_argument(format!(
            "tensor_names and shape_and_slices have different number of elements: {} vs. {}",
            names.len(),
            slices.len()
        )));
    }
    Ok((prefix, names, slices))
}

fn save(ctx: &mut OpContext<'_>) -> Result<()> {
    let (prefix, names, slices) = arguments(ctx)?;
    let tensors = ctx.num_inputs() - 3;
    if names.len() != tensors {
        return Err(Error::invalid_argument(format!(
            "Got {} tensor names but {tensors} tensors.",
            names.len()
        )));
    }
    let mut writer = BundleWriter::new(&prefix)?;
    for (i, (name, slice)) in names.iter().zip(&slices).enumerate() {
        let tensor = ctx.input(i + 3)?;
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

fn restore(ctx: &mut OpContext<'_>, dtypes: &[crate::DType]) -> Result<()> {
    let (prefix, names, slices) = arguments(ctx)?;
    if names.len() != dtypes.len() {
        return Err(Error::invalid_argument(format!(
            "Got {} tensor names, but {} expected dtypes.",
            names.len(),
            dtypes.len()
        )));
    }
    let reader = CheckpointReader::open(&prefix)?;
    for (i, ((name, slice), dtype)) in names.iter().zip(&slices).zip(dtypes).enumerate() {
        let tensor = reader.restore(name, slice, *dtype)?;
        ctx.set(i, tensor)?;
    }
    Ok(())
}
