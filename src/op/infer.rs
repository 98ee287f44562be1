//! Shape functions that many ops share.

use super::ShapeCtx;
use crate::error::{Error, Result};
use crate::shape::{PartialShape, broadcast_shapes};

/// Nothing is known of the outputs, or there are none.
pub fn unknown(_: &mut ShapeCtx<'_>) -> Result<()> {
    Ok(())
}

/// All outputs have the shape of input 0.
pub fn unchanged(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let shape = ctx.input(0);
    for i in 0..ctx.outputs.len() {
        ctx.set(i, shape.clone());
    }
    Ok(())
}

/// All outputs are scalars.
pub fn scalar(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    for i in 0..ctx.outputs.len() {
        ctx.set(i, PartialShape::scalar());
    }
    Ok(())
}

/// Output 0 is the broadcast of inputs 0 and 1.
pub fn broadcast(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let shape = broadcast_shapes(&ctx.input(0), &ctx.input(1))?;
    ctx.set(0, shape);
    Ok(())
}

/// All inputs have one shape, which is that of all outputs.
pub fn merged(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let mut shape = ctx.input(0);
    for i in 1..ctx.len() {
        shape = shape.merge(&ctx.input(i))?;
    }
    for i in 0..ctx.outputs.len() {
        ctx.set(i, shape.clone());
    }
    Ok(())
}

/// Output 0 has the shape of the attribute `shape`.
pub fn shape_attr(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let shape = ctx.attrs.shape("shape")?.clone();
    ctx.set(0, shape);
    Ok(())
}

/// A reduction: input 0 over the axes in input 1, with the attribute `keep_dims`.
pub fn reduction(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let keep = ctx.attrs.bool("keep_dims")?;
    let input = ctx.input(0);
    let axes = ctx.constant_ints(1)?;
    let Some(dims) = input.dims() else {
        return Ok(());
    };
    let Some(axes) = axes else {
        if keep {
            ctx.set(0, PartialShape::of_rank(dims.len()));
        }
        return Ok(());
    };
    let mut reduced = vec![false; dims.len()];
    for a in axes {
        let axis = ShapeCtx::axis(a, dims.len()).map_err(|_| {
            Error::invalid_argument(format!(
                "Invalid reduction dimension ({a} for input with {} dimension(s)",
                dims.len()
            ))
        })?;
        reduced[axis] = true;
    }
    let mut out = Vec::new();
    for (d, r) in dims.iter().zip(&reduced) {
        match (r, keep) {
            (false, _) => out.push(*d),
            (true, true) => out.push(Some(1)),
            (true, false) => {}
        }
    }
    ctx.set(0, PartialShape::of(out));
    Ok(())
}
