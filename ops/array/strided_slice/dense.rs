//! A strided slice resolved against a shape: ellipsis spread, new axes placed, ends clamped, bounds checked.

use super::super::strided::{Layout, Steps, steps_of};
use crate::error::{Error, Result};
use crate::op::Attrs;
use crate::shape::{Dim, Shape};

/// The bit masks of a strided slice; bit `i` speaks of entry `i`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Masks {
    /// From the start, whatever `begin` says.
    pub begin: i64,
    /// To the end, whatever `end` says.
    pub end: i64,
    /// As many full dimensions as are left; at most one bit.
    pub ellipsis: i64,
    /// A new dimension of size 1.
    pub new_axis: i64,
    /// The one index `begin`, and the dimension is dropped.
    pub shrink_axis: i64,
}

impl Masks {
    /// The masks among a node's attributes.
    ///
    /// # Errors
    /// `InvalidArgument` when one is missing.
    pub fn of(attrs: &Attrs) -> Result<Masks> {
        Ok(Masks {
            begin: attrs.int("begin_mask")?,
            end: attrs.int("end_mask")?,
            ellipsis: attrs.int("ellipsis_mask")?,
            new_axis: attrs.int("new_axis_mask")?,
            shrink_axis: attrs.int("shrink_axis_mask")?,
        })
    }
}

/// A strided slice of a tensor whose shape is known in part.
#[derive(Clone, Debug, PartialEq)]
pub struct DenseSlice {
    /// For each dimension of the input: first index, step, and number of indices (as far as known).
    pub axes: Vec<(i64, i64, Dim)>,
    /// The shape of the result, with new axes and without dropped ones.
    pub shape: Vec<Dim>,
}

/// Where a dimension of the result comes from.
enum From {
    Axis(usize),
    NewAxis,
}

/// One dimension of the input with what the entries say of it.
#[derive(Clone, Copy)]
struct Axis {
    begin: Option<i64>,
    end: Option<i64>,
    stride: i64,
    begin_mask: bool,
    end_mask: bool,
    shrink: bool,
}

const FULL: Axis = Axis {
    begin: Some(0),
    end: Some(0),
    stride: 1,
    begin_mask: true,
    end_mask: true,
    shrink: false,
};

impl DenseSlice {
    /// Resolves entries `begin[i] : end[i] : strides[i]` with masks against a shape. `None` for begins or ends
    /// that are not known yet.
    ///
    /// # Errors
    /// `InvalidArgument`, worded as TensorFlow does, for anything that does not fit.
    pub fn new(
        dims: &[Dim],
        begin: Option<&[i64]>,
        end: Option<&[i64]>,
        strides: &[i64],
        masks: Masks,
    ) -> Result<DenseSlice> {
        let entries = strides.len();
        let wrong = |v: Option<&[i64]>| v.is_some_and(|v| v.len() != entries);
        if entries >= 32 || wrong(begin) || wrong(end) {
            return Err(Error::invalid_argument(
                "Expected begin, end, and strides to be 1D equal size tensors of less than 32 elements",
            ));
        }
        if masks.ellipsis.count_ones() > 1 {
            return Err(Error::invalid_argument(
                "Multiple ellipses in slice spec not allowed",
            ));
        }
        let (axes, shape) = spread(dims.len(), begin, end, strides, masks)?;
        let known = begin.is_some() && end.is_some();
        let mut resolved = Vec::with_capacity(axes.len());
        for (i, (axis, n)) in axes.iter().zip(dims).enumerate() {
            resolved.push(axis.resolve(i, *n, known)?);
        }
        let shape = shape
            .iter()
            .map(|from| match from {
                From::Axis(i) => resolved[*i].2,
                From::NewAxis => Some(1),
            })
            .collect();
        Ok(DenseSlice {
            axes: resolved,
            shape,
        })
    }

    /// For a fully known slice of a tensor of that shape: the size of the box to copy, where it lies, and the
    /// shape of the result.
    ///
    /// # Errors
    /// `Internal` when something is not known.
    pub(crate) fn place(&self, shape: &Shape) -> Result<(Shape, Layout, Shape)> {
        let unknown = || Error::internal("a slice that is not fully known");
        let dims: Option<Vec<usize>> = self.axes.iter().map(|a| a.2).collect();
        let size = Shape::of(&dims.ok_or_else(unknown)?)?;
        let mut start = 0usize;
        let mut steps = Steps::new();
        for ((first, stride, count), step) in self.axes.iter().zip(steps_of(shape)) {
            if *count == Some(0) {
                // Nothing is copied.
                start = 0;
                steps = Steps::from_elem(0, self.axes.len());
                break;
            }
            let first = usize::try_from(*first).map_err(|_| unknown())?;
            start = start.saturating_add(first.saturating_mul(step.unsigned_abs()));
            // A step beyond the tensor is never taken: then there is only one index.
            steps.push(match count {
                Some(1) => 0,
                _ => isize::try_from(*stride).map_err(|_| unknown())? * step,
            });
        }
        let dims: Option<Vec<usize>> = self.shape.iter().copied().collect();
        Ok((
            size,
            Layout { start, steps },
            Shape::of(&dims.ok_or_else(unknown)?)?,
        ))
    }
}

