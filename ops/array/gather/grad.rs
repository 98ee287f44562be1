//! The gradients of gathers: rows at their indices, or sums over segments along an axis.

use crate::dtype::DType;
use crate::error::Result;
use crate::grad::{GradCtx, Gradient, IndexedSlices, InputGradients};
use crate::graph::{Output, Scope};
use crate::ops::array::SliceSpec;

/// Of a gather along the first dimension: the rows of the gradient at the indices.
pub(super) fn rows<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.scope;
    let (params, indices) = (ctx.input(0), ctx.input(1));
    let shape = s.colocate_with(params).shape(params).in_scope(s);
    let size = s.size(indices).expand_dims(0);
    let rest = shape.strided_slice(&SliceSpec::new().from(1));
    let values = ctx.grad(0).reshape(s.concat(&[size, rest], 0));
    let slices = IndexedSlices {
        values,
        indices: indices.reshape(size),
        dense_shape: shape,
    };
    let mut out: InputGradients<'g> = vec![None; ctx.node.inputs().len()];
    if let Some(first) = out.first_mut() {
        *first = Some(Gradient::Slices(slices));
    }
    Ok(out)
}

/// Of a gather along any axis.
pub(super) fn along_axis<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let batch = ctx.attrs().int("batch_dims")?;
    let axis = ctx.input(2).constant_value().map(|t| t.to_i64s());
    let axis = axis.transpose()?.and_then(|v| v.first().copied());
    if axis == Some(0) && batch == 0 {
        return rows(ctx);
    }
    let s = ctx.scope;
    let (params, indices) = (ctx.input(0), ctx.input(1));
    let parts = Parts::new(ctx, axis, batch);
    // Values as [batches…, outer…, indices, inner…], then with the indices before the outer dimensions.
    let shape = s.shape(params);
    let cut = |from: Output<'g>, to: Output<'g>| {
        let size = parts.binary("Sub", to, from).expand_dims(0);
        shape.slice(from.expand_dims(0), size)
    };
    let zero = s.constant(0i32);
    let next = parts.binary("AddV2", parts.axis, s.constant(1i32));
    let (batches, outer) = (cut(zero, parts.batch), cut(parts.batch, parts.axis));
    let (size, inner) = (cut(parts.axis, next), cut(next, parts.rank));
    let flat = s.constant([-1i32]);
    let g = ctx.grad(0);
    let g = g.reshape(s.concat(&[batches, outer, flat, inner], 0));
    let one = s.constant(1i32);
    let order = s.concat(
        &[
            s.range(zero, parts.batch, one),
            s.expand_dims(parts.axis, 0),
            s.range(parts.batch, parts.axis, one),
            s.range(next, parts.rank, one),
        ],
        0,
    );
    let g = g.transpose(order);
    // Batches follow each other as segments.
    let count = product(s, batches);
    let per_batch = s
        .op("Mul")
        .default_name("mul")
        .input(count)
        .input(size.reshape(empty_shape(s)))
        .out();
    let rows = g.reshape(s.concat(&[flat, outer, inner], 0));
    let segments = parts.segments(indices, batches, count, size);
    let sums = s
        .op("UnsortedSegmentSum")
        .input(rows)
        .input(segments)
        .input(per_batch)
        .out();
    let sums = sums.reshape(s.concat(&[batches, size, outer, inner], 0));
    let back = s.invert_permutation(order);
    let mut out: InputGradients<'g> = vec![None; 3];
    out[0] = Some(Gradient::Dense(sums.transpose(back).reshape(shape)));
    Ok(out)
}

/// The vector that reshapes one element to a scalar.
fn empty_shape(s: Scope<'_>) -> Output<'_> {
    s.zeros([0], DType::I32)
}

fn product<'g>(s: Scope<'g>, sizes: Output<'g>) -> Output<'g> {
    let op = s.op("Prod").input(sizes).input([0i32]);
    op.attr("keep_dims", false).out()
}

/// Axis, batch dimensions and rank, not negative, as far as possible as constants.
struct Parts<'g> {
    scope: Scope<'g>,
    axis: Output<'g>,
    batch: Output<'g>,
    rank: Output<'g>,
}

impl<'g> Parts<'g> {
    fn new(ctx: &GradCtx<'g>, axis: Option<i64>, batch: i64) -> Parts<'g> {
        let s = ctx.scope;
        let rank = s.rank(ctx.input(0));
        let wrap = |v: i64, rank: Output<'g>| match i32::try_from(v) {
            Ok(v) if v >= 0 => s.constant(v),
            Ok(v) => s.op("AddV2").default_name("add").input(rank).input(v).out(),
            Err(_) => rank,
        };
        let batch = wrap(batch, s.rank(ctx.input(1)));
        let axis = match axis {
            Some(a) => wrap(a, rank),
            None => {
                let mut a = ctx.input(2);
                if a.dtype() != DType::I32 {
                    a = s.op("Cast").input(a).attr("DstT", DType::I32).out();
                }
                s.op("FloorMod")
                    .default_name("mod")
                    .input(a)
                    .input(rank)
                    .out()
            }
        };
        Parts {
            scope: s,
            axis,
            batch,
            rank,
        }
    }

    fn binary(&self, op: &'g str, a: Output<'g>, b: Output<'g>) -> Output<'g> {
        self.scope.op(op).input(a).input(b).out()
    }

    /// The indices, flat, each plus the place of its batch among the segments.
    fn segments(
        &self,
        indices: Output<'g>,
        batches: Output<'g>,
        count: Output<'g>,
        size: Output<'g>,
    ) -> Output<'g> {
        let s = self.scope;
        let mut indices = indices;
        if indices.dtype() == DType::I16 {
            indices = s.op("Cast").input(indices).attr("DstT", DType::I32).out();
        }
        if batches.shape().dim(0) == Some(0) {
            return indices.reshape([-1]);
        }
        let dtype = indices.dtype();
        let table = indices.reshape(s.stack(&[count, s.constant(-1i32)], 0));
        let mut starts = s.range(0i32, count, 1i32).expand_dims(1);
        starts = self.binary("Mul", starts, size);
        if dtype != DType::I32 {
            starts = s.op("Cast").input(starts).attr("DstT", dtype).out();
        }
        self.binary("AddV2", table, starts).reshape([-1])
    }
}
