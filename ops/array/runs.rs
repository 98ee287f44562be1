//! Copies of runs of elements by number: the engine of gathers, scatters, partitions and the like.

use super::items::Item;
use crate::device::cpu::ThreadPool;
use crate::error::{Error, Result};
use crate::shape::Shape;
use std::fmt::Display;

/// About so many elements make a block of parallel work.
const BLOCK: usize = 1 << 13;

/// Run `i` of `dst` becomes run `from[i]` of `src`; all runs have `len` elements.
///
/// # Errors
/// `Internal` when a run does not exist: kernels check their indices before.
pub(crate) fn take_runs<E: Item>(
    pool: &ThreadPool,
    src: &[E],
    len: usize,
    from: &[usize],
    dst: &mut [E],
) -> Result<()> {
    let beyond = || Error::internal("a run beyond its tensor");
    if from.len().checked_mul(len) != Some(dst.len()) {
        return Err(beyond());
    }
    if len == 0 {
        return Ok(());
    }
    let runs = src.len() / len;
    if from.iter().any(|i| *i >= runs) {
        return Err(beyond());
    }
    let each = BLOCK.div_ceil(len);
    if from.len() <= each {
        for (out, i) in dst.chunks_exact_mut(len).zip(from) {
            copy(out, &src[i * len..(i + 1) * len]);
        }
        return Ok(());
    }
    let parts: Vec<parking_lot::Mutex<&mut [E]>> = dst
        .chunks_mut(each * len)
        .map(parking_lot::Mutex::new)
        .collect();
    pool.parallel_for(parts.len(), &|part| {
        let mut out = parts[part].lock();
        let from = &from[part * each..];
        for (out, i) in out.chunks_exact_mut(len).zip(from) {
            copy(out, &src[i * len..(i + 1) * len]);
        }
    });
    Ok(())
}

/// Run `to[i]` of `dst` becomes run `i` of `src`, in order: the last one stays.
///
/// # Errors
/// `Internal` when a run does not exist: kernels check their indices before.
pub(crate) fn put_runs<E: Item>(src: &[E], len: usize, to: &[usize], dst: &mut [E]) -> Result<()> {
    if len == 0 {
        return Ok(());
    }
    for (run, i) in src.chunks_exact(len).zip(to) {
        let out = i
            .checked_mul(len)
            .and_then(|start| dst.get_mut(start..start.checked_add(len)?))
            .ok_or_else(|| Error::internal("a run beyond its tensor"))?;
        copy(out, run);
    }
    Ok(())
}

#[inline(always)]
fn copy<E: Item>(out: &mut [E], run: &[E]) {
    match (out, run) {
        ([o], [r]) => *o = r.clone(),
        (out, run) => out.clone_from_slice(run),
    }
}

/// The indices in brackets of element `i` of a tensor of that shape; nothing for a scalar.
pub(crate) fn position(shape: &Shape, mut i: usize) -> String {
    let mut parts = vec![0; shape.rank()];
    for (p, d) in parts.iter_mut().zip(shape.dims()).rev() {
        *p = i % (*d).max(1);
        i /= (*d).max(1);
    }
    if parts.is_empty() {
        String::new()
    } else {
        format!("[{}]", list(&parts))
    }
}

/// Numbers separated by commas.
pub(crate) fn list<T: Display>(values: &[T]) -> String {
    let text: Vec<String> = values.iter().map(T::to_string).collect();
    text.join(",")
}

/// Indices that must lie in `0..limit`, with TensorFlow's words when one does not.
///
/// # Errors
/// `InvalidArgument` "indices[0] = 5 is not in [0, 2)".
pub(crate) fn checked_indices(
    name: &str,
    shape: &Shape,
    values: &[i64],
    limit: usize,
) -> Result<Vec<usize>> {
    let mut out = Vec::with_capacity(values.len());
    for (i, v) in values.iter().enumerate() {
        match usize::try_from(*v) {
            Ok(v) if v < limit => out.push(v),
            _ => {
                return Err(Error::invalid_argument(format!(
                    "{name}{} = {v} is not in [0, {limit})",
                    position(shape, i)
                )));
            }
        }
    }
    Ok(out)
}
