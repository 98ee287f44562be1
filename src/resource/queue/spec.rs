//! What a queue holds and how: kind, component types and shapes, capacity, and the checks on all of them.

use super::Tuple;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::shape::PartialShape;

/// The capacity of a queue without bound.
pub const UNBOUNDED: usize = i32::MAX as usize;

/// The order in which elements leave, and what shapes they may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueKind {
    /// First in, first out.
    Fifo,
    /// A random one of those present.
    RandomShuffle,
    /// First in, first out; batches are padded where shapes differ.
    PaddingFifo,
    /// The one with the smallest first component.
    Priority,
}

impl QueueKind {
    /// The name in messages, which is also that of the op.
    pub fn name(self) -> &'static str {
        match self {
            QueueKind::Fifo => "FIFOQueue",
            QueueKind::RandomShuffle => "RandomShuffleQueue",
            QueueKind::PaddingFifo => "PaddingFIFOQueue",
            QueueKind::Priority => "PriorityQueue",
        }
    }
}

/// The description of a queue.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueSpec {
    /// The kind.
    pub kind: QueueKind,
    /// The types of the components.
    pub dtypes: Vec<DType>,
    /// The shapes of the components; empty: any.
    pub shapes: Vec<PartialShape>,
    /// The most elements it holds ([`UNBOUNDED`]: no limit).
    pub capacity: usize,
    /// RandomShuffle: so many elements stay while it is open.
    pub min_after_dequeue: usize,
    /// RandomShuffle: the seeds; both zero: different every time.
    pub seeds: (i64, i64),
}

fn types_text(dtypes: &[DType]) -> String {
    let names: Vec<&str> = dtypes.iter().map(|d| d.name()).collect();
    names.join(", ")
}

fn shapes_text(shapes: &[PartialShape]) -> String {
    let texts: Vec<String> = shapes.iter().map(PartialShape::to_string).collect();
    format!("[{}]", texts.join(", "))
}

impl QueueSpec {
    /// Whether the shapes are given (fully, or as far as padding allows).
    pub fn has_shapes(&self) -> bool {
        !self.shapes.is_empty()
    }

    /// Checks the description itself.
    ///
    /// # Errors
    /// `InvalidArgument`.
    pub fn check(&self) -> Result<()> {
        let invalid = |text: String| Err(Error::invalid_argument(text));
        if self.dtypes.is_empty() {
            return invalid("a queue needs at least one component".into());
        }
        if self.kind == QueueKind::PaddingFifo && self.shapes.is_empty() {
            return invalid(format!(
                "Shapes must be provided for all components, but received {} dtypes and {} shapes.",
                self.dtypes.len(),
                self.shapes.len()
            ));
        }
        if self.has_shapes() && self.shapes.len() != self.dtypes.len() {
            return invalid(format!(
                "Different number of component types.  Types: {}, Shapes: {}",
                types_text(&self.dtypes),
                shapes_text(&self.shapes)
            ));
        }
        for shape in &self.shapes {
            if self.kind == QueueKind::PaddingFifo {
                if shape.rank().is_none() {
                    return invalid(format!("shape {shape} must have known rank."));
                }
            } else if shape.to_shape().is_none() {
                return invalid(format!("Shape {shape} is not fully defined"));
            }
        }
        if self.kind == QueueKind::RandomShuffle && self.min_after_dequeue >= self.capacity {
            return invalid(format!(
                "min_after_dequeue {} must be < capacity {}",
                self.min_after_dequeue, self.capacity
            ));
        }
        if self.kind == QueueKind::Priority && self.dtypes.first() != Some(&DType::I64) {
            return invalid("the first component of a PriorityQueue is an int64 priority".into());
        }
        Ok(())
    }

