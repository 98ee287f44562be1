//! Shapes: fully known ones of tensors, partial ones of the graph, and the checked arithmetic on both.

mod broadcast;
mod partial;

pub use broadcast::{Broadcast, broadcast_shapes, gradient_axes};
pub use partial::{Dim, PartialShape};

use crate::error::{Error, Result};
use smallvec::SmallVec;
use std::fmt;

/// The highest rank that a tensor may have (as in TensorFlow).
pub const MAX_RANK: usize = 254;

/// The shape of a tensor: sizes that are known, not negative, and whose product fits `i64`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Shape {
    dims: SmallVec<[usize; 6]>,
    elements: usize,
}

impl Shape {
    /// The shape of a scalar.
    pub fn scalar() -> Shape {
        Shape {
            dims: SmallVec::new(),
            elements: 1,
        }
    }

    /// A shape from sizes that may be anything.
    ///
    /// # Errors
    /// `InvalidArgument` for a negative size, a rank above 254, or a product beyond `i64`.
    ///
    /// ```
    /// use tensorloom::Shape;
    /// assert_eq!(Shape::new(&[2, 3]).unwrap().elements(), 6);
    /// assert!(Shape::new(&[1 << 40, 1 << 40]).is_err());
    /// ```
    pub fn new(dims: &[i64]) -> Result<Shape> {
        if let Some(d) = dims.iter().find(|d| **d < 0) {
            return Err(Error::invalid_argument(format!(
                "Dimension {d} must be >= 0"
            )));
        }
        let dims: SmallVec<[usize; 6]> = dims.iter().map(|d| *d as usize).collect();
        Shape::checked(dims)
    }

    /// A shape from unsigned sizes.
    ///
    /// # Errors
    /// As [`Shape::new`].
    pub fn of(dims: &[usize]) -> Result<Shape> {
        Shape::checked(SmallVec::from_slice(dims))
    }

    fn checked(dims: SmallVec<[usize; 6]>) -> Result<Shape> {
        if dims.len() > MAX_RANK {
            return Err(Error::invalid_argument(format!(
                "too many dimensions: must be < {MAX_RANK}, but received {}",
                dims.len()
            )));
        }
        let mut elements: usize = 1;
        let mut overflow = false;
        for d in &dims {
            match elements.checked_mul(*d) {
                Some(n) if n <= i64::MAX as usize => elements = n,
                _ => overflow = true,
            }
        }
        if overflow && dims.contains(&0) {
            elements = 0;
        } else if overflow {
            return Err(Error::invalid_argument(format!(
                "Shape {} would have more than 2**63 - 1 elements",
                DimList(&dims)
            )));
        }
        Ok(Shape { dims, elements })
    }

    /// The sizes.
    pub fn dims(&self) -> &[usize] {
        &self.dims
    }
    /// The sizes as signed numbers.
    pub fn dims_i64(&self) -> SmallVec<[i64; 6]> {
        self.dims.iter().map(|d| *d as i64).collect()
    }
    /// The number of dimensions.
    pub fn rank(&self) -> usize {
        self.dims.len()
    }
    /// The size of one dimension, if there is one of that index.
    pub fn dim(&self, i: usize) -> Option<usize> {
        self.dims.get(i).copied()
    }
    /// The number of elements.
    pub fn elements(&self) -> usize {
        self.elements
    }
    /// Whether this is the shape of a scalar.
    pub fn is_scalar(&self) -> bool {
        self.dims.is_empty()
    }
    /// Whether this is a vector's shape.
    pub fn is_vector(&self) -> bool {
        self.dims.len() == 1
    }
    /// Whether this is a matrix's shape.
    pub fn is_matrix(&self) -> bool {
        self.dims.len() == 2
    }
    /// Row-major strides in elements.
    pub fn strides(&self) -> SmallVec<[usize; 6]> {
        let mut out: SmallVec<[usize; 6]> = SmallVec::from_elem(1, self.dims.len());
        for i in (0..self.dims.len().saturating_sub(1)).rev() {
            // Saturates only for shapes with a zero dimension, of which no element is ever addressed.
            out[i] = out[i + 1].saturating_mul(self.dims[i + 1]);
        }
        out
    }
    /// The number of elements in dimensions `from..to` (their product).
    pub fn product(&self, range: std::ops::Range<usize>) -> usize {
        self.dims[range]
            .iter()
            .fold(1usize, |a, d| a.saturating_mul(*d))
    }
    /// A shape with one dimension replaced.
    ///
    /// # Errors
    /// When the product no longer fits.
    pub fn with_dim(&self, axis: usize, size: usize) -> Result<Shape> {
        let mut dims = self.dims.clone();
        if axis < dims.len() {
            dims[axis] = size;
        }
        Shape::checked(dims)
    }
    /// An axis of this shape counted from the front (`axis >= 0`) or the back (`axis < 0`).
    ///
    /// # Errors
    /// `InvalidArgument` outside `[-rank, rank)`; the words are the caller's to add.
    pub fn axis(&self, axis: i64) -> Result<usize> {
        let rank = self.dims.len() as i64;
        if axis < -rank || axis >= rank {
            return Err(Error::invalid_argument(format!(
                "Expected dimension in the range [{}, {rank}), but got {axis}",
                -rank
            )));
        }
        Ok((if axis < 0 { axis + rank } else { axis }) as usize)
    }
}

impl Default for Shape {
    fn default() -> Shape {
        Shape::scalar()
    }
}

impl TryFrom<&[i64]> for Shape {
    type Error = Error;
    fn try_from(dims: &[i64]) -> Result<Shape> {
        Shape::new(dims)
    }
}

struct DimList<'a>(&'a [usize]);
impl fmt::Display for DimList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[")?;
        for (i, d) in self.0.iter().enumerate() {
            write!(f, "{}{d}", if i > 0 { "," } else { "" })?;
        }
        write!(f, "]")
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&DimList(&self.dims), f)
    }
}
impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&DimList(&self.dims), f)
    }
}
