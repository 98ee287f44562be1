//! Pad and PadV2: a border of one value around a tensor.

use super::cuda;
use super::items::{MOVABLE, produce};
use super::slice::column_shape;
use super::strided::{BoxCopy, Boxes, Layout};
use super::zeros::number;
use crate::dtype::{DType, sets::INDEX, sets::PODS_AND_STRING};
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{Dim, PartialShape, Shape};
use crate::tensor::Tensor;
use smallvec::SmallVec;

pub(crate) static PAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "Pad(input:T, paddings:Tpaddings) -> (output:T)",
        attrs: "T:type; Tpaddings:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", PODS_AND_STRING), ("Tpaddings", INDEX)], new),
        KernelDef::gpu_host(
            &[("T", cuda::ON_GPU), ("Tpaddings", INDEX)],
            &["paddings"],
            new,
        ),
        KernelDef::gpu_host(
            &[("T", cuda::INT32), ("Tpaddings", INDEX)],
            &["input", "paddings", "output"],
            new,
        ),
    ],
};

pub(crate) static PAD_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "PadV2(input:T, paddings:Tpaddings, constant_values:T) -> (output:T)",
        attrs: "T:type; Tpaddings:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", MOVABLE), ("Tpaddings", INDEX)], new),
        KernelDef::gpu_host(
            &[("T", cuda::ON_GPU), ("Tpaddings", INDEX)],
            &["paddings", "constant_values"],
            new,
        ),
        KernelDef::gpu_host(
            &[("T", cuda::INT32), ("Tpaddings", INDEX)],
            &["input", "paddings", "constant_values", "output"],
            new,
        ),
    ],
};

/// Elements before and after along one dimension.
pub(super) type Padding = (usize, usize);

/// A matrix of paddings, one row for each dimension, read and checked to fit a rank. (`comma` goes into the message.)
pub(super) fn read_paddings(
    paddings: &Tensor,
    shape: &Shape,
    comma: &str,
) -> Result<Vec<(i64, i64)>> {
    let (rows, columns) = match paddings.shape().dims() {
        [r, c] => (*r, *c),
        _ => (0, 0),
    };
    if columns != 2 {
        return Err(Error::invalid_argument(format!(
            "paddings must be a matrix with 2 columns: {}",
            paddings.shape()
        )));
    }
    if rows != shape.rank() {
        return Err(Error::invalid_argument(format!(
            "The first dimension of paddings must be the rank of inputs{}{comma} {shape}",
            paddings.shape()
        )));
    }
    let values = paddings.to_i64s()?;
    Ok(values.chunks_exact(2).map(|p| (p[0], p[1])).collect())
}

