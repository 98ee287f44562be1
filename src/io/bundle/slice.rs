//! Parts of tensors: the slice of each dimension, its text form, and how a part is copied out of or into a whole.

use super::ordered;
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

/// `length` elements of a dimension from `start` on, within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) length: usize,
}

/// A box within a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Region(pub(super) SmallVec<[Span; 4]>);

impl Region {
    /// What two regions of one tensor share.
    pub(super) fn intersect(&self, other: &Region) -> Option<Region> {
        let mut spans = SmallVec::new();
        for (a, b) in self.0.iter().zip(&other.0) {
            let start = a.start.max(b.start);
            let end = (a.start + a.length).min(b.start + b.length);
            if end <= start {
                return None;
            }
            spans.push(Span {
                start,
                length: end - start,
            });
        }
        Some(Region(spans))
    }

    /// The runs of adjacent elements in which this region of a tensor lies both in part `from` and in part `to`
    /// (regions of the same tensor, stored row-major, that hold it), by ascending place.
    pub(super) fn runs(&self, from: &Region, to: &Region) -> Runs {
        // Products of sizes are only known to fit where no size is zero.
        let empty = self.0.iter().any(|s| s.length == 0);
        let rank = if empty { 0 } else { self.0.len() };
        // Dimensions after `split` are whole in both parts, so a run goes through them and along `split`.
        let mut split = rank;
        let mut run = 1;
        while split > 0 {
            let d = split - 1;
            run *= self.0[d].length;
            split = d;
            if self.0[d].length != from.0[d].length || self.0[d].length != to.0[d].length {
                break;
            }
        }
        let place = |part: &Region| {
            let mut stride = 1;
            let mut start = 0;
            let mut strides: SmallVec<[usize; 4]> = SmallVec::from_elem(0, split);
            for d in (0..rank).rev() {
                start += (self.0[d].start - part.0[d].start) * stride;
                if d < split {
                    strides[d] = stride;
                }
                stride *= part.0[d].length;
            }
            (start, strides)
        };
        let (from_start, from_strides) = place(from);
        let (to_start, to_strides) = place(to);
        let lengths: SmallVec<[usize; 4]> = self.0[..split].iter().map(|s| s.length).collect();
        Runs {
            left: if empty { 0 } else { lengths.iter().product() },
            run,
            from: from_start,
            to: to_start,
            index: SmallVec::from_elem(0, split),
            lengths,
            from_strides,
            to_strides,
        }
    }
}

/// One run of [`Region::runs`], in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) length: usize,
}

/// The iterator of [`Region::runs`].
pub(super) struct Runs {
    left: usize,
    run: usize,
    from: usize,
    to: usize,
    index: SmallVec<[usize; 4]>,
    lengths: SmallVec<[usize; 4]>,
    from_strides: SmallVec<[usize; 4]>,
    to_strides: SmallVec<[usize; 4]>,
}

impl Iterator for Runs {
    type Item = Run;
    fn next(&mut self) -> Option<Run> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let out = Run {
            from: self.from,
            to: self.to,
            length: self.run,
        };
        for d in (0..self.index.len()).rev() {
            self.index[d] += 1;
            if self.index[d] < self.lengths[d] {
                self.from += self.from_strides[d];
                self.to += self.to_strides[d];
                break;
            }
            self.from -= (self.lengths[d] - 1) * self.from_strides[d];
            self.to -= (self.lengths[d] - 1) * self.to_strides[d];
            self.index[d] = 0;
        }
        Some(out)
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

    /// All elements of a region by the definition, for comparison.
    fn elements(region: &Region, part: &Region) -> Vec<usize> {
        let mut out = vec![0];
        for (r, p) in region.0.iter().zip(&part.0) {
            let inside = r.start - p.start;
            out = out
                .iter()
                .flat_map(|o| (0..r.length).map(move |i| o * p.length + inside + i))
                .collect();
        }
        out
    }

    #[test]
    fn runs_cover_regions_of_every_kind() {
        let region = |spans: &[(usize, usize)]| {
            Region(
                spans
                    .iter()
                    .map(|(start, length)| Span {
                        start: *start,
                        length: *length,
                    })
                    .collect(),
            )
        };
        let whole = region(&[(0, 3), (0, 4), (0, 5)]);
        let parts = [
            whole.clone(),
            region(&[(1, 2), (0, 4), (0, 5)]),
            region(&[(0, 3), (1, 2), (0, 5)]),
            region(&[(0, 3), (0, 4), (2, 3)]),
            region(&[(2, 1), (3, 1), (4, 1)]),
            region(&[(0, 3), (1, 3), (1, 4)]),
        ];
        for a in &parts {
            for b in &parts {
                let Some(shared) = a.intersect(b) else {
                    continue;
                };
                let (mut from, mut to) = (Vec::new(), Vec::new());
                for run in shared.runs(a, b) {
                    from.extend(run.from..run.from + run.length);
                    to.extend(run.to..run.to + run.length);
                }
                assert_eq!(from, elements(&shared, a));
                assert_eq!(to, elements(&shared, b));
            }
        }
        assert_eq!(whole.runs(&whole, &whole).count(), 1);
        let scalar = region(&[]);
        let runs: Vec<Run> = scalar.runs(&scalar, &scalar).collect();
        assert_eq!(
            runs,
            [Run {
                from: 0,
                to: 0,
                length: 1
            }]
        );
        let empty = region(&[(0, 2), (0, 0)]);
        assert_eq!(empty.runs(&empty, &empty).count(), 0);
    }
}
