//! ReadFile, WriteFile, MatchingFiles.

use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::io;
use crate::kernel::{AnyKernel, KernelDef, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx, infer};
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use crate::tensor::{Bytes, Tensor};
use std::path::{Path, PathBuf};

pub(crate) static READ_FILE: OpEntry = OpEntry {
    def: OpDef {
        signature: "ReadFile(filename:string) -> (contents:string)",
        attrs: "",
        flags: Flags::PURE,
        infer: read,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
            let path = path(ctx, 0)?;
            let content = std::fs::read(&path).map_err(|e| Error::io(&path, &e))?;
            ctx.set(0, Tensor::string(content))
        }))
    })],
};

pub(crate) static WRITE_FILE: OpEntry = OpEntry {
    def: OpDef {
        signature: "WriteFile(filename:string, contents:string) -> ()",
        attrs: "",
        flags: Flags::STATEFUL,
        infer: written,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
            let path = path(ctx, 0)?;
            let content = scalar(ctx, 1, "Contents")?;
            if let Some(dir) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
                std::fs::create_dir_all(dir).map_err(|e| Error::io(dir, &e))?;
            }
            io::write_atomic(&path, &content)
        }))
    })],
};

pub(crate) static MATCHING_FILES: OpEntry = OpEntry {
    def: OpDef {
        signature: "MatchingFiles(pattern:string) -> (filenames:string)",
        attrs: "",
        flags: Flags::PURE,
        infer: vector,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
            let patterns = ctx.input(0)?;
            if patterns.shape().rank() > 1 {
                return Err(Error::invalid_argument(format!(
                    "Input patterns tensor must be scalar or vector, but had shape: {}",
                    patterns.shape()
                )));
            }
            let mut found: Vec<String> = Vec::new();
            for pattern in patterns.strings()? {
                let pattern = std::str::from_utf8(pattern)
                    .map_err(|_| Error::invalid_argument("a pattern is not valid UTF-8"))?;
                found.extend(io::matching_files(pattern)?);
            }
            found.sort();
            let names: Vec<Bytes> = found.iter().map(|f| Bytes::from(f.as_bytes())).collect();
            let shape = Shape::of(&[names.len()])?;
            ctx.set(0, Tensor::from_strings(shape, names)?)
        }))
    })],
};

fn read(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ctx.with_rank(0, 0)?;
    infer::scalar(ctx)
}
fn written(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ctx.with_rank(0, 0)?;
    ctx.with_rank(1, 0).map(|_| ())
}
fn vector(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ctx.set(0, PartialShape::vector(None));
    Ok(())
}

fn scalar(ctx: &OpContext<'_>, i: usize, what: &str) -> Result<Bytes> {
    let t = ctx.input(i)?;
    if !t.shape().is_scalar() {
        return Err(Error::invalid_argument(format!(
            "{what} tensor must be scalar, but had shape: {}",
            t.shape()
        )));
    }
    t.to_bytes().cloned()
}

fn path(ctx: &OpContext<'_>, i: usize) -> Result<PathBuf> {
    let bytes = scalar(ctx, i, "Input filename")?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Error::invalid_argument("a file name is not valid UTF-8"))?;
    Ok(Path::new(text).to_path_buf())
}