/// The shape function of all pads: each dimension grows by `grow` times its paddings.
pub(super) fn infer_padded(ctx: &mut ShapeCtx<'_>, grow: i64) -> Result<()> {
    let paddings = ctx.with_rank(1, 2)?;
    if paddings.dim(1).is_some_and(|n| n != 2) {
        return Err(Error::invalid_argument(format!(
            "Dimension must be 2 but is {}",
            paddings.dim(1).unwrap_or_default()
        )));
    }
    let input = ctx.input(0);
    if let (Some(r), Some(n)) = (input.rank(), paddings.dim(0))
        && r != n
    {
        return Err(Error::invalid_argument(format!(
            "Shape must be rank {n} but is rank {r}"
        )));
    }
    let rank = input.rank().or(paddings.dim(0));
    let Some(rank) = rank.filter(|r| *r <= crate::shape::MAX_RANK) else {
        return Ok(());
    };
    let Some(values) = ctx.constant_ints(1)?.filter(|v| v.len() == 2 * rank) else {
        ctx.set(0, PartialShape::of_rank(rank));
        return Ok(());
    };
    let mut dims: Vec<Dim> = Vec::with_capacity(rank);
    for (i, p) in values.chunks_exact(2).enumerate() {
        if p[0] < 0 || p[1] < 0 {
            return Err(Error::invalid_argument("Paddings must be non-negative"));
        }
        let Some(n) = input.dim(i) else {
            dims.push(None);
            continue;
        };
        let size = i128::from(n as u64) + i128::from(grow) * (i128::from(p[0]) + i128::from(p[1]));
        let size = usize::try_from(size)
            .ok()
            .filter(|s| *s <= i64::MAX as usize);
        dims.push(Some(size.ok_or_else(|| {
            Error::invalid_argument(format!(
                "paddings {} and {} do not fit a dimension of size {n}",
                p[0], p[1]
            ))
        })?));
    }
    ctx.set(0, PartialShape::of(dims));
    Ok(())
}

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    infer_padded(ctx, 1)
}

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let dtype = init.attrs.dtype("T")?;
    let zero = match (init.inputs.len(), dtype) {
        (2, d) => Some(number(d, 0)?),
        _ => None,
    };
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let x = ctx.input(0)?;
        let shape = x.shape().clone();
        let mut pads: Vec<Padding> = Vec::with_capacity(shape.rank());
        let mut dims = Vec::with_capacity(shape.rank());
        for ((before, after), n) in read_paddings(ctx.input(1)?, &shape, "")?
            .iter()
            .zip(shape.dims())
        {
            let (Ok(b), Ok(a)) = (usize::try_from(*before), usize::try_from(*after)) else {
                return Err(Error::invalid_argument(format!(
                    "Paddings must be non-negative: {before} {after}"
                )));
            };
            let size = b.checked_add(a).and_then(|s| s.checked_add(*n));
            dims.push(size.ok_or_else(|| {
                Error::invalid_argument(format!("paddings {before} and {after} are too large"))
            })?);
            pads.push((b, a));
        }
        let value = match &zero {
            Some(z) => z,
            None => {
                let value = ctx.input(2)?;
                if !value.shape().is_scalar() {
                    return Err(Error::invalid_argument(format!(
                        "constant_values must be a scalar. Found: {}",
                        value.shape()
                    )));
                }
                value
            }
        };
        let out = Shape::of(&dims)?;
        if out == shape {
            let x = ctx.take_input(0)?;
            return ctx.set(0, x);
        }
        let begin: Vec<usize> = pads.iter().map(|p| p.0).collect();
        let copies = [BoxCopy {
            input: 0,
            dims: SmallVec::from_slice(shape.dims()),
            from: Layout::dense(&shape),
            to: Layout::at(&out, &begin)?,
        }];
        let job = Boxes {
            pool: ctx.pool(),
            fill: Some(1),
            copies: &copies,
        };
        let padded = produce(dtype, out, &[x, value], job)?;
        ctx.set(0, padded)
    }))
}

/// The gradient of the border is dropped.
fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.scope;
    let (x, paddings) = (ctx.input(0), ctx.input(1));
    let rank = s.rank(x);
    let column = column_shape(s, rank);
    let begin = paddings.slice([0, 0], column).reshape([-1]);
    let size = s.shape_as(x, begin.dtype());
    let mut out = vec![Some(ctx.grad(0).slice(begin, size)), None];
    out.resize(ctx.node.inputs().len(), None);
    dense(out)
}

impl<'g> Scope<'g> {
    /// `x` with a border of zeros; `paddings` holds for each dimension how many before and after (op `Pad`).
    #[track_caller]
    pub fn pad(self, x: impl Operand<'g>, paddings: impl Operand<'g>) -> Output<'g> {
        self.op("Pad").input(x).input(paddings).out()
    }
    /// `x` with a border of `value` (op `PadV2`).
    #[track_caller]
    pub fn pad_with(
        self,
        x: impl Operand<'g>,
        paddings: impl Operand<'g>,
        value: impl Operand<'g>,
    ) -> Output<'g> {
        self.op("PadV2")
            .input(x)
            .input(paddings)
            .input_as(value, 0)
            .out()
    }
}

impl<'g> Output<'g> {
    /// The same with a border of zeros (see [`Scope::pad`]).
    ///
    /// ```
    /// let g = tensorloom::Graph::new();
    /// let x = g.root().ones([2, 2], tensorloom::DType::F32);
    /// assert_eq!(x.pad([[1, 1], [0, 2]]).shape().to_string(), "[4,4]");
    /// ```
    #[track_caller]
    pub fn pad(self, paddings: impl Operand<'g>) -> Output<'g> {
        self.scope().pad(self, paddings)
    }
}

/// A matrix of int32 becomes a constant (paddings).
impl<'g, const N: usize, const M: usize> Operand<'g> for [[i32; M]; N] {
    #[track_caller]
    fn operand(self, scope: Scope<'g>, _: Option<DType>) -> Output<'g> {
        scope.constant(Tensor::from(self))
    }
}
/// A matrix of int64 becomes a constant (paddings).
impl<'g, const N: usize, const M: usize> Operand<'g> for [[i64; M]; N] {
    #[track_caller]
    fn operand(self, scope: Scope<'g>, _: Option<DType>) -> Output<'g> {
        scope.constant(Tensor::from(self))
    }
}
