//! Broadcasting: the common shape of two operands, index strides for it, and the axes that a gradient sums over.

use super::{Dim, PartialShape, Shape};
use crate::error::{Error, Result};

/// How two operands combine element by element.
///
/// Adjacent dimensions that broadcast alike are merged, so that kernels walk as few loops as possible.
#[derive(Clone, Debug, PartialEq)]
pub struct Broadcast {
    /// The shape of the result.
    pub shape: Shape,
    /// The result's sizes after merging, outermost first.
    pub dims: Vec<usize>,
    /// Strides in elements of the left operand along `dims` (0 where it is repeated).
    pub left: Vec<usize>,
    /// Strides in elements of the right operand along `dims` (0 where it is repeated).
    pub right: Vec<usize>,
}

impl Broadcast {
    /// Combines two shapes.
    ///
    /// # Errors
    /// `InvalidArgument` `"Incompatible shapes: [2] vs. [3]"`.
    pub fn new(a: &Shape, b: &Shape) -> Result<Broadcast> {
        let incompatible = || Error::invalid_argument(format!("Incompatible shapes: {a} vs. {b}"));
        let rank = a.rank().max(b.rank());
        let at = |s: &Shape, i: usize| {
            let missing = rank - s.rank();
            if i < missing {
                1
            } else {
                s.dims()[i - missing]
            }
        };
        let mut out = Vec::with_capacity(rank);
        for i in 0..rank {
            let (x, y) = (at(a, i), at(b, i));
            out.push(match (x, y) {
                (x, y) if x == y => x,
                (1, y) => y,
                (x, 1) => x,
                _ => return Err(incompatible()),
            });
        }
        let shape = Shape::of(&out)?;
        let (mut dims, mut left, mut right) = (Vec::new(), Vec::new(), Vec::new());
        let (mut stride_a, mut stride_b) = (1usize, 1usize);
        let mut previous = None;
        for i in (0..rank).rev() {
            let (x, y, n) = (at(a, i), at(b, i), out[i]);
            if n == 1 {
                continue;
            }
            let kind = (x == 1, y == 1);
            if previous == Some(kind) {
                if let Some(last) = dims.last_mut() {
                    *last *= n;
                }
            } else {
                dims.push(n);
                left.push(if x == 1 { 0 } else { stride_a });
                right.push(if y == 1 { 0 } else { stride_b });
                previous = Some(kind);
            }
            stride_a = stride_a.saturating_mul(x);
            stride_b = stride_b.saturating_mul(y);
        }
        dims.reverse();
        left.reverse();
        right.reverse();
        Ok(Broadcast {
            shape,
            dims,
            left,
            right,
        })
    }
}

/// The common partial shape of two operands.
///
/// # Errors
/// `InvalidArgument` when known dimensions cannot be combined.
pub fn broadcast_shapes(a: &PartialShape, b: &PartialShape) -> Result<PartialShape> {
    let (Some(x), Some(y)) = (a.dims(), b.dims()) else {
        return Ok(PartialShape::unknown());
    };
    let rank = x.len().max(y.len());
    let at = |d: &[Dim], i: usize| {
        let missing = rank - d.len();
        if i < missing { Some(1) } else { d[i - missing] }
    };
    let mut out: Vec<Dim> = Vec::with_capacity(rank);
    for i in 0..rank {
        out.push(match (at(x, i), at(y, i)) {
            (Some(m), Some(n)) if m == n => Some(m),
            (Some(1), d) | (d, Some(1)) => d,
            // A size above 1 decides: the unknown one must be 1 or equal.
            (Some(m), None) | (None, Some(m)) => Some(m),
            (None, None) => None,
            (Some(m), Some(n)) => {
                return Err(Error::invalid_argument(format!(
                    "Dimensions must be equal, but are {m} and {n} (shapes {a} and {b})"
                )));
            }
        });
    }
    Ok(PartialShape::of(out))
}

/// The axes over which the gradient of each operand is summed (TensorFlow's `BroadcastGradientArgs`).
///
/// # Errors
/// `InvalidArgument` "Incompatible shapes: …".
pub fn gradient_axes(a: &[i64], b: &[i64]) -> Result<(Vec<i64>, Vec<i64>)> {
    if a == b {
        return Ok((Vec::new(), Vec::new()));
    }
    let rank = a.len().max(b.len());
    let at = |d: &[i64], i: usize| {
        let missing = rank - d.len();
        if i < missing { 1 } else { d[i - missing] }
    };
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for i in 0..rank {
        match (at(a, i), at(b, i)) {
            (1, 1) => {
                left.push(i as i64);
                right.push(i as i64);
            }
            (x, y) if x == y => {}
            (1, _) => left.push(i as i64),
            (_, 1) => right.push(i as i64),
            _ => {
                let list = |d: &[i64]| d.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
                return Err(Error::invalid_argument(format!(
                    "Incompatible shapes: [{}] vs. [{}]",
                    list(a),
                    list(b)
                )));
            }
        }
    }
    Ok((left, right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merges_dimensions_that_broadcast_alike() {
        let s = |d: &[i64]| Shape::new(d).unwrap();
        let b = Broadcast::new(&s(&[2, 3, 4]), &s(&[4])).unwrap();
        assert_eq!(
            (b.dims, b.left, b.right),
            (vec![6, 4], vec![4, 1], vec![0, 1])
        );
        let b = Broadcast::new(&s(&[2, 3, 4]), &s(&[2, 3, 4])).unwrap();
        assert_eq!((b.dims, b.left, b.right), (vec![24], vec![1], vec![1]));
        let b = Broadcast::new(&s(&[2, 1, 4]), &s(&[1, 3, 1])).unwrap();
        assert_eq!(
            (b.dims, b.left, b.right),
            (vec![2, 3, 4], vec![4, 0, 1], vec![0, 1, 0])
        );
        assert_eq!(
            Broadcast::new(&s(&[0, 3]), &s(&[1])).unwrap().shape,
            s(&[0, 3])
        );
        assert!(Broadcast::new(&s(&[2]), &s(&[3])).is_err());
    }

    #[test]
    fn gradient_axes_give_ones_to_both() {
        assert_eq!(gradient_axes(&[2, 1], &[2, 1]).unwrap(), (vec![], vec![]));
        assert_eq!(
            gradient_axes(&[2, 1], &[1, 1]).unwrap(),
            (vec![1], vec![0, 1])
        );
        assert_eq!(gradient_axes(&[3], &[2, 3]).unwrap(), (vec![0], vec![]));
        assert!(gradient_axes(&[2], &[3]).is_err());
    }
}
