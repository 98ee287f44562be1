//! How a user writes a strided slice.

use super::{MASKS, Masks};
use crate::dtype::DType;
use crate::graph::{Operand, Output, Scope};
use crate::tensor::Tensor;

/// The entries of a slice, as between Python's brackets: one for each dimension, from the first on.
///
/// `x[0, 1:, ..., None, ::-1]` is
/// `SliceSpec::new().at(0).from(1).ellipsis().new_axis().range(None, None, -1)`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SliceSpec {
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    At(i64),
    Range(Option<i64>, Option<i64>, i64),
    Ellipsis,
    NewAxis,
}

impl SliceSpec {
    /// No entries: everything.
    pub fn new() -> SliceSpec {
        SliceSpec::default()
    }
    fn with(mut self, entry: Entry) -> SliceSpec {
        self.entries.push(entry);
        self
    }
    /// One index (negative: from the back); the dimension is dropped. Python's `i`.
    pub fn at(self, index: i64) -> SliceSpec {
        self.with(Entry::At(index))
    }
    /// Every `step`-th index from `begin` up to, without, `end`. Python's `begin:end:step`.
    pub fn range(
        self,
        begin: impl Into<Option<i64>>,
        end: impl Into<Option<i64>>,
        step: i64,
    ) -> SliceSpec {
        self.with(Entry::Range(begin.into(), end.into(), step))
    }
    /// From an index on. Python's `begin:`.
    pub fn from(self, begin: i64) -> SliceSpec {
        self.with(Entry::Range(Some(begin), None, 1))
    }
    /// Up to, without, an index. Python's `:end`.
    pub fn to(self, end: i64) -> SliceSpec {
        self.with(Entry::Range(None, Some(end), 1))
    }
    /// All of the dimension. Python's `:`.
    pub fn all(self) -> SliceSpec {
        self.with(Entry::Range(None, None, 1))
    }
    /// All of as many dimensions as the other entries leave. Python's `...`.
    pub fn ellipsis(self) -> SliceSpec {
        self.with(Entry::Ellipsis)
    }
    /// A new dimension of size 1. Python's `None`.
    pub fn new_axis(self) -> SliceSpec {
        self.with(Entry::NewAxis)
    }

    /// Begins, ends, strides and masks as the op takes them.
    fn vectors(&self) -> ([Vec<i64>; 3], Masks) {
        let mut masks = Masks::default();
        let (mut begins, mut ends, mut strides) = (Vec::new(), Vec::new(), Vec::new());
        for (i, entry) in self.entries.iter().enumerate() {
            // Beyond 32 entries the op refuses the vectors, whatever the masks are.
            let bit = 1i64.checked_shl(i as u32).unwrap_or(0);
            let (begin, end, stride) = match *entry {
                Entry::At(index) => {
                    masks.shrink_axis |= bit;
                    (index, index.saturating_add(1), 1)
                }
                Entry::Range(begin, end, stride) => {
                    if begin.is_none() {
                        masks.begin |= bit;
                    }
                    if end.is_none() {
                        masks.end |= bit;
                    }
                    (begin.unwrap_or(0), end.unwrap_or(0), stride)
                }
                Entry::Ellipsis => {
                    masks.ellipsis |= bit;
                    (0, 0, 1)
                }
                Entry::NewAxis => {
                    masks.new_axis |= bit;
                    (0, 0, 1)
                }
            };
            begins.push(begin);
            ends.push(end);
            strides.push(stride);
        }
        ([begins, ends, strides], masks)
    }
}

/// The vectors as int32, or as int64 when one needs it.
fn tensors(vectors: [Vec<i64>; 3]) -> [Tensor; 3] {
    let narrow =
        |v: &Vec<i64>| -> Option<Vec<i32>> { v.iter().map(|v| i32::try_from(*v).ok()).collect() };
    match (
        narrow(&vectors[0]),
        narrow(&vectors[1]),
        narrow(&vectors[2]),
    ) {
        (Some(a), Some(b), Some(c)) => [a.into(), b.into(), c.into()],
        _ => vectors.map(Tensor::from),
    }
}

const STACKS: [&str; 3] = ["stack", "stack_1", "stack_2"];