    /// Checks that another op under the same shared name wants the same queue.
    pub(super) fn matches(&self, other: &QueueSpec, name: &str, op: &str) -> Result<()> {
        let invalid = |text: String| Err(Error::invalid_argument(text));
        if self.kind != other.kind {
            return invalid(format!("Expected {}, found {op}", self.kind.name()));
        }
        if self.capacity != other.capacity {
            return invalid(format!(
                "Shared queue '{name}' has capacity {} but requested capacity was {}",
                self.capacity, other.capacity
            ));
        }
        if self.dtypes != other.dtypes {
            return invalid(format!(
                "Shared queue '{name}' has component types {} but requested component types were {}",
                types_text(&self.dtypes),
                types_text(&other.dtypes)
            ));
        }
        let compatible = match self.kind {
            QueueKind::PaddingFifo => {
                self.shapes.len() == other.shapes.len()
                    && self
                        .shapes
                        .iter()
                        .zip(&other.shapes)
                        .all(|(a, b)| a.is_compatible(b))
            }
            _ => self.shapes == other.shapes,
        };
        if !compatible {
            return invalid(format!(
                "Shared queue '{name}' has component shapes {} but requested component shapes were {}",
                shapes_text(&self.shapes),
                shapes_text(&other.shapes)
            ));
        }
        if self.min_after_dequeue != other.min_after_dequeue {
            return invalid(format!(
                "Shared queue '{name}' has min_after_dequeue {} but requested min_after_dequeue was {}.",
                self.min_after_dequeue, other.min_after_dequeue
            ));
        }
        if self.seeds != other.seeds {
            return invalid(format!(
                "Shared queue '{name}' has random seeds ({}, {}) but requested seeds are ({}, {}).",
                self.seeds.0, self.seeds.1, other.seeds.0, other.seeds.1
            ));
        }
        Ok(())
    }

    fn check_types(&self, tuple: &Tuple) -> Result<()> {
        if tuple.len() != self.dtypes.len() {
            return Err(Error::invalid_argument(format!(
                "Wrong number of components in tuple. Expected {}, got {}",
                self.dtypes.len(),
                tuple.len()
            )));
        }
        for (i, (t, d)) in tuple.iter().zip(&self.dtypes).enumerate() {
            if t.dtype() != *d {
                return Err(Error::invalid_argument(format!(
                    "Type mismatch in tuple component {i}. Expected {d}, got {}",
                    t.dtype()
                )));
            }
        }
        Ok(())
    }

    /// Checks one element.
    pub(super) fn check_tuple(&self, tuple: &Tuple) -> Result<()> {
        self.check_types(tuple)?;
        for (i, (t, expected)) in tuple.iter().zip(&self.shapes).enumerate() {
            if !expected.accepts(t.shape()) {
                return Err(shape_mismatch(i, expected, t));
            }
        }
        // Without shapes the priority may still not be anything but one number.
        match tuple.first() {
            Some(t) if self.kind == QueueKind::Priority && t.elements() != 1 => {
                Err(shape_mismatch(0, &PartialShape::scalar(), t))
            }
            _ => Ok(()),
        }
    }

    /// Checks a batch of elements and gives their number.
    pub(super) fn check_batch(&self, components: &Tuple) -> Result<usize> {
        self.check_types(components)?;
        let mut rows = None;
        for (i, t) in components.iter().enumerate() {
            let Some(n) = t.shape().dim(0) else {
                return Err(Error::invalid_argument(format!(
                    "Component {i} must be at least rank 1, got shape {}",
                    t.shape()
                )));
            };
            let rows = *rows.get_or_insert(n);
            match self.shapes.get(i) {
                Some(shape) => {
                    let expected = PartialShape::of(vec![Some(rows)]).concat(shape);
                    if !expected.accepts(t.shape()) {
                        return Err(shape_mismatch(i, &expected, t));
                    }
                }
                None if n != rows => {
                    return Err(Error::invalid_argument(format!(
                        "All input tensors must have the same size in the 0th dimension. Component {i} has {n}, and should have {rows}"
                    )));
                }
                None => {}
            }
        }
        if self.kind == QueueKind::Priority
            && let (Some(t), Some(rows)) = (components.first(), rows)
            && t.elements() != rows
        {
            return Err(shape_mismatch(0, &PartialShape::of(vec![Some(rows)]), t));
        }
        Ok(rows.unwrap_or(0))
    }
}

fn shape_mismatch(i: usize, expected: &PartialShape, got: &crate::tensor::Tensor) -> Error {
    Error::invalid_argument(format!(
        "Shape mismatch in tuple component {i}. Expected {expected}, got {}",
        got.shape()
    ))
}
