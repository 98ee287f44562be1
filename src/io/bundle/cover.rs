//! Which of a tensor's stored slices make up a part that is asked for.

use super::region::Region;
use super::slice::TensorSlice;
use crate::error::{Error, Result};
use crate::shape::Shape;

/// A stored slice that holds some of what is wanted.
pub(super) struct Piece<'a> {
    pub(super) stored: &'a TensorSlice,
    /// Where it lies in the tensor.
    pub(super) region: Region,
    /// What of it is wanted.
    pub(super) shared: Region,
}

/// The stored slices that hold all of `wanted`, a part of the tensor `name` of that full shape.
///
/// # Errors
/// `InvalidArgument` when a slice does not fit the shape, when something is missing, or is there twice.
pub(super) fn cover<'a>(
    name: &str,
    full: &Shape,
    wanted: &TensorSlice,
    stored: &'a [TensorSlice],
) -> Result<Vec<Piece<'a>>> {
    let overlapping =
        || Error::invalid_argument(format!("Overlapping slices of partitioned tensor {name}"));
    let region = wanted.region(full)?;
    let total = wanted.shape(full)?.elements();
    let mut pieces: Vec<Piece<'a>> = Vec::new();
    if total == 0 {
        return Ok(pieces);
    }
    let mut covered = 0usize;
    for stored in stored {
        let lies = stored.region(full)?;
        let Some(shared) = lies.intersect(&region) else {
            continue;
        };
        covered = covered.saturating_add(shared.0.iter().map(|s| s.length).product());
        if covered > total {
            return Err(overlapping());
        }
        pieces.push(Piece {
            stored,
            region: lies,
            shared,
        });
    }
    if covered < total {
        return Err(insufficient(name, wanted));
    }
    // As many elements as are wanted; they are all of them unless some part is there twice.
    match has_overlap(pieces.iter().map(|p| &p.shared).collect()) {
        true => Err(overlapping()),
        false => Ok(pieces),
    }
}

/// TensorFlow's error for a part of which not all is stored.
pub(super) fn insufficient(name: &str, slice: &TensorSlice) -> Error {
    Error::invalid_argument(format!(
        "Does not have sufficient slices for partitioned tensor {name} to restore in slice_spec: {slice}"
    ))
}

/// Whether any two regions of one tensor share an element. Sorted by their first dimension, only neighbours in it are
/// compared.
fn has_overlap(mut regions: Vec<&Region>) -> bool {
    let span = |r: &Region| r.0.first().map_or((0, 1), |s| (s.start, s.length));
    regions.sort_by_key(|r| span(r));
    regions.iter().enumerate().any(|(i, a)| {
        let (start, length) = span(a);
        let mut near = regions[i + 1..]
            .iter()
            .take_while(|b| span(b).0 < start + length);
        near.any(|b| a.intersect(b).is_some())
    })
}
