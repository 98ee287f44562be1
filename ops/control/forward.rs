//! What the ops that only pass their input on have in common.

use crate::error::{Error, Result};
use crate::kernel::{AnyKernel, KernelInit, OpContext};
use crate::op::ShapeCtx;

/// A kernel that gives input 0, tensor or reference, as output 0.
pub(super) fn kernel(_: &KernelInit<'_>) -> crate::Result<AnyKernel> {
    Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
        let x = ctx.take_value(0)?;
        ctx.set(0, x)
    }))
}

/// Every output has the shape of input 0, and is the same resource.
pub(super) fn infer(ctx: &mut ShapeCtx<'_>) -> crate::Result<()> {
    let shape = ctx.input(0);
    let handle = ctx.handles.first().cloned().flatten();
    for i in 0..ctx.outputs.len() {
        ctx.set(i, shape.clone());
        if let Some(h) = ctx.output_handles.get_mut(i) {
            h.clone_from(&handle);
        }
    }
    Ok(())
}

/// The outputs have the shapes that the attribute `output_shapes` tells, if it does.
pub(super) fn output_shapes(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let shapes = ctx.attrs.shapes("output_shapes")?.to_vec();
    if !shapes.is_empty() && shapes.len() != ctx.outputs.len() {
        return Err(Error::invalid_argument(format!(
            "`output_shapes` must be the same length as num outputs ({} vs. {})",
            shapes.len(),
            ctx.outputs.len()
        )));
    }
    for (i, shape) in shapes.into_iter().enumerate() {
        ctx.set(i, shape);
    }
    Ok(())
}
