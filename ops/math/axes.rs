//! What the reducing ops share: builders, and gradients that spread over the reduced axes again.

use super::gradient::shape_of;
use crate::dtype::DType;
use crate::error::Result;
use crate::grad::{GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::ShapeCtx;

/// What becomes of reduced dimensions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeepDims {
    /// They go.
    #[default]
    No,
    /// They stay, with size 1.
    Yes,
}

/// A node of a reducing op.
#[track_caller]
pub(crate) fn reduction_op<'g>(
    scope: Scope<'g>,
    op: &'g str,
    input: impl Operand<'g>,
    axes: impl Operand<'g>,
    keep_dims: KeepDims,
) -> Output<'g> {
    scope
        .op(op)
        .attr("keep_dims", keep_dims == KeepDims::Yes)
        .input(input)
        .input(axes)
        .out()
}

/// A node of a reducing op over all axes: a constant lists them where the rank is known, else a Range.
#[track_caller]
pub(crate) fn reduce_all_axes<'g>(x: Output<'g>, op: &'g str) -> Output<'g> {
    let s = x.scope();
    let outside = s.unnamed();
    let axes = match x.shape().rank() {
        Some(rank) if rank > 0 => outside.constant((0..rank as i32).collect::<Vec<i32>>()),
        _ => {
            let rank = outside.rank(x);
            let inner = outside.composite("range");
            let (from, by) = (
                inner.named("start").constant(0i32),
                inner.named("delta").constant(1i32),
            );
            let name = format!("{}/", inner.name());
            inner
                .op("Range")
                .name(name)
                .input(from)
                .input(rank)
                .input(by)
                .out()
        }
    };
    reduction_op(s, op, x, axes, KeepDims::No)
}

/// The shape of input 0 with size 1 for the axes in input 1, as a vector of the graph.
fn kept_shape<'g>(ctx: &GradCtx<'g>, shape: Output<'g>) -> Output<'g> {
    let s = ctx.scope;
    if let Some(dims) = known_kept_shape(ctx) {
        return s.constant(dims);
    }
    let axes = s.cast(ctx.input(1), DType::I32);
    let rank = s.op("Size").input(shape).out();
    let axes = (axes + rank) % rank;
    let count = shape_of(s, axes);
    let inner = s.composite("range");
    let (from, by) = (
        inner.named("start").constant(0i32),
        inner.named("delta").constant(1i32),
    );
    let name = format!("{}/", inner.name());
    let all = inner
        .op("Range")
        .name(name)
        .input(from)
        .input(rank)
        .input(by)
        .out();
    let one = s.named("ones/Const").constant(1i32);
    let ones = s.op("Fill").name("ones").input(count).input(one).out();
    s.op("DynamicStitch")
        .list([all, axes])
        .list([shape, ones])
        .out()
}

/// The sizes of input 0, if all are known.
fn known_dims(ctx: &GradCtx<'_>) -> Option<Vec<i32>> {
    let shape = ctx.input(0).shape().to_shape()?;
    shape
        .dims()
        .iter()
        .map(|d| i32::try_from(*d).ok())
        .collect()
}

/// The axes of input 1 counted from the front, if they are known.
fn known_axes(ctx: &GradCtx<'_>) -> Option<Vec<usize>> {
    let rank = ctx.input(0).shape().rank()?;
    let axes = ctx.input(1).constant_value()?.to_i64s().ok()?;
    axes.iter().map(|a| ShapeCtx::axis(*a, rank).ok()).collect()
}

/// The sizes of input 0 with 1 for the reduced axes, if they are known.
fn known_kept_shape(ctx: &GradCtx<'_>) -> Option<Vec<i32>> {
    let mut dims = known_dims(ctx)?;
    for a in known_axes(ctx)? {
        dims[a] = 1;
    }
    Some(dims)
}

/// The gradient of output 0 repeated along the reduced axes: the gradient of a sum.
pub(crate) fn spread_over_axes<'g>(ctx: &GradCtx<'g>) -> Output<'g> {
    let (s, g, x) = (ctx.scope, ctx.grad(0), ctx.input(0));
    let reshape = |g: Output<'g>, dims: Vec<i32>| s.op("Reshape").input(g).input(dims).out();
    if let (Some(rank), Some(axes)) = (x.shape().rank(), known_axes(ctx)) {
        if axes.iter().copied().eq(0..rank) {
            let g = reshape(g, vec![1; rank]);
            return match known_dims(ctx) {
                Some(dims) => {
                    let multiples = s.constant(dims);
                    s.op("Tile").input(g).input(multiples).out()
                }
                None => {
                    let multiples = s.op("Shape").input(x).out();
                    s.op("Tile").input(g).input(multiples).out()
                }
            };
        }
        if let (Some(dims), Some(kept)) = (known_dims(ctx), known_kept_shape(ctx)) {
            let g = reshape(g, kept.clone());
            let multiples: Vec<i32> = dims
                .iter()
                .zip(&kept)
                .map(|(d, k)| d / (*k).max(1))
                .collect();
            return s.op("Tile").input(g).input(multiples).out();
        }
    }
    let shape = shape_of(s, x);
    spread_dynamically(ctx, shape)
}

/// As [`spread_over_axes`] for a shape that only a run knows.
pub(crate) fn spread_dynamically<'g>(ctx: &GradCtx<'g>, shape: Output<'g>) -> Output<'g> {
    let (s, g) = (ctx.scope, ctx.grad(0));
    let keeps = ctx.attrs().bool("keep_dims").unwrap_or(false);
    let g = if keeps {
        g
    } else {
        let kept = kept_shape(ctx, shape);
        s.op("Reshape").input(g).input(kept).out()
    };
    s.op("BroadcastTo").input(g).input(shape).out()
}

/// The gradient of the greatest or least element: it goes in equal parts to all elements that have that value.
pub(crate) fn extremum_gradient<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let (s, x, axes) = (ctx.scope, ctx.input(0), ctx.input(1));
    let shape = shape_of(s, x);
    let (mut y, mut g) = (ctx.output(0), ctx.grad(0));
    let kept = if ctx.attrs().bool("keep_dims")? {
        shape_of(s, y)
    } else {
        let kept = kept_shape(ctx, shape);
        y = s.op("Reshape").input(y).input(kept).out();
        g = s.op("Reshape").input(g).input(kept).out();
        kept
    };
    let chosen = s.cast(s.equal(y, x), g.dtype());
    let count = s.sum(chosen, axes, KeepDims::No);
    let count = s.op("Reshape").input(count).input(kept).out();
    let share = s.named("truediv").real_div(chosen, count);
    dense([Some(share * g), None])
}
