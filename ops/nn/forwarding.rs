//! Helpers of gradient functions: attributes passed on whole, shapes of inputs as tensors.

use crate::grad::GradCtx;
use crate::graph::{OpBuilder, Output};

/// Sets the attributes of these names to those of the node that is differentiated.
pub(crate) fn forward_attrs<'g>(
    ctx: &GradCtx<'g>,
    mut op: OpBuilder<'g>,
    names: &[&str],
) -> OpBuilder<'g> {
    for name in names {
        if let Ok(value) = ctx.attrs().get(name) {
            op = op.attr(name, value.clone());
        }
    }
    op
}

/// The shape of a tensor as an int32 vector: a constant where it is known, as TensorFlow's Python does it.
pub(crate) fn shape_of<'g>(ctx: &GradCtx<'g>, x: Output<'g>) -> Output<'g> {
    let known = x.shape().to_shape().and_then(|s| {
        s.dims()
            .iter()
            .map(|d| i32::try_from(*d).ok())
            .collect::<Option<Vec<i32>>>()
    });
    match known {
        Some(dims) => ctx.scope.named("Shape").constant(dims),
        None => ctx.scope.op("Shape").input(x).out(),
    }
}
