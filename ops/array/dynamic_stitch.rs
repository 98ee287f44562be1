//! DynamicStitch: slices of several tensors put together by number.

use super::cuda;
use super::items::{Item, MOVABLE, Move, produce};
use super::runs::put_runs;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{Dim, PartialShape, Shape};
use crate::tensor::Tensor;

pub(crate) static DYNAMIC_STITCH: OpEntry = OpEntry {
    def: OpDef {
        signature: "DynamicStitch(indices:N*int32, data:N*T) -> (merged:T)",
        attrs: "N:int>=1; T:type",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", MOVABLE)], new),
        KernelDef::gpu_host(&[("T", cuda::INT32)], &["indices", "data", "merged"], new),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let n = ctx.len() / 2;
    let mut rest = PartialShape::unknown();
    let mut largest: Option<i64> = Some(-1);
    for i in 0..n {
        let (indices, data) = (ctx.input(i), ctx.input(n + i));
        largest = match (ctx.constant_ints(i)?, largest) {
            (Some(v), Some(m)) => Some(v.into_iter().fold(m, i64::max)),
            _ => None,
        };
        let (Some(i), Some(d)) = (indices.dims(), data.dims()) else {
            continue;
        };
        let outer = d.get(..i.len()).ok_or_else(|| {
            Error::invalid_argument(format!(
                "Shape must be at least rank {} but is rank {}",
                i.len(),
                d.len()
            ))
        })?;
        PartialShape::of(outer.to_vec()).merge(&indices)?;
        rest = rest.merge(&PartialShape::of(d[i.len()..].to_vec()))?;
    }
    let rows: Dim = largest.and_then(|l| usize::try_from(l.checked_add(1)?).ok());
    ctx.set(0, PartialShape::vector(rows).concat(&rest));
    Ok(())
}

/// Puts the slices of each input at their places, one input after the other.
struct Stitch<'a> {
    len: usize,
    places: &'a [Vec<usize>],
}

impl Move for Stitch<'_> {
    fn run<E: Item>(self, inputs: &[&[E]], out: &mut [E]) -> Result<()> {
        for (src, places) in inputs.iter().zip(self.places) {
            put_runs(src, self.len, places, out)?;
        }
        Ok(())
    }
}

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let n = init.inputs.len() / 2;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let mut rest: Option<Vec<usize>> = None;
        let mut rows = 0i64;
        let mut places = Vec::with_capacity(n);
        let mut data: Vec<&Tensor> = Vec::with_capacity(n);
        for i in 0..n {
            let (indices, d) = (ctx.input(i)?, ctx.input(n + i)?);
            let (s, t) = (indices.shape(), d.shape());
            if !t.dims().starts_with(s.dims()) {
                return Err(Error::invalid_argument(format!(
                    "data[{i}].shape = {t} does not start with indices[{i}].shape = {s}"
                )));
            }
            let own = &t.dims()[s.rank()..];
            if rest.as_deref().is_some_and(|r| r != own) {
                let (s0, t0) = (ctx.input(0)?.shape(), ctx.input(n)?.shape());
                return Err(Error::invalid_argument(format!(
                    "Need data[0].shape[{}:] = data[{i}].shape[{}:], got data[0].shape = {t0}, data[{i}].shape = {t}, indices[0].shape = {s0}, indices[{i}].shape = {s}",
                    s0.rank(),
                    s.rank()
                )));
            }
            rest.get_or_insert_with(|| own.to_vec());
            let values = indices.to_i64s()?;
            rows = values.iter().fold(rows, |m, v| m.max(v.saturating_add(1)));
            places.push(values);
            data.push(d);
        }
        let rows = i32::try_from(rows)
            .ok()
            .and_then(|r| usize::try_from(r).ok());
        let rows = rows.ok_or_else(|| {
            Error::invalid_argument(format!("Expected a non-negative size, got {}", i32::MIN))
        })?;
        let mut checked = Vec::with_capacity(n);
        for (i, values) in places.iter().enumerate() {
            let own: Option<Vec<usize>> = values.iter().map(|v| usize::try_from(*v).ok()).collect();
            checked.push(
                own.ok_or_else(|| {
                    Error::invalid_argument(format!("indices[{i}] is out of range"))
                })?,
            );
        }
        let mut dims = vec![rows];
        dims.extend(rest.unwrap_or_default());
        let shape = Shape::of(&dims)?;
        let len = shape.product(1..shape.rank());
        let dtype = data.first().map_or(crate::dtype::DType::F32, |d| d.dtype());
        let job = Stitch {
            len,
            places: &checked,
        };
        let mut out = produce(dtype, shape, &data, job)?;
        clear_gaps(&mut out, &checked, rows, len)?;
        ctx.set(0, out)
    }))
}

/// Rows that no index names are zero.
fn clear_gaps(out: &mut Tensor, places: &[Vec<usize>], rows: usize, len: usize) -> Result<()> {
    let mut named = vec![false; rows];
    for place in places.iter().flatten() {
        named[*place] = true;
    }
    if named.iter().all(|n| *n) || !out.dtype().is_pod() || len == 0 {
        return Ok(());
    }
    let bytes = len * out.dtype().size();
    for (row, _) in out
        .bytes_mut()?
        .chunks_exact_mut(bytes)
        .zip(named)
        .filter(|(_, n)| !n)
    {
        row.fill(0);
    }
    Ok(())
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let n = ctx.node.inputs().len() / 2;
    let g = ctx.grad(0);
    let none = std::iter::repeat_n(None, n);
    let grads = (0..n).map(|i| Some(g.gather(ctx.input(i))));
    dense(none.chain(grads))
}

impl<'g> Scope<'g> {
    /// Slice `k` of `data[i]` becomes slice `indices[i][k]` of the result; the last one stays where several
    /// meet (op `DynamicStitch`).
    #[track_caller]
    pub fn dynamic_stitch(self, indices: &[Output<'g>], data: &[Output<'g>]) -> Output<'g> {
        self.op("DynamicStitch")
            .list(indices.iter().copied())
            .list(data.iter().copied())
            .out()
    }
}
