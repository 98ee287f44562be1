//! TensorListConcat, TensorListConcatV2, TensorListSplit: elements along their first dimension.

use super::engine::{check_type, join, known_elements, list, set_list, shape_of, static_shape};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use crate::tensor::{Tensor, TensorList};

pub(crate) static TENSOR_LIST_CONCAT: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorListConcat(input_handle:variant) -> (tensor:element_dtype, lengths:int64)",
        attrs: "element_dtype:type; element_shape:shape=?",
        flags: Flags::PURE,
        infer: |ctx: &mut ShapeCtx<'_>| {
            let told = ctx.attrs.shape("element_shape")?.clone();
            infer_concat(ctx, told)
        },
    },
    grad: Grad::Fn(|ctx: &GradCtx<'_>| concat_grad(ctx, 1)),
    kernels: &[KernelDef::cpu(&[], |init: &KernelInit<'_>| {
        let dtype = init.attrs.dtype("element_dtype")?;
        let told = init.attrs.shape("element_shape")?.clone();
        Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
            concat(ctx, dtype, &told, &[])
        }))
    })],
};

pub(crate) static TENSOR_LIST_CONCAT_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorListConcatV2(input_handle:variant, element_shape:shape_type, leading_dims:int64) -> (tensor:element_dtype, lengths:int64)",
        attrs: "element_dtype:type; shape_type:type{int32,int64}",
        flags: Flags::PURE,
        infer: |ctx: &mut ShapeCtx<'_>| {
            let told = static_shape(ctx, 1)?;
            infer_concat(ctx, told)
        },
    },
    grad: Grad::Fn(|ctx: &GradCtx<'_>| concat_grad(ctx, 3)),
    kernels: &[KernelDef::cpu(&[], |init: &KernelInit<'_>| {
        let dtype = init.attrs.dtype("element_dtype")?;
        Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
            let told = shape_of(ctx.input(1)?)?;
            let leading = ctx.input(2)?.to_i64s()?;
            concat(ctx, dtype, &told, &leading)
        }))
    })],
};

/// Puts the elements together; `leading` are the first sizes of elements that were never set.
fn concat(
    ctx: &mut OpContext<'_>,
    dtype: DType,
    told: &PartialShape,
    leading: &[i64],
) -> Result<()> {
    let list = list(ctx, 0)?;
    check_type(list, dtype)?;
    let mut shape = list.element_shape.merge(told)?;
    if shape.rank() == Some(0) {
        return Err(Error::invalid_argument(
            "Concat requires elements to be at least vectors, found scalars instead.",
        ));
    }
    // Of the elements that are there only the sizes beyond the first have to agree.
    for t in list.elements.iter().flatten() {
        let mut dims: Vec<Option<usize>> = t.shape().dims().iter().map(|d| Some(*d)).collect();
        if let Some(d) = dims.first_mut() {
            *d = None;
        }
        shape = shape.merge(&PartialShape::of(dims)).map_err(|_| {
            Error::invalid_argument(format!(
                "Tried to concat tensors with unequal shapes: {} vs {shape}",
                t.shape()
            ))
        })?;
    }
    let inner: Option<Vec<usize>> = shape
        .dims()
        .and_then(|d| d.get(1..)?.iter().copied().collect());
    let Some(inner) = inner else {
        return Err(Error::invalid_argument(format!(
            "All except the first dimension must be fully defined when concating an empty tensor list. element_shape: {shape}"
        )));
    };
    let (mut parts, mut lengths) = (Vec::new(), Vec::new());
    for (i, e) in list.elements.iter().enumerate() {
        let part = match e {
            Some(t) => t.clone(),
            None => {
                let own = leading.get(i).and_then(|n| usize::try_from(*n).ok());
                let first = own.or(shape.dim(0)).ok_or_else(|| {
                    Error::invalid_argument(format!(
                        "Concating lists with uninitialized tensors is not supported when the leading dimension is unknown: {shape}"
                    ))
                })?;
                let dims = [&[first], inner.as_slice()].concat();
                Tensor::zeros(dtype, Shape::of(&dims)?)?
            }
        };
        lengths.push(part.shape().dim(0).unwrap_or(0));
        parts.push(part);
    }
    let total = lengths.iter().try_fold(0usize, |a, b| a.checked_add(*b));
    let total = total.ok_or_else(|| Error::invalid_argument("the sizes overflow"))?;
    let dims = [&[total], inner.as_slice()].concat();
    let out = join(dtype, Shape::of(&dims)?, &parts)?;
    let lengths: Vec<i64> = lengths.into_iter().map(|n| n as i64).collect();
    ctx.set(0, out)?;
    ctx.set(1, Tensor::from(lengths))
}

