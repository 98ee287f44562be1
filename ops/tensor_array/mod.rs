//! Arrays of tensors that live for a step: what version 1 loops collect their results in.

mod backward;
mod builder;
mod close;
mod concat;
mod create;
mod gather;
mod grad;
mod read;
mod scatter;
mod size;
mod split;
#[cfg(test)]
mod tests;
mod write;

pub use builder::{TensorArray, TensorArrayOptions};

use crate::error::{Error, Result};
use crate::kernel::OpContext;
use crate::op::ShapeCtx;
use crate::registry::OpEntry;
use crate::resource;
use crate::shape::PartialShape;
use std::sync::Arc;

/// The ops of this family.
pub(crate) static OPS: &[&OpEntry] = &[
    &close::TENSOR_ARRAY_CLOSE_V3,
    &concat::TENSOR_ARRAY_CONCAT_V3,
    &create::TENSOR_ARRAY_V3,
    &gather::TENSOR_ARRAY_GATHER_V3,
    &grad::TENSOR_ARRAY_GRAD_V3,
    &grad::TENSOR_ARRAY_GRAD_WITH_SHAPE,
    &read::TENSOR_ARRAY_READ_V3,
    &scatter::TENSOR_ARRAY_SCATTER_V3,
    &size::TENSOR_ARRAY_SIZE_V3,
    &split::TENSOR_ARRAY_SPLIT_V3,
    &write::TENSOR_ARRAY_WRITE_V3,
];

/// The array behind input 0.
fn array(ctx: &OpContext<'_>) -> Result<Arc<resource::TensorArray>> {
    ctx.step_resource(0)
}

/// The array behind input 0, which must hold what the op asks for.
fn array_of(ctx: &OpContext<'_>, dtype: crate::DType) -> Result<Arc<resource::TensorArray>> {
    let a = array(ctx)?;
    match a.dtype() == dtype {
        true => Ok(a),
        false => Err(Error::invalid_argument(format!(
            "TensorArray dtype is {} but Op requested dtype {dtype}.",
            a.dtype()
        ))),
    }
}

/// The array behind input 0, to which an input is to be written.
fn array_for(ctx: &OpContext<'_>, value: usize) -> Result<Arc<resource::TensorArray>> {
    let (a, dtype) = (array(ctx)?, ctx.input(value)?.dtype());
    match a.dtype() == dtype {
        true => Ok(a),
        false => Err(Error::invalid_argument(format!(
            "TensorArray dtype is {} but Op is trying to write dtype {dtype}.",
            a.dtype()
        ))),
    }
}

/// A vector of places.
fn places(ctx: &OpContext<'_>, i: usize) -> Result<Vec<i64>> {
    let t = ctx.input(i)?;
    if !t.shape().is_vector() {
        return Err(Error::invalid_argument(format!(
            "Expected indices to be a vector, but received shape: {}",
            t.shape()
        )));
    }
    t.to_i64s()
}

/// Passes the flow on.
fn pass_flow(ctx: &mut OpContext<'_>, i: usize) -> Result<()> {
    let flow = ctx.take_value(i)?;
    ctx.set(0, flow)
}

/// What the graph knows of the elements of the array in input 0.
fn known_elements(ctx: &ShapeCtx<'_>) -> Option<PartialShape> {
    ctx.handles
        .first()
        .cloned()
        .flatten()
        .map(|(_, shape)| shape)
}

/// A flow comes out.
fn infer_flow(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ctx.set(0, PartialShape::scalar());
    Ok(())
}
