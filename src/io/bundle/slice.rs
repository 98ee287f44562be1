//! Parts of tensors: the slice of each dimension, its text form, and how a part is copied out of or into a whole.

use super::ordered;
use super::region::{Region, Span};
use crate::error::{Error, Result};
use crate::proto::TensorSliceProto;
use crate::proto::tensor_slice_proto::{Extent as ExtentProto, extent::HasLength};
use crate::shape::Shape;
use smallvec::SmallVec;
use std::fmt;

/// What a slice takes of one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Full,
    /// `length` elements from `start` on; `start` is not negative, `length` is positive, and their sum fits.
    Part {
        /// The first element.
        start: i64,
        /// How many elements.
        length: i64,
    },
}

/// A part of a tensor: an extent for each dimension.
///
/// ```
/// use tensorloom::{Shape, io::TensorSlice};
/// let slice = TensorSlice::parse("0,2:-").unwrap();
/// assert_eq!(slice.shape(&Shape::of(&[4, 5]).unwrap()).unwrap().dims(), [2, 5]);
/// assert_eq!(slice.to_string(), "0,2:-");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSlice {
    extents: SmallVec<[Extent; 4]>,
}

impl TensorSlice {
    /// All of a tensor of that rank.
    pub fn full(rank: usize) -> TensorSlice {
        TensorSlice {
            extents: SmallVec::from_elem(Extent::Full, rank),
        }
    }

    /// A slice from its extents.
    ///
    /// # Errors
    /// `InvalidArgument` for a negative start, a length that is not positive, or a sum that does not fit.
    pub fn new(extents: &[Extent]) -> Result<TensorSlice> {
        for extent in extents {
            if let Extent::Part { start, length } = *extent {
                check(start, length, &format!("{start},{length}"))?;
            }
        }
        Ok(TensorSlice {
            extents: SmallVec::from_slice(extents),
        })
    }

    /// Reads `start,length` or `-` for each dimension, joined by `:`.
    ///
    /// # Errors
    /// `InvalidArgument` for anything else.
    pub fn parse(text: &str) -> Result<TensorSlice> {
        let mut extents = SmallVec::new();
        for item in text.split(':').filter(|s| !s.is_empty()) {
            if item == "-" {
                extents.push(Extent::Full);
                continue;
            }
            let bad = || {
                Error::invalid_argument(format!(
                    "Expected a pair of numbers or '-' but got '{item}': string = {text}"
                ))
            };
            let (start, length) = item.split_once(',').ok_or_else(bad)?;
            let start = start.parse::<i64>().map_err(|_| bad())?;
            let length = length.parse::<i64>().map_err(|_| bad())?;
            check(start, length, text)?;
            extents.push(Extent::Part { start, length });
        }
        Ok(TensorSlice { extents })
    }

    /// The slice of a message.
    ///
    /// # Errors
    /// As [`TensorSlice::new`].
    pub(super) fn from_proto(proto: &TensorSliceProto) -> Result<TensorSlice> {
        let mut extents = SmallVec::with_capacity(proto.extent.len());
        for e in &proto.extent {
            let length = match e.has_length {
                Some(HasLength::Length(n)) => n,
                None => -1,
            };
            if e.start == 0 && length == -1 {
                extents.push(Extent::Full);
                continue;
            }
            check(e.start, length, &format!("{},{length}", e.start))?;
            extents.push(Extent::Part {
                start: e.start,
                length,
            });
        }
        Ok(TensorSlice { extents })
    }

    pub(super) fn to_proto(&self) -> TensorSliceProto {
        let extent = self.extents.iter().map(|e| match *e {
            Extent::Full => ExtentProto::default(),
            Extent::Part { start, length } => ExtentProto {
                start,
                has_length: Some(HasLength::Length(length)),
            },
        });
        TensorSliceProto {
            extent: extent.collect(),
        }
    }

    /// The extents, one for each dimension.
    pub fn extents(&self) -> &[Extent] {
        &self.extents
    }

    /// Whether it takes all of every dimension by definition, whatever the shape.
    pub fn is_full(&self) -> bool {
        self.extents.iter().all(|e| *e == Extent::Full)
    }

    /// The shape of this part of a tensor of that shape.
    ///
    /// # Errors
    /// `InvalidArgument` when ranks differ or an extent goes beyond its dimension.
    pub fn shape(&self, full: &Shape) -> Result<Shape> {
        let region = self.region(full)?;
        let dims: SmallVec<[usize; 6]> = region.0.iter().map(|r| r.length).collect();
        Shape::of(&dims)
    }

    /// The slice with numbers for every dimension of a tensor of that shape.
    pub(super) fn region(&self, full: &Shape) -> Result<Region> {
        if self.extents.len() != full.rank() {
            return Err(Error::invalid_argument(format!(
                "Mismatching ranks: shape = {full}, slice = {self}"
            )));
        }
        let mut spans = SmallVec::new();
        for (d, (extent, size)) in self.extents.iter().zip(full.dims()).enumerate() {
            spans.push(match *extent {
                Extent::Full => Span {
                    start: 0,
                    length: *size,
                },
                // Both are not negative and their sum fits i64, by construction.
                Extent::Part { start, length } if start + length <= *size as i64 => Span {
                    start: start as usize,
                    length: length as usize,
                },
                Extent::Part { .. } => {
                    return Err(Error::invalid_argument(format!(
                        "Extent in dimension {d} out of bounds: shape = {full}, slice = {self}"
                    )));
                }
            });
        }
        Ok(Region(spans))
    }