/// Gives each dimension of the input its entry.
fn spread(
    rank: usize,
    begin: Option<&[i64]>,
    end: Option<&[i64]>,
    strides: &[i64],
    masks: Masks,
) -> Result<(Vec<Axis>, Vec<From>)> {
    let entries = strides.len();
    let bit = |mask: i64, i: usize| mask >> i & 1 == 1;
    let ellipsis = (0..entries).find(|i| bit(masks.ellipsis, *i));
    let added = |i: &usize| bit(masks.new_axis, *i);
    // Entries after the ellipsis that use up a dimension.
    let after = match ellipsis {
        Some(e) => (e + 1..entries).filter(|i| !added(i)).count(),
        None => 0,
    };
    let mut axes: Vec<Axis> = Vec::with_capacity(rank);
    let mut shape = Vec::new();
    let fill = |axes: &mut Vec<Axis>, shape: &mut Vec<From>, upto: usize| {
        while axes.len() < upto {
            shape.push(From::Axis(axes.len()));
            axes.push(FULL);
        }
    };
    for (i, stride) in strides.iter().enumerate() {
        if Some(i) == ellipsis {
            fill(&mut axes, &mut shape, rank.saturating_sub(after));
        } else if added(&i) {
            shape.push(From::NewAxis);
        } else {
            if axes.len() == rank {
                return Err(Error::invalid_argument(if rank == 0 {
                    "Attempting to slice scalar input.".to_string()
                } else {
                    format!("Index out of range using input dim {rank}; input has only {rank} dims")
                }));
            }
            let shrink = bit(masks.shrink_axis, i);
            if !shrink {
                shape.push(From::Axis(axes.len()));
            }
            axes.push(Axis {
                begin: begin.map(|v| v[i]),
                end: end.map(|v| v[i]),
                stride: *stride,
                begin_mask: bit(masks.begin, i),
                end_mask: bit(masks.end, i),
                shrink,
            });
        }
    }
    fill(&mut axes, &mut shape, rank);
    Ok((axes, shape))
}

impl Axis {
    /// First index, step and number of indices along a dimension of size `n`.
    fn resolve(&self, i: usize, n: Dim, known: bool) -> Result<(i64, i64, Dim)> {
        let stride = self.stride;
        if stride == 0 {
            return Err(Error::invalid_argument(format!(
                "strides[{i}] must be non-zero"
            )));
        }
        let Some(n) = n.and_then(|n| i64::try_from(n).ok()) else {
            return Ok((0, stride, self.shrink.then_some(1)));
        };
        if self.shrink && stride < 0 {
            return Err(Error::invalid_argument(
                "only stride 1 allowed on non-range indexing.",
            ));
        }
        let (begin, end) = match (self.begin, self.end) {
            (Some(b), Some(e)) if known => (b, e),
            _ if self.shrink => return Ok((0, stride, Some(1))),
            _ if self.begin_mask && self.end_mask => (0, 0),
            _ => return Ok((0, stride, None)),
        };
        let wrap = |v: i64| if v < 0 { v + n } else { v };
        if self.shrink {
            let at = wrap(begin);
            if at < 0 || at >= n {
                return Err(Error::invalid_argument(format!(
                    "slice index {at} of dimension {i} out of bounds."
                )));
            }
            return Ok((at, stride, Some(1)));
        }
        let (low, high) = if stride > 0 { (0, n) } else { (-1, n - 1) };
        let clamp = |v: i64| wrap(v).max(low).min(high);
        let forward = stride > 0;
        let first = match (self.begin_mask, forward) {
            (true, true) => low,
            (true, false) => high,
            _ => clamp(begin),
        };
        let last = match (self.end_mask, forward) {
            (true, true) => high,
            (true, false) => low,
            _ => clamp(end),
        };
        let length = last - first;
        let count = if length == 0 || (length < 0) != (stride < 0) {
            0
        } else {
            length / stride + i64::from(length % stride != 0)
        };
        Ok((first, stride, usize::try_from(count).ok()))
    }
}
