//! What shape functions and kernels ask of resource handles of variables.

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::ShapeCtx;
use crate::resource::Variable;
use crate::shape::PartialShape;

/// The shape of the variable behind input `i`, as far as the graph knows it. The handle must be a scalar, and of
/// type `dtype` where the node has such an attribute.
///
/// # Errors
/// `InvalidArgument` when the variable is known to have another type, or the handle is no scalar.
pub(super) fn shape(ctx: &ShapeCtx<'_>, i: usize) -> Result<PartialShape> {
    ctx.with_rank(i, 0)?;
    let Some(Some((known, shape))) = ctx.handles.get(i) else {
        return Ok(PartialShape::unknown());
    };
    if let Ok(asked) = ctx.attrs.dtype("dtype")
        && asked != *known
    {
        return Err(Error::invalid_argument(format!(
            "Trying to read variable with wrong dtype. Expected {known} got {asked}"
        )));
    }
    Ok(shape.clone())
}

/// Checks a variable's type against the node's attribute.
///
/// # Errors
/// `InvalidArgument` when they differ.
pub(super) fn check_type(variable: &Variable, dtype: DType) -> Result<()> {
    if variable.dtype == dtype {
        Ok(())
    } else {
        Err(Error::invalid_argument(format!(
            "Trying to read variable with wrong dtype. Expected {} got {dtype}",
            variable.dtype
        )))
    }
}