    /// The key under which a bundle stores this part of that tensor.
    pub(super) fn key(&self, name: &str) -> Vec<u8> {
        let mut out = Vec::new();
        ordered::put_unsigned(&mut out, 0);
        ordered::put_string(&mut out, name.as_bytes());
        ordered::put_unsigned(&mut out, self.extents.len() as u64);
        for extent in &self.extents {
            let (start, length) = match *extent {
                Extent::Full => (0, -1),
                Extent::Part { start, length } => (start, length),
            };
            ordered::put_signed(&mut out, start);
            ordered::put_signed(&mut out, length);
        }
        out
    }
}

fn check(start: i64, length: i64, text: &str) -> Result<()> {
    if start < 0 || length <= 0 {
        return Err(Error::invalid_argument(format!(
            "Expected non-negative start and positive length but got start = {start}, length = {length}: \
             string = {text}"
        )));
    }
    if start.checked_add(length).is_none() {
        return Err(Error::invalid_argument(format!(
            "Extent end exceeds the maximum possible size: extent = {start},{length}"
        )));
    }
    Ok(())
}

impl fmt::Display for TensorSlice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (d, extent) in self.extents.iter().enumerate() {
            if d > 0 {
                f.write_str(":")?;
            }
            match extent {
                Extent::Full => f.write_str("-")?,
                Extent::Part { start, length } => write!(f, "{start},{length}")?,
            }
        }
        Ok(())
    }
}

/// An element of SaveV2's and RestoreV2's `shape_and_slices`: `<d0> <d1> … <slice>`.
///
/// ```
/// use tensorloom::io::SliceSpec;
/// let spec = SliceSpec::parse("10 5 0,5:0,5").unwrap();
/// assert_eq!(spec.full_shape.dims(), [10, 5]);
/// assert_eq!(spec.shape.dims(), [5, 5]);
/// assert!(SliceSpec::parse("2").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SliceSpec {
    /// The shape of the whole tensor.
    pub full_shape: Shape,
    /// The part.
    pub slice: TensorSlice,
    /// The shape of the part.
    pub shape: Shape,
}

impl SliceSpec {
    /// Reads a specification that is not empty.
    ///
    /// # Errors
    /// `InvalidArgument` for a malformed one or a slice that does not fit the shape.
    pub fn parse(text: &str) -> Result<SliceSpec> {
        let (dims, slice) = text.rsplit_once(' ').ok_or_else(|| {
            Error::invalid_argument(format!(
                "Need least two elements in shape_and_slice specification: {text}"
            ))
        })?;
        let slice = TensorSlice::parse(slice)?;
        let dims: std::result::Result<Vec<i64>, _> = dims.split(' ').map(str::parse).collect();
        let dims = dims.map_err(|_| {
            Error::invalid_argument(format!(
                "Non numerical dimension in shape_and_slice: {text}"
            ))
        })?;
        let full_shape = Shape::new(&dims)?;
        let shape = slice.shape(&full_shape)?;
        Ok(SliceSpec {
            full_shape,
            slice,
            shape,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;
    use crate::io::testing::hex;

    #[test]
    fn keys_are_tensorflows() {
        let key = |s: &str| TensorSlice::parse(s).unwrap().key("v");
        assert_eq!(key("0,2:-"), hex("00 76 0001 0102 80 82 80 7f"));
        assert_eq!(key("0,2:0,5"), hex("00 76 0001 0102 80 82 80 85"));
        assert_eq!(key("2,2:0,5"), hex("00 76 0001 0102 82 82 80 85"));
    }

    #[test]
    fn protos_round_trip() {
        for text in ["", "-", "0,2:-", "3,4:0,1:-"] {
            let slice = TensorSlice::parse(text).unwrap();
            assert_eq!(TensorSlice::from_proto(&slice.to_proto()).unwrap(), slice);
            assert_eq!(slice.to_string(), text);
        }
        let forged = |start, length: Option<i64>| TensorSliceProto {
            extent: vec![ExtentProto {
                start,
                has_length: length.map(HasLength::Length),
            }],
        };
        for (start, length) in [(1, None), (-1, Some(2)), (0, Some(0)), (i64::MAX, Some(1))] {
            assert!(TensorSlice::from_proto(&forged(start, length)).is_err());
        }
    }

    #[test]
    fn row_173_malformed_specifications() {
        let cases = [
            (
                "2",
                "Need least two elements in shape_and_slice specification: 2",
            ),
            ("a b -", "Non numerical dimension in shape_and_slice: a b -"),
            (
                "4  0,2",
                "Non numerical dimension in shape_and_slice: 4  0,2",
            ),
            (
                "4 3,2",
                "Extent in dimension 0 out of bounds: shape = [4], slice = 3,2",
            ),
            ("4 0,2:-", "Mismatching ranks: shape = [4], slice = 0,2:-"),
            ("4 5 0,2", "Mismatching ranks: shape = [4,5], slice = 0,2"),
            (
                "4 x",
                "Expected a pair of numbers or '-' but got 'x': string = x",
            ),
            (
                "4 1,2,3",
                "Expected a pair of numbers or '-' but got '1,2,3': string = 1,2,3",
            ),
            (
                "4 0,0",
                "Expected non-negative start and positive length but got start = 0, length = 0: string = 0,0",
            ),
            (
                "4 9223372036854775807,1",
                "Extent end exceeds the maximum possible size: extent = 9223372036854775807,1",
            ),
            ("-4 -", "Dimension -4 must be >= 0"),
        ];
        for (text, message) in cases {
            let e = SliceSpec::parse(text).unwrap_err();
            assert_eq!((e.code(), e.message()), (Code::InvalidArgument, message));
        }
        for text in [
            "",
            " ",
            "9223372036854775807 9223372036854775807 -",
            "4 99999999999999999999,1",
        ] {
            assert!(SliceSpec::parse(text).is_err());
        }
    }
}