fn infer_concat(ctx: &mut ShapeCtx<'_>, told: PartialShape) -> Result<()> {
    let known = known_elements(ctx, 0)?;
    let known = known.merge(&told)?;
    let shape = known.dims().map(|d| {
        let mut dims = d.to_vec();
        if let Some(first) = dims.first_mut() {
            *first = None;
        }
        PartialShape::of(dims)
    });
    ctx.set(0, shape.unwrap_or_default());
    ctx.set(1, PartialShape::vector(None));
    Ok(())
}

pub(crate) static TENSOR_LIST_SPLIT: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorListSplit(tensor:element_dtype, element_shape:shape_type, lengths:int64) -> (output_handle:variant)",
        attrs: "element_dtype:type; shape_type:type{int32,int64}",
        flags: Flags::PURE,
        infer: |ctx: &mut ShapeCtx<'_>| {
            ctx.input(0).with_rank_at_least(1)?;
            ctx.with_rank(2, 1)?;
            let shape = static_shape(ctx, 1)?;
            let dtype = ctx.attrs.dtype("element_dtype")?;
            set_list(ctx, 0, Some((dtype, shape)));
            Ok(())
        },
    },
    grad: Grad::Fn(split_grad),
    kernels: &[KernelDef::cpu(&[], |init: &KernelInit<'_>| {
        let dtype = init.attrs.dtype("element_dtype")?;
        Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
            split(ctx, dtype)
        }))
    })],
};

fn split(ctx: &mut OpContext<'_>, dtype: DType) -> Result<()> {
    let (t, told) = (ctx.input(0)?, shape_of(ctx.input(1)?)?);
    let Some(rows) = t.shape().dim(0) else {
        return Err(Error::invalid_argument(format!(
            "Tensor must be at least a vector, but saw shape: {}",
            t.shape()
        )));
    };
    if !ctx.input(2)?.shape().is_vector() {
        return Err(Error::invalid_argument(format!(
            "Expected lengths to be a vector, received shape: {}",
            ctx.input(2)?.shape()
        )));
    }
    let (mut elements, mut at) = (Vec::new(), 0usize);
    for n in ctx.input(2)?.to_i64s()? {
        let n = usize::try_from(n)
            .map_err(|_| Error::invalid_argument(format!("Invalid value in lengths: {n}")))?;
        let end = at.checked_add(n).filter(|e| *e <= rows).ok_or_else(|| {
            Error::invalid_argument(format!(
                "Attempting to slice [{at}, {}] from tensor with length {rows}",
                at.saturating_add(n)
            ))
        })?;
        let part = t.rows(at, end)?;
        if !told.accepts(part.shape()) {
            return Err(Error::invalid_argument(format!(
                "tensor shape {} is not compatible with element_shape {told}",
                part.shape()
            )));
        }
        elements.push(Some(part));
        at = end;
    }
    if at != rows {
        return Err(Error::invalid_argument(format!(
            "Unused values in tensor. Length of tensor: {rows} Values used: {at}"
        )));
    }
    let list = TensorList {
        dtype,
        element_shape: told,
        max_elements: None,
        elements,
    };
    ctx.set(0, Tensor::from(list))
}

fn concat_grad<'g>(ctx: &GradCtx<'g>, inputs: usize) -> Result<InputGradients<'g>> {
    let s = ctx.scope;
    let shape = s.op("TensorListElementShape").input(ctx.input(0));
    let shape = shape.attr("shape_type", DType::I32).out();
    let b = s.op("TensorListSplit").input(ctx.grad(0)).input(shape);
    let first = b.input(ctx.output(1)).out();
    dense(std::iter::once(Some(first)).chain(std::iter::repeat_n(None, inputs - 1)))
}

fn split_grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let (t, lengths) = (ctx.input(0), ctx.input(2));
    let b = ctx.scope.op("TensorListConcatV2").input(ctx.grad(0));
    let b = b
        .input(ctx.input(1))
        .input(lengths)
        .attr("element_dtype", t.dtype());
    dense([Some(b.out()), None, None])
}