impl<'g> Scope<'g> {
    /// Part of `x` as a Python slice gives it (op `StridedSlice`).
    #[track_caller]
    pub fn strided_slice(self, x: impl Operand<'g>, spec: &SliceSpec) -> Output<'g> {
        let x = x.operand(self, None);
        let inside = self.composite("strided_slice");
        let (vectors, masks) = spec.vectors();
        let mut inputs = Vec::with_capacity(3);
        for (name, t) in STACKS.iter().zip(tensors(vectors)) {
            inputs.push(inside.named(name).constant(t));
        }
        let op = inside.result_op("StridedSlice").input(x);
        let op = inputs.into_iter().fold(op, |op, v| op.input(v));
        let masks = [
            masks.begin,
            masks.end,
            masks.ellipsis,
            masks.new_axis,
            masks.shrink_axis,
        ];
        let op = MASKS
            .iter()
            .zip(masks)
            .fold(op, |op, (name, v)| op.attr(name, v));
        op.out()
    }
    /// Slice `index` of `x` along its first dimension, which is dropped. The index is a number (negative: from
    /// the back) or a scalar that the graph computes (op `StridedSlice`).
    #[track_caller]
    pub fn index(self, x: impl Operand<'g>, index: impl Index<'g>) -> Output<'g> {
        let x = x.operand(self, None);
        let index = match index.index() {
            Ok(number) => return self.strided_slice(x, &SliceSpec::new().at(number)),
            Err(computed) => computed,
        };
        let unnamed = self.unnamed().op("AddV2").default_name("add");
        let next = unnamed.input(index).input_like(1i32, index.dtype()).out();
        let inside = self.composite("strided_slice");
        let mut op_inputs = vec![x];
        for (name, part) in STACKS.iter().zip([index, next]) {
            op_inputs.push(inside.op("Pack").name(*name).list([part]).out());
        }
        let ones = inside.named(STACKS[2]);
        op_inputs.push(match index.dtype() {
            DType::I64 => ones.constant([1i64]),
            _ => ones.constant([1i32]),
        });
        let op = inside.result_op("StridedSlice");
        let op = op_inputs.into_iter().fold(op, |op, v| op.input(v));
        op.attr(MASKS[4], 1i64).out()
    }
}

/// What [`Scope::index`] takes: a number, or a scalar that the graph computes.
pub trait Index<'g> {
    /// The number, or the scalar.
    fn index(self) -> std::result::Result<i64, Output<'g>>;
}
impl<'g> Index<'g> for Output<'g> {
    fn index(self) -> std::result::Result<i64, Output<'g>> {
        Err(self)
    }
}
impl<'g> Index<'g> for i64 {
    fn index(self) -> std::result::Result<i64, Output<'g>> {
        Ok(self)
    }
}
impl<'g> Index<'g> for i32 {
    fn index(self) -> std::result::Result<i64, Output<'g>> {
        Ok(self.into())
    }
}
impl<'g> Index<'g> for usize {
    fn index(self) -> std::result::Result<i64, Output<'g>> {
        // An index beyond i64 is out of bounds of every tensor.
        Ok(i64::try_from(self).unwrap_or(i64::MAX))
    }
}

impl<'g> Output<'g> {
    /// Part of the tensor as a Python slice gives it (op `StridedSlice`).
    ///
    /// ```
    /// use tensorloom::ops::array::SliceSpec;
    /// let g = tensorloom::Graph::new();
    /// let x = g.root().zeros([4, 5, 6], tensorloom::DType::F32);
    /// let spec = SliceSpec::new().at(0).ellipsis().range(None, None, -2);
    /// assert_eq!(x.strided_slice(&spec).shape().to_string(), "[5,3]");
    /// ```
    #[track_caller]
    pub fn strided_slice(self, spec: &SliceSpec) -> Output<'g> {
        self.scope().strided_slice(self, spec)
    }
    /// Slice `index` along the first dimension, which is dropped (see [`Scope::index`]).
    #[track_caller]
    pub fn index(self, index: impl Index<'g>) -> Output<'g> {
        self.scope().index(self, index)
    }
}
