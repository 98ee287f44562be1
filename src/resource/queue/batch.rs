//! The elements that a dequeue of many took, and their assembly into one tensor for each component.

use super::attempt::has_padding;
use super::{Queue, QueueKind, Tuple};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::shape::Shape;
use crate::tensor::{Bytes, Tensor};
use smallvec::SmallVec;
use std::sync::Arc;

/// Elements, in the order in which they left the queue.
pub struct Batch(Vec<Tuple>);

impl Batch {
    pub(super) fn new(elements: Vec<Tuple>) -> Batch {
        Batch(elements)
    }
    /// The number of elements.
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// The elements.
    pub fn into_elements(self) -> Vec<Tuple> {
        self.0
    }

    /// One tensor for each component of the queue, with the elements as rows: each copied once, into a buffer of
    /// the pool. A padding queue fills up what is shorter than the longest.
    ///
    /// # Errors
    /// `ResourceExhausted` when the batch does not fit in memory; `InvalidArgument` when it has too many elements.
    pub fn stack(self, queue: &Queue) -> Result<Vec<Tensor>> {
        let spec = queue.spec();
        let n = self.0.len();
        let mut out = Vec::with_capacity(spec.dtypes.len());
        for (i, dtype) in spec.dtypes.iter().enumerate() {
            let declared = spec.shapes.get(i).and_then(|s| s.dims().map(<[_]>::to_vec));
            let declared = declared.ok_or_else(|| Error::internal("a batch without shapes"))?;
            let mut dims: SmallVec<[usize; 6]> = SmallVec::from_elem(n, 1);
            for (axis, d) in declared.iter().enumerate() {
                let longest = || {
                    let sizes = self.0.iter().filter_map(|t| t.get(i)?.shape().dim(axis));
                    sizes.max().unwrap_or(0)
                };
                dims.push(d.unwrap_or_else(longest));
            }
            let parts: Option<Vec<&Tensor>> = self.0.iter().map(|t| t.get(i)).collect();
            let parts = parts.ok_or_else(|| Error::internal("an element lacks a component"))?;
            let shape = Shape::of(&dims)?;
            let row = Shape::of(&dims[1..])?;
            let pad =
                spec.kind == QueueKind::PaddingFifo && parts.iter().any(|p| *p.shape() != row);
            if !pad && let Some(p) = parts.iter().find(|p| *p.shape() != row) {
                return Err(Error::internal(format!(
                    "an element of shape {} in a batch of {row}",
                    p.shape()
                )));
            }
            out.push(match (dtype, pad) {
                (DType::String, true) => pad_strings(&parts, shape, &row)?,
                (_, true) if has_padding(*dtype) => pad_plain(&parts, *dtype, shape, &row)?,
                (_, true) => {
                    return Err(Error::unimplemented(format!(
                        "{dtype} elements cannot be padded"
                    )));
                }
                (_, false) => stack_equal(&parts, *dtype, shape)?,
            });
        }
        Ok(out)
    }
}

fn stack_equal(parts: &[&Tensor], dtype: DType, shape: Shape) -> Result<Tensor> {
    match dtype {
        DType::String => {
            let mut all: Vec<Bytes> = Vec::with_capacity(shape.elements());
            for p in parts {
                all.extend_from_slice(p.strings()?);
            }
            Tensor::from_strings(shape, all)
        }
        DType::Resource => {
            let mut all = Vec::with_capacity(shape.elements());
            for p in parts {
                all.extend_from_slice(p.handles()?);
            }
            Tensor::from_handles(shape, all)
        }
        _ => {
            if let [one] = parts {
                return one.reshaped(shape);
            }
            let mut out = Tensor::alloc(dtype, shape)?;
            let mut rest = out.bytes_mut()?;
            for p in parts {
                let (here, after) = rest.split_at_mut(p.byte_size());
                here.copy_from_slice(p.bytes()?);
                rest = after;
            }
            Ok(out)
        }
    }
}

/// Calls `copy(from, to, len)` for each run of elements of `part` that stays together in a row of shape `row`.
fn runs(part: &Shape, row: &Shape, mut copy: impl FnMut(usize, usize, usize)) {
    let rank = part.rank();
    if rank == 0 || part.elements() == 0 {
        if part.elements() == 1 {
            copy(0, 0, 1);
        }
        return;
    }
    let len = part.dims()[rank - 1];
    let strides = row.strides();
    let mut index: SmallVec<[usize; 6]> = SmallVec::from_elem(0, rank - 1);
    let mut from = 0;
    loop {
        let to: usize = index.iter().zip(&strides).map(|(i, s)| i * s).sum();
        copy(from, to, len);
        from += len;
        let mut axis = rank - 1;
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            index[axis] += 1;
            if index[axis] < part.dims()[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
}

fn pad_plain(parts: &[&Tensor], dtype: DType, shape: Shape, row: &Shape) -> Result<Tensor> {
    let mut out = Tensor::zeros(dtype, shape)?;
    let size = dtype.size();
    let row_bytes = row.elements() * size;
    let bytes = out.bytes_mut()?;
    for (i, p) in parts.iter().enumerate() {
        let here = &mut bytes[i * row_bytes..(i + 1) * row_bytes];
        let source = p.bytes()?;
        runs(p.shape(), row, |from, to, len| {
            here[to * size..(to + len) * size]
                .copy_from_slice(&source[from * size..(from + len) * size]);
        });
    }
    Ok(out)
}

fn pad_strings(parts: &[&Tensor], shape: Shape, row: &Shape) -> Result<Tensor> {
    let empty: Bytes = Arc::from(&[][..]);
    let mut all = vec![empty; shape.elements()];
    let n = row.elements();
    for (i, p) in parts.iter().enumerate() {
        let here = &mut all[i * n..(i + 1) * n];
        let source = p.strings()?;
        runs(p.shape(), row, |from, to, len| {
            here[to..to + len].clone_from_slice(&source[from..from + len]);
        });
    }
    Tensor::from_strings(shape, all)
}
