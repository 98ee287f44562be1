//! Partial shapes: unknown rank, unknown dimensions, and how two of them merge.

use super::{MAX_RANK, Shape};
use crate::error::{Error, Result};
use std::fmt;

/// One dimension of a partial shape: its size, or `None` when unknown.
pub type Dim = Option<usize>;

/// A shape as far as it is known while a graph is built.
///
/// ```
/// use tensorloom::PartialShape;
/// let a = PartialShape::from([None, Some(3)]);
/// let b = PartialShape::from([Some(2), None]);
/// assert_eq!(a.merge(&b).unwrap().to_string(), "[2,3]");
/// assert!(PartialShape::unknown().merge(&a).unwrap() == a);
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct PartialShape(Option<Vec<Dim>>);

impl PartialShape {
    /// A shape of unknown rank.
    pub fn unknown() -> PartialShape {
        PartialShape(None)
    }
    /// The shape of a scalar.
    pub fn scalar() -> PartialShape {
        PartialShape(Some(Vec::new()))
    }
    /// A vector of that size.
    pub fn vector(size: Dim) -> PartialShape {
        PartialShape(Some(vec![size]))
    }
    /// A shape of known rank.
    pub fn of(dims: impl Into<Vec<Dim>>) -> PartialShape {
        PartialShape(Some(dims.into()))
    }
    /// A shape of known rank with all dimensions unknown.
    pub fn of_rank(rank: usize) -> PartialShape {
        PartialShape(Some(vec![None; rank]))
    }
    /// From wire sizes, where -1 is an unknown dimension.
    ///
    /// # Errors
    /// `InvalidArgument` for a size below -1 or a rank above 254 or an overflowing product.
    pub fn from_i64(dims: &[i64]) -> Result<PartialShape> {
        if dims.len() > MAX_RANK {
            return Err(Error::invalid_argument(format!(
                "too many dimensions: must be < {MAX_RANK}, but received {}",
                dims.len()
            )));
        }
        let known: Vec<i64> = dims.iter().copied().filter(|d| *d != -1).collect();
        if let Some(d) = known.iter().find(|d| **d < 0) {
            return Err(Error::invalid_argument(format!(
                "Dimension {d} must be >= -1"
            )));
        }
        Shape::new(&known)?;
        Ok(PartialShape(Some(
            dims.iter().map(|d| usize::try_from(*d).ok()).collect(),
        )))
    }

