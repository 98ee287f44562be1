//! Shapes to and from their message.

use crate::error::{Error, Result};
use crate::proto;
use crate::shape::{PartialShape, Shape};

/// The shape that a message describes.
///
/// # Errors
/// `InvalidArgument` for sizes below -1, too many dimensions, an overflowing product, or dimensions of an
/// unknown rank.
pub fn shape_from_proto(p: &proto::TensorShapeProto) -> Result<PartialShape> {
    if p.unknown_rank {
        if !p.dim.is_empty() {
            return Err(Error::invalid_argument(
                "An unknown shape must not have any dimensions set.",
            ));
        }
        return Ok(PartialShape::unknown());
    }
    let dims: Vec<i64> = p.dim.iter().map(|d| d.size).collect();
    if dims.iter().any(|d| *d < -1) {
        return Err(Error::invalid_argument(format!(
            "Shape {} has dimensions with values below -1 (where -1 means unknown)",
            list(&dims)
        )));
    }
    PartialShape::from_i64(&dims)
}

/// The message that describes a shape.
pub fn shape_to_proto(s: &PartialShape) -> proto::TensorShapeProto {
    let dim = |size: i64| proto::tensor_shape_proto::Dim {
        size,
        name: String::new(),
    };
    proto::TensorShapeProto {
        dim: s
            .to_i64()
            .unwrap_or_default()
            .into_iter()
            .map(dim)
            .collect(),
        unknown_rank: s.rank().is_none(),
    }
}

/// The shape of a tensor, which must be known.
pub(super) fn full_shape(p: Option<&proto::TensorShapeProto>) -> Result<Shape> {
    let Some(p) = p else {
        return Ok(Shape::scalar());
    };
    if p.unknown_rank {
        return Err(Error::invalid_argument(
            "Shape <unknown> is not fully defined",
        ));
    }
    let dims: Vec<i64> = p.dim.iter().map(|d| d.size).collect();
    if dims.iter().any(|d| *d < 0) {
        return Err(Error::invalid_argument(format!(
            "Shape {} is not fully defined",
            list(&dims)
        )));
    }
    Shape::new(&dims)
}

fn list(dims: &[i64]) -> String {
    let dims: Vec<String> = dims.iter().map(i64::to_string).collect();
    format!("[{}]", dims.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_go_there_and_back() {
        for s in [
            PartialShape::unknown(),
            PartialShape::scalar(),
            PartialShape::of(vec![None, Some(0), Some(7)]),
        ] {
            assert_eq!(shape_from_proto(&shape_to_proto(&s)).unwrap(), s);
        }
    }

    #[test]
    fn bad_shapes_are_refused() {
        let shape = |dims: &[i64], unknown_rank| proto::TensorShapeProto {
            dim: dims
                .iter()
                .map(|d| proto::tensor_shape_proto::Dim {
                    size: *d,
                    name: "x".into(),
                })
                .collect(),
            unknown_rank,
        };
        assert!(shape_from_proto(&shape(&[2, -2], false)).is_err());
        assert!(shape_from_proto(&shape(&[i64::MIN], false)).is_err());
        assert!(shape_from_proto(&shape(&[1 << 40, -1, 1 << 40], false)).is_err());
        assert!(shape_from_proto(&shape(&[1; 255], false)).is_err());
        assert!(shape_from_proto(&shape(&[1], true)).is_err());
        assert!(full_shape(Some(&shape(&[], true))).is_err());
        assert!(full_shape(Some(&shape(&[-1], false))).is_err());
        assert_eq!(full_shape(None).unwrap(), Shape::scalar());
    }
}
