//! StridedSlice: Python's `x[1:3, ::-1, ..., None, 0]`.

mod dense;
mod grad;
mod spec;

pub use dense::{DenseSlice, Masks};
pub(super) use grad::STRIDED_SLICE_GRAD;
pub use spec::{Index, SliceSpec};

use super::items::MOVABLE;
use super::strided::rearranged;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients};
use crate::graph::OpBuilder;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Attrs, Flags, OpDef, ShapeCtx};
use crate::ops::array::cuda;
use crate::registry::OpEntry;
use crate::shape::PartialShape;

pub(crate) static STRIDED_SLICE: OpEntry = OpEntry {
    def: OpDef {
        signature: "StridedSlice(input:T, begin:Index, end:Index, strides:Index) -> (output:T)",
        attrs: "T:type; Index:type{int16,int32,int64}; begin_mask:int=0; end_mask:int=0; ellipsis_mask:int=0; new_axis_mask:int=0; shrink_axis_mask:int=0",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", MOVABLE), ("Index", INDICES)], new),
        KernelDef::gpu_host(
            &[("T", cuda::ON_GPU), ("Index", INDICES)],
            &["begin", "end", "strides"],
            new,
        ),
        KernelDef::gpu_host(
            &[("T", cuda::INT32), ("Index", INDICES)],
            &["input", "begin", "end", "strides", "output"],
            new,
        ),
    ],
};

const INDICES: &[DType] = &[DType::I16, DType::I32, DType::I64];

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let vectors = ctx.with_rank(1, 1)?.merge(&ctx.with_rank(2, 1)?)?;
    vectors.merge(&ctx.with_rank(3, 1)?)?;
    let masks = Masks::of(ctx.attrs)?;
    let input = ctx.input(0);
    let (begin, end) = (ctx.constant_ints(1)?, ctx.constant_ints(2)?);
    let (Some(dims), Some(strides)) = (input.dims(), ctx.constant_ints(3)?) else {
        return Ok(());
    };
    let slice = DenseSlice::new(dims, begin.as_deref(), end.as_deref(), &strides, masks)?;
    ctx.set(0, PartialShape::of(slice.shape));
    Ok(())
}

/// Begin, end and strides from three inputs.
fn read_vectors(ctx: &OpContext<'_>, first: usize) -> Result<[Vec<i64>; 3]> {
    let (b, e, s) = (
        ctx.input(first)?,
        ctx.input(first + 1)?,
        ctx.input(first + 2)?,
    );
    let n = s.elements();
    let fine = |t: &crate::tensor::Tensor| t.shape().is_vector() && t.elements() == n && n < 32;
    if !fine(b) || !fine(e) || !fine(s) {
        return Err(Error::invalid_argument(format!(
            "Expected begin, end, and strides to be 1D equal size tensors, but got shapes {}, {}, and {} instead.",
            b.shape(),
            e.shape(),
            s.shape()
        )));
    }
    Ok([b.to_i64s()?, e.to_i64s()?, s.to_i64s()?])
}

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let masks = Masks::of(init.attrs)?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let [begin, end, strides] = read_vectors(ctx, 1)?;
        let x = ctx.input(0)?;
        let dims: Vec<_> = x.shape().dims().iter().map(|d| Some(*d)).collect();
        let slice = DenseSlice::new(&dims, Some(&begin), Some(&end), &strides, masks)?;
        let (size, from, shape) = slice.place(x.shape())?;
        let part = rearranged(ctx.pool(), x, size, from)?;
        ctx.set(0, part.into_shape(shape)?)
    }))
}

const MASKS: [&str; 5] = [
    "begin_mask",
    "end_mask",
    "ellipsis_mask",
    "new_axis_mask",
    "shrink_axis_mask",
];

fn with_masks<'g>(mut op: OpBuilder<'g>, attrs: &Attrs) -> Result<OpBuilder<'g>> {
    for name in MASKS {
        op = op.attr(name, attrs.int(name)?);
    }
    Ok(op)
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.scope;
    let mut vectors = [ctx.input(1), ctx.input(2), ctx.input(3)];
    let mut dtype = vectors[0].dtype();
    if dtype == DType::I16 {
        // The gradient op knows only int32 and int64.
        dtype = DType::I32;
        vectors = vectors.map(|v| s.op("Cast").input(v).attr("DstT", dtype).out());
    }
    let shape = s.shape_as(ctx.input(0), dtype);
    let op = s.op("StridedSliceGrad").input(shape);
    let op = vectors.into_iter().fold(op, |op, v| op.input(v));
    let g = with_masks(op.input(ctx.grad(0)), ctx.attrs())?.out();
    crate::grad::dense([Some(g), None, None, None])
}

#[cfg(test)]
mod tests;
