//! Launches of the CUDA kernels that move elements: boxes of any steps, fillings, rows by number.

use super::strided::BoxCopy;
use crate::device::cuda::{Arg, Gpu, Source, source_file};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::ops::math::cuda::{SIZES, index_name, of_size, run, words};
use crate::shape::Shape;
use crate::tensor::Tensor;
use std::sync::Arc;

pub(crate) static MOVEMENT: Source = Source {
    name: "array/movement",
    files: &[source_file!("ops/array/movement.cu")],
    types: SIZES,
};

/// The plain types that lie in device memory; int32 stays on the host, since it counts and indexes.
pub(crate) const ON_GPU: &[DType] = &[
    DType::F32,
    DType::F64,
    DType::U8,
    DType::I16,
    DType::I8,
    DType::C64,
    DType::I64,
    DType::Bool,
    DType::BF16,
    DType::U16,
    DType::C128,
    DType::F16,
    DType::U32,
    DType::U64,
];
/// The type that stays on the host also where the node is on a GPU, as in TensorFlow.
pub(crate) const INT32: &[DType] = &[DType::I32];

/// Dimensions of a box, after those that lie one in the other on both sides are merged.
const RANK: usize = 12;

/// Copies a box that lies within both tensors.
///
/// # Errors
/// `Unimplemented` for more dimensions than the kernel walks.
pub(super) fn copy_box(gpu: &Gpu, copy: &BoxCopy, from: &Tensor, to: &Tensor) -> Result<()> {
    // Size, step on the one side, step on the other.
    let mut dims: Vec<(usize, isize, isize)> = Vec::new();
    let sides = copy.from.steps.iter().zip(&copy.to.steps);
    for (n, (a, b)) in copy.dims.iter().zip(sides).filter(|(n, _)| **n != 1) {
        match dims.last_mut() {
            Some(d) if steps_over(*n, *a, d.1) && steps_over(*n, *b, d.2) => {
                *d = (d.0 * n, *a, *b);
            }
            _ => dims.push((*n, *a, *b)),
        }
    }
    if dims.len() > RANK {
        return Err(Error::unimplemented(format!(
            "moving elements along {} dimensions on a GPU",
            dims.len()
        )));
    }
    let n: usize = dims.iter().map(|d| d.0).product();
    let mut fields = vec![0i64; 3 * RANK];
    for (i, (size, a, b)) in dims.iter().enumerate() {
        fields[i] = *size as i64;
        fields[RANK + i] = *a as i64;
        fields[2 * RANK + i] = *b as i64;
    }
    let starts = [copy.from.start as i64, copy.to.start as i64];
    let layout = words([dims.len() as i64].into_iter().chain(fields).chain(starts));
    let args = [
        from.device_ptr()?,
        to.device_ptr()?,
        Arg::I64(n as i64),
        layout,
    ];
    // SAFETY: the arguments are the kernel's; the box lies within both tensors, as the caller checked.
    unsafe { run(gpu, (&MOVEMENT, of_size(to.dtype())?), "move", n, args) }
}

/// Whether an outer step goes over a whole inner dimension.
fn steps_over(n: usize, inner: isize, outer: isize) -> bool {
    isize::try_from(n).ok().and_then(|n| n.checked_mul(inner)) == Some(outer)
}

/// A tensor of one value everywhere.
///
/// # Errors
/// `ResourceExhausted` when there is no memory; those of [`fill`].
pub(crate) fn filled(gpu: &Arc<Gpu>, shape: Shape, value: &Tensor) -> Result<Tensor> {
    let out = Tensor::alloc_on(gpu, value.dtype(), shape)?;
    fill(gpu, &out, value)?;
    Ok(out)
}

/// Writes the only element of a tensor, of the host or of the GPU, to every place of another.
///
/// # Errors
/// `Internal` when there is not exactly one of that type.
pub(crate) fn fill(gpu: &Gpu, out: &Tensor, value: &Tensor) -> Result<()> {
    let (n, size) = (out.elements(), out.dtype().size());
    if value.elements() != 1 || value.dtype() != out.dtype() {
        return Err(Error::internal("one element was expected"));
    }
    let source = (&MOVEMENT, of_size(out.dtype())?);
    let count = Arg::I64(n as i64);
    if value.is_on_gpu() {
        let args = [value.device_ptr()?, out.device_ptr()?, count];
        // SAFETY: the arguments are the kernel's; one element is read, `n` are written.
        return unsafe { run(gpu, source, "repeat", n, args) };
    }
    let mut bytes = [0u8; 16];
    bytes
        .get_mut(..size)
        .ok_or_else(|| Error::internal("an element of that size"))?
        .copy_from_slice(value.bytes()?);
    let bits = u128::from_ne_bytes(bytes);
    let [low, high] = [bits as u64, (bits >> 64) as u64].map(Arg::U64);
    let args = [out.device_ptr()?, low, high, count];
    // SAFETY: the arguments are the kernel's; `n` elements are written.
    unsafe { run(gpu, source, "fill", n, args) }
}

/// Sizes of a gather.
pub(super) struct Rows {
    /// Rows of a table.
    pub(super) rows: usize,
    /// Elements of a row.
    pub(super) row: usize,
    /// Tables from which the same rows are taken.
    pub(super) outer: usize,
    /// How many are taken.
    pub(super) picked: usize,
}

/// Rows by number, zeros for those that do not exist: a GPU cannot refuse them.
pub(super) fn gather(
    gpu: &Gpu,
    params: &Tensor,
    indices: &Tensor,
    out: &Tensor,
    sizes: &Rows,
) -> Result<()> {
    let n = out.elements();
    let name = format!("gather_{}", index_name(indices.dtype())?);
    let source = (&MOVEMENT, of_size(out.dtype())?);
    let sizes = [sizes.rows, sizes.row, sizes.outer, sizes.picked, n];
    let [rows, row, outer, picked, count] = sizes.map(|v| Arg::I64(v as i64));
    let [params, indices] = [params.device_ptr()?, indices.device_ptr()?];
    let args = [
        params,
        indices,
        out.device_ptr()?,
        rows,
        row,
        outer,
        picked,
        count,
    ];
    // SAFETY: the arguments are the kernel's; the result has `n` elements, and rows that do not exist are not read.
    unsafe { run(gpu, source, &name, n, args) }
}