    /// The dimensions, when the rank is known.
    pub fn dims(&self) -> Option<&[Dim]> {
        self.0.as_deref()
    }
    /// The rank, when known.
    pub fn rank(&self) -> Option<usize> {
        self.0.as_ref().map(Vec::len)
    }
    /// One dimension: `None` when it or the rank is unknown, or when there is none of that index.
    pub fn dim(&self, i: usize) -> Dim {
        self.0.as_ref().and_then(|d| d.get(i).copied().flatten())
    }
    /// Whether the rank is known to be 0.
    pub fn is_scalar(&self) -> bool {
        self.rank() == Some(0)
    }
    /// The full shape, when everything is known.
    pub fn to_shape(&self) -> Option<Shape> {
        let dims: Option<Vec<usize>> = self.0.as_ref()?.iter().copied().collect();
        Shape::of(&dims?).ok()
    }
    /// Whether everything is known.
    pub fn is_fully_known(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|d| d.iter().all(Option::is_some))
    }
    /// The number of elements, when known.
    pub fn elements(&self) -> Option<usize> {
        self.to_shape().map(|s| s.elements())
    }
    /// Whether a tensor of that shape may stand where this is expected.
    pub fn accepts(&self, shape: &Shape) -> bool {
        match &self.0 {
            None => true,
            Some(dims) => {
                dims.len() == shape.rank()
                    && dims
                        .iter()
                        .zip(shape.dims())
                        .all(|(p, d)| p.is_none_or(|p| p == *d))
            }
        }
    }
    /// Whether some tensor could have both shapes.
    pub fn is_compatible(&self, other: &PartialShape) -> bool {
        self.merge(other).is_ok()
    }
    /// What is known from both.
    ///
    /// # Errors
    /// `InvalidArgument` when they contradict each other.
    pub fn merge(&self, other: &PartialShape) -> Result<PartialShape> {
        let (a, b) = match (&self.0, &other.0) {
            (None, _) => return Ok(other.clone()),
            (_, None) => return Ok(self.clone()),
            (Some(a), Some(b)) => (a, b),
        };
        if a.len() != b.len() {
            return Err(Error::invalid_argument(format!(
                "Shapes must be equal rank, but are {} and {}",
                a.len(),
                b.len()
            )));
        }
        let mut dims = Vec::with_capacity(a.len());
        for (i, (x, y)) in a.iter().zip(b).enumerate() {
            dims.push(match (x, y) {
                (None, d) | (d, None) => *d,
                (Some(x), Some(y)) if x == y => Some(*x),
                (Some(x), Some(y)) => {
                    return Err(Error::invalid_argument(format!(
                        "Dimension {i} in both shapes must be equal, but are {x} and {y}. Shapes are {self} and {other}."
                    )));
                }
            });
        }
        Ok(PartialShape(Some(dims)))
    }
    /// What holds of both (for values that may come from either).
    pub fn relax(&self, other: &PartialShape) -> PartialShape {
        match (&self.0, &other.0) {
            (Some(a), Some(b)) if a.len() == b.len() => PartialShape(Some(
                a.iter()
                    .zip(b)
                    .map(|(x, y)| if x == y { *x } else { None })
                    .collect(),
            )),
            _ => PartialShape(None),
        }
    }
    /// Checks the rank, if it is known, and gives a shape of that rank.
    ///
    /// # Errors
    /// `InvalidArgument` "Shape must be rank 2 but is rank 1".
    pub fn with_rank(&self, rank: usize) -> Result<PartialShape> {
        match self.rank() {
            None => Ok(PartialShape::of_rank(rank)),
            Some(r) if r == rank => Ok(self.clone()),
            Some(r) => Err(Error::invalid_argument(format!(
                "Shape must be rank {rank} but is rank {r}"
            ))),
        }
    }
    /// Checks that the rank, if known, is at least that.
    ///
    /// # Errors
    /// `InvalidArgument` "Shape must be at least rank 2 but is rank 1".
    pub fn with_rank_at_least(&self, rank: usize) -> Result<&PartialShape> {
        match self.rank() {
            Some(r) if r < rank => Err(Error::invalid_argument(format!(
                "Shape must be at least rank {rank} but is rank {r}"
            ))),
            _ => Ok(self),
        }
    }
    /// This shape followed by another.
    pub fn concat(&self, other: &PartialShape) -> PartialShape {
        match (&self.0, &other.0) {
            (Some(a), Some(b)) => PartialShape(Some(a.iter().chain(b).copied().collect())),
            _ => PartialShape(None),
        }
    }
    /// The sizes with -1 for unknown ones, when the rank is known.
    pub fn to_i64(&self) -> Option<Vec<i64>> {
        self.0
            .as_ref()
            .map(|d| d.iter().map(|d| d.map_or(-1, |d| d as i64)).collect())
    }
}

impl From<Shape> for PartialShape {
    fn from(s: Shape) -> PartialShape {
        PartialShape::from(&s)
    }
}
impl From<&Shape> for PartialShape {
    fn from(s: &Shape) -> PartialShape {
        PartialShape(Some(s.dims().iter().map(|d| Some(*d)).collect()))
    }
}
impl<const N: usize> From<[Dim; N]> for PartialShape {
    fn from(dims: [Dim; N]) -> PartialShape {
        PartialShape(Some(dims.to_vec()))
    }
}
impl<const N: usize> From<[usize; N]> for PartialShape {
    fn from(dims: [usize; N]) -> PartialShape {
        PartialShape(Some(dims.iter().map(|d| Some(*d)).collect()))
    }
}
impl From<&[usize]> for PartialShape {
    fn from(dims: &[usize]) -> PartialShape {
        PartialShape(Some(dims.iter().map(|d| Some(*d)).collect()))
    }
}
impl From<()> for PartialShape {
    fn from(_: ()) -> PartialShape {
        PartialShape::scalar()
    }
}

impl fmt::Display for PartialShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("<unknown>"),
            Some(dims) => {
                f.write_str("[")?;
                for (i, d) in dims.iter().enumerate() {
                    f.write_str(if i > 0 { "," } else { "" })?;
                    match d {
                        Some(d) => write!(f, "{d}")?,
                        None => f.write_str("?")?,
                    }
                }
                f.write_str("]")
            }
        }
    }
}
impl fmt::Debug for PartialShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
