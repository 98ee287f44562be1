//! What a shape function sees and sets.

use super::Attrs;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;

/// What is known of the variable behind a resource handle.
pub type HandleData = Option<(DType, PartialShape)>;

/// What a shape function sees of its node, and where it puts the output shapes.
pub struct ShapeCtx<'a> {
    /// The shapes of the data inputs.
    pub inputs: &'a [PartialShape],
    /// What is known of the resources among the inputs.
    pub handles: &'a [HandleData],
    /// The node's attributes, defaults filled in.
    pub attrs: &'a Attrs,
    /// The version of what wrote the graph.
    pub producer: i32,
    /// The value of an input where the graph determines it.
    pub constant_of: &'a dyn Fn(usize) -> Option<Tensor>,
    /// An input vector read as a shape, as far as the graph determines it.
    pub shape_of: &'a dyn Fn(usize) -> PartialShape,
    /// The output shapes, unknown at first.
    pub outputs: Vec<PartialShape>,
    /// What is known of resources among the outputs.
    pub output_handles: Vec<HandleData>,
}

impl ShapeCtx<'_> {
    /// The shape of an input (unknown when there is no such input).
    pub fn input(&self, i: usize) -> PartialShape {
        self.inputs.get(i).cloned().unwrap_or_default()
    }
    /// The number of inputs.
    pub fn len(&self) -> usize {
        self.inputs.len()
    }
    /// Whether there are no inputs.
    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty()
    }
    /// Sets the shape of an output.
    pub fn set(&mut self, i: usize, shape: impl Into<PartialShape>) {
        if let Some(o) = self.outputs.get_mut(i) {
            *o = shape.into();
        }
    }
    /// The value of an input, if the graph determines it.
    pub fn constant(&self, i: usize) -> Option<Tensor> {
        (self.constant_of)(i)
    }
    /// An integer input's elements, if the graph determines them.
    ///
    /// # Errors
    /// `InvalidArgument` when it is not an integer tensor.
    pub fn constant_ints(&self, i: usize) -> Result<Option<Vec<i64>>> {
        self.constant(i).map(|t| t.to_i64s()).transpose()
    }
    /// A scalar integer input's value, if the graph determines it.
    ///
    /// # Errors
    /// `InvalidArgument` when it is not one integer.
    pub fn constant_int(&self, i: usize) -> Result<Option<i64>> {
        match self.constant_ints(i)?.as_deref() {
            None => Ok(None),
            Some([v]) => Ok(Some(*v)),
            Some(v) => Err(Error::invalid_argument(format!(
                "Input must be scalar but has {} elements",
                v.len()
            ))),
        }
    }
    /// An input vector read as a shape (-1 is an unknown size).
    ///
    /// # Errors
    /// `InvalidArgument` for sizes below -1 or an overflow.
    pub fn constant_shape(&self, i: usize) -> Result<PartialShape> {
        if let Some(v) = self.constant_ints(i)? {
            return PartialShape::from_i64(&v);
        }
        Ok((self.shape_of)(i))
    }
    /// The full shape of an input, if known.
    pub fn known(&self, i: usize) -> Option<Shape> {
        self.inputs.get(i).and_then(PartialShape::to_shape)
    }
    /// The shape of an input, checked to have that rank (if known), as a shape of that rank.
    ///
    /// # Errors
    /// `InvalidArgument` when the rank is known and different.
    pub fn with_rank(&self, i: usize, rank: usize) -> Result<PartialShape> {
        self.input(i).with_rank(rank)
    }
    /// An axis of a shape of that rank, counted from the front or the back.
    ///
    /// # Errors
    /// `InvalidArgument` outside `[-rank, rank)`.
    pub fn axis(axis: i64, rank: usize) -> Result<usize> {
        let r = rank as i64;
        if axis < -r || axis >= r {
            return Err(Error::invalid_argument(format!(
                "Expected dimension in the range [{}, {r}), but got {axis}",
                -r
            )));
        }
        Ok((if axis < 0 { axis + r } else { axis }) as usize)
    }
}
