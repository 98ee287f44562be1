//! What the ops on lists of tensors share: taking lists from inputs, shapes from tensors, and putting tensors together.

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::kernel::OpContext;
use crate::op::{HandleData, ShapeCtx};
use crate::shape::{PartialShape, Shape};
use crate::tensor::{Tensor, TensorList, Variant};
use std::sync::Arc;

/// The list that an input holds.
pub(crate) fn list<'a>(ctx: &'a OpContext<'_>, i: usize) -> Result<&'a TensorList> {
    let t = ctx.input(i)?;
    if !t.shape().is_scalar() {
        return Err(Error::invalid_argument(format!(
            "Input list must be a scalar. Saw: {}",
            t.shape()
        )));
    }
    match t.variants()? {
        [Variant::List(l)] => Ok(l),
        _ => Err(Error::invalid_argument("Input handle is not a list.")),
    }
}

/// Takes the list out of an input, to be changed; it is copied only when somebody else holds it.
pub(super) fn take_list(ctx: &mut OpContext<'_>, i: usize) -> Result<TensorList> {
    list(ctx, i)?;
    match ctx.take_input(i)?.into_variants()?.pop() {
        Some(Variant::List(l)) => Ok(Arc::unwrap_or_clone(l)),
        _ => Err(Error::internal("the list is gone")),
    }
}

/// A shape from a tensor of sizes; -1 is an unknown size, and as a scalar an unknown shape.
pub(super) fn shape_of(t: &Tensor) -> Result<PartialShape> {
    let dims = t.to_i64s()?;
    match (t.shape().rank(), dims.as_slice()) {
        (0, [-1]) => Ok(PartialShape::unknown()),
        (0, _) => Err(Error::invalid_argument(
            "The only valid scalar shape tensor is the fully unknown shape specified as -1.",
        )),
        (1, dims) => PartialShape::from_i64(dims),
        _ => Err(Error::invalid_argument(format!(
            "shape must be at most rank 1 but is rank {}",
            t.shape().rank()
        ))),
    }
}

/// The shape that an input tells, as far as the graph determines it.
pub(super) fn static_shape(ctx: &ShapeCtx<'_>, i: usize) -> Result<PartialShape> {
    match ctx.constant(i) {
        Some(t) => shape_of(&t),
        None if ctx.input(i).rank() == Some(1) => Ok((ctx.shape_of)(i)),
        None => Ok(PartialShape::unknown()),
    }
}

/// What the graph knows of the elements of the list in an input.
pub(super) fn known_elements(ctx: &ShapeCtx<'_>, i: usize) -> Result<PartialShape> {
    let known = ctx.handles.get(i).cloned().flatten();
    if let (Some((have, _)), Ok(want)) = (&known, ctx.attrs.dtype("element_dtype"))
        && *have != want
    {
        return Err(Error::invalid_argument(format!(
            "Expected list with element dtype {want} but got list with element dtype {have}"
        )));
    }
    Ok(known.map_or(PartialShape::unknown(), |(_, shape)| shape))
}

/// Says of an output that it is a list of such elements.
pub(super) fn set_list(ctx: &mut ShapeCtx<'_>, i: usize, known: HandleData) {
    ctx.set(i, PartialShape::scalar());
    if let Some(h) = ctx.output_handles.get_mut(i) {
        *h = known;
    }
}

/// What is known of the list in input 0 holds for output 0.
pub(super) fn same_list(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ctx.with_rank(0, 0)?;
    let known = ctx.handles.first().cloned().flatten();
    set_list(ctx, 0, known);
    Ok(())
}

/// Whether a list's elements have the type that the node says.
pub(super) fn check_type(list: &TensorList, dtype: DType) -> Result<()> {
    if list.dtype == dtype {
        return Ok(());
    }
    Err(Error::invalid_argument(format!(
        "Invalid data types; op elements {dtype} but list elements {}",
        list.dtype
    )))
}

/// The shape that elements have which were never set: what the list, the op and the other elements say.
pub(super) fn element_shape(list: &TensorList, op: &PartialShape) -> Result<PartialShape> {
    let mut shape = list.element_shape.merge(op).map_err(|_| {
        Error::invalid_argument(format!(
            "Incompatible shapes: {} vs. {op}",
            list.element_shape
        ))
    })?;
    if !shape.is_fully_known() {
        for t in list.elements.iter().flatten() {
            shape = shape.merge(&PartialShape::from(t.shape()))?;
        }
    }
    Ok(shape)
}

/// An element of a list, zeros when it was never set.
pub(super) fn element(t: Option<&Tensor>, dtype: DType, shape: &PartialShape) -> Result<Tensor> {
    if let Some(t) = t {
        return Ok(t.clone());
    }
    let full = shape.to_shape().ok_or_else(|| {
        Error::invalid_argument(format!(
            "Trying to read an uninitialized element but element_shape is not fully defined: {shape}"
        ))
    })?;
    Tensor::zeros(dtype, full)
}

/// The elements of `parts`, one after the other, as a tensor of that shape.
pub(crate) fn join(dtype: DType, shape: Shape, parts: &[Tensor]) -> Result<Tensor> {
    match dtype {
        DType::String => {
            let mut all = Vec::with_capacity(shape.elements());
            for p in parts {
                all.extend_from_slice(p.strings()?);
            }
            Tensor::from_strings(shape, all)
        }
        DType::Resource => {
            let mut all = Vec::with_capacity(shape.elements());
            for p in parts {
                all.extend_from_slice(p.handles()?);
            }
            Tensor::from_handles(shape, all)
        }
        DType::Variant => {
            let mut all = Vec::with_capacity(shape.elements());
            for p in parts {
                all.extend_from_slice(p.variants()?);
            }
            Tensor::from_variants(shape, all)
        }
        _ => {
            let mut out = Tensor::alloc(dtype, shape)?;
            let mut rest = out.bytes_mut()?;
            for p in parts {
                let bytes = p.bytes()?;
                let (here, after) = rest
                    .split_at_mut_checked(bytes.len())
                    .filter(|_| p.dtype() == dtype)
                    .ok_or_else(|| Error::internal("the parts do not fill the whole"))?;
                here.copy_from_slice(bytes);
                rest = after;
            }
            match rest.is_empty() {
                true => Ok(out),
                false => Err(Error::internal("the parts do not fill the whole")),
            }
        }
    }
}

/// `[n] + shape`.
pub(crate) fn stacked(n: usize, shape: &Shape) -> Result<Shape> {
    let mut dims = vec![n];
    dims.extend_from_slice(shape.dims());
    Shape::of(&dims)
}

/// A scalar int32 input.
pub(super) fn int(ctx: &OpContext<'_>, i: usize, name: &str) -> Result<i32> {
    ctx.scalar::<i32>(i, name)
}

/// A count from outside as the number of elements that a list gets, within reason.
pub(super) fn count(n: i32, message: impl FnOnce() -> String) -> Result<usize> {
    usize::try_from(n).map_err(|_| Error::invalid_argument(message()))
}
