//! ResourceGather and ResourceGatherNd: rows and slices of a variable, read without copying the whole.

use super::elementwise::BLOCK;
use super::handle;
use super::scatter::rows_of;
use crate::device::cpu::Disjoint;
use crate::device::cpu::ThreadPool;
use crate::dtype::{DType, sets};
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, Gradient, IndexedSlices, InputGradients};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{Dim, PartialShape, Shape};
use crate::tensor::{Bytes, Tensor};

pub(crate) static RESOURCE_GATHER: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceGather(resource:resource, indices:Tindices) -> (output:dtype)",
        attrs: "batch_dims:int=0; validate_indices:bool=true; dtype:type; Tindices:type{int32,int64}",
        flags: Flags::STATEFUL,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[KernelDef::cpu(&[("dtype", sets::PODS_AND_STRING)], new)],
};

pub(crate) static RESOURCE_GATHER_ND: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceGatherNd(resource:resource, indices:Tindices) -> (output:dtype)",
        attrs: "dtype:type; Tindices:type{int32,int64}",
        flags: Flags::STATEFUL,
        infer: infer_nd,
    },
    grad: Grad::Fn(grad_nd),
    kernels: &[KernelDef::cpu(&[("dtype", sets::PODS_AND_STRING)], new_nd)],
};

/// The number of batch dimensions, counted from the back when negative.
fn batch_dims(batch: i64, indices_rank: usize) -> Result<usize> {
    let rank = indices_rank as i64;
    let b = if batch < 0 {
        batch.saturating_add(rank)
    } else {
        batch
    };
    match usize::try_from(b).ok().filter(|b| *b <= indices_rank) {
        Some(b) => Ok(b),
        None => Err(Error::invalid_argument(format!(
            "Expected batch_dims in the range [{}, {rank}], but got {batch}",
            -rank
        ))),
    }
}

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let params = handle::shape(ctx, 0)?;
    params.with_rank_at_least(1)?;
    let (Some(p), indices) = (params.dims(), ctx.input(1)) else {
        return Ok(());
    };
    let Some(i) = indices.dims() else {
        return Ok(());
    };
    let b = batch_dims(ctx.attrs.int("batch_dims")?, i.len())?;
    let Some(row) = p.get(b + 1..) else {
        return Err(Error::invalid_argument(format!(
            "batch_dims {b} must be less than rank(params) ({})",
            p.len()
        )));
    };
    let batch = PartialShape::of(p[..b].to_vec()).merge(&PartialShape::of(i[..b].to_vec()))?;
    let rest: Vec<Dim> = i[b..].iter().chain(row).copied().collect();
    ctx.set(0, batch.concat(&PartialShape::of(rest)));
    Ok(())
}

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let dtype = init.attrs.dtype("dtype")?;
    let batch = init.attrs.int("batch_dims")?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let variable = ctx.variable(0)?;
        handle::check_type(&variable, dtype)?;
        let params = variable.read()?;
        let indices = ctx.input(1)?;
        let b = batch_dims(batch, indices.shape().rank())?;
        let (p, i) = (params.shape().dims(), indices.shape().dims());
        let Some((limit, row)) = p.get(b..).and_then(<[usize]>::split_first) else {
            return Err(Error::invalid_argument(
                "params must be at least 1 dimensional",
            ));
        };
        if p[..b] != i[..b] {
            return Err(Error::invalid_argument(format!(
                "params.shape[:batch_dims] {} and indices.shape[:batch_dims] {} must be equal",
                params.shape(),
                indices.shape()
            )));
        }
        let shape = Shape::of(&[i, row].concat())?;
        let each = indices.shape().product(b..i.len()).max(1);
        let rows: Vec<usize> = rows_of(indices, *limit)?
            .into_iter()
            .flatten()
            .enumerate()
            .map(|(k, r)| k / each * limit + r)
            .collect();
        let inner = params.shape().product(b + 1..p.len());
        let out = gather(ctx.pool(), &params, &rows, inner, shape)?;
        ctx.set(0, out)
    }))
}

/// Rows of `inner` elements of `params`, one after the other.
fn gather(
    pool: &ThreadPool,
    params: &Tensor,
    rows: &[usize],
    inner: usize,
    shape: Shape,
) -> Result<Tensor> {
    if params.dtype() == DType::String {
        let all = params.strings()?;
        let values: Vec<Bytes> = rows
            .iter()
            .flat_map(|r| &all[r * inner..(r + 1) * inner])
            .cloned()
            .collect();
        return Tensor::from_strings(shape, values);
    }
    let mut out = Tensor::alloc(params.dtype(), shape)?;
    let row_bytes = inner.saturating_mul(params.dtype().size());
    if out.elements() == 0 {
        return Ok(out);
    }
    let from = params.bytes()?;
    let to = Disjoint::new(out.bytes_mut()?);
    let block = (BLOCK * 4).div_ceil(row_bytes);
    pool.for_blocks(rows.len(), block, &|start, end| {
        for (k, row) in (start..end).zip(&rows[start..end]) {
            // SAFETY: each row of the output is written by one job only.
            let to = unsafe { to.part(k * row_bytes, row_bytes) };
            to.copy_from_slice(&from[row * row_bytes..][..row_bytes]);
        }
    });
    Ok(out)
}

fn infer_nd(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let params = handle::shape(ctx, 0)?;
    let indices = ctx.input(1);
    indices.with_rank_at_least(1)?;
    let (Some([outer @ .., Some(depth)]), Some(dims)) = (indices.dims(), params.dims()) else {
        return Ok(());
    };
    let Some(slice) = dims.get(*depth..) else {
        return Err(Error::invalid_argument(format!(
            "indices.shape[-1] must be <= params.rank, but saw indices.shape[-1] = {depth} and params.rank = {}",
            dims.len()
        )));
    };
    ctx.set(0, PartialShape::of([outer, slice].concat()));
    Ok(())
}

fn new_nd(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let dtype = init.attrs.dtype("dtype")?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let variable = ctx.variable(0)?;
        handle::check_type(&variable, dtype)?;
        let params = variable.read()?;
        let indices = ctx.input(1)?;
        let Some((depth, outer)) = indices.shape().dims().split_last() else {
            return Err(Error::invalid_argument("indices must be at least a vector"));
        };
        let dims = params.shape().dims();
        let Some(slice) = dims.get(*depth..) else {
            return Err(Error::invalid_argument(format!(
                "index innermost dimension length must be <= params rank; saw: {depth} vs. {}",
                dims.len()
            )));
        };
        let shape = Shape::of(&[outer, slice].concat())?;
        let inner = params.shape().product(*depth..dims.len());
        let values = indices.to_i64s()?;
        let tuples = if shape.elements() == 0 && *depth == 0 {
            0
        } else {
            indices.shape().product(0..outer.len())
        };
        let mut rows = Vec::with_capacity(tuples);
        for i in 0..tuples {
            let tuple = &values[i * depth..(i + 1) * depth];
            let row = tuple.iter().zip(dims).try_fold(0usize, |row, (v, d)| {
                let v = usize::try_from(*v).ok().filter(|v| v < d)?;
                row.checked_mul(*d)?.checked_add(v)
            });
            rows.push(row.ok_or_else(|| {
                let tuple: Vec<String> = tuple.iter().map(i64::to_string).collect();
                Error::invalid_argument(format!(
                    "indices[{i}] = [{}] does not index into param shape {}",
                    tuple.join(", "),
                    params.shape()
                ))
            })?);
        }
        let out = gather(ctx.pool(), &params, &rows, inner, shape)?;
        ctx.set(0, out)
    }))
}

/// The shape of the variable, from its handle.
fn variable_shape<'g>(ctx: &GradCtx<'g>, out_type: DType) -> crate::graph::Output<'g> {
    ctx.scope
        .op("VariableShape")
        .input(ctx.input(0))
        .attr("out_type", out_type)
        .out()
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.scope;
    if ctx.attrs().int("batch_dims")? != 0 {
        return Err(Error::unimplemented(
            "the gradient of ResourceGather with batch dimensions",
        ));
    }
    let shape = variable_shape(ctx, DType::I32);
    let size = s.op("Size").input(ctx.input(1)).out();
    let size = s
        .op("ExpandDims")
        .input(size)
        .input(s.named("ExpandDims/dim").constant(0i32))
        .out();
    let part = s.composite("strided_slice");
    let row = part
        .op("StridedSlice")
        .name(format!("{}/", part.name()))
        .input(shape)
        .input(part.named("stack").constant([1i32]))
        .input(part.named("stack_1").constant([0i32]))
        .input(part.named("stack_2").constant([1i32]))
        .attr("end_mask", 1i64)
        .out();
    let values_shape = s
        .op("ConcatV2")
        .name("concat")
        .list([size, row])
        .input(s.named("concat/axis").constant(0i32))
        .out();
    let values = s.op("Reshape").input(ctx.grad(0)).input(values_shape).out();
    let indices = s.op("Reshape").input(ctx.input(1)).input(size).out();
    Ok(vec![
        Some(Gradient::Slices(IndexedSlices {
            values,
            indices,
            dense_shape: shape,
        })),
        None,
    ])
}

fn grad_nd<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let indices = ctx.input(1);
    let shape = variable_shape(ctx, indices.dtype());
    let depth = indices
        .shape()
        .dims()
        .and_then(|d| d.last().copied())
        .flatten();
    let grad = ctx.grad(0);
    if indices.shape().rank() == Some(2) && depth == Some(1) {
        let flat = ctx
            .scope
            .op("Squeeze")
            .input(indices)
            .attr("squeeze_dims", [-1i64])
            .out();
        return Ok(vec![
            Some(Gradient::Slices(IndexedSlices {
                values: grad,
                indices: flat,
                dense_shape: shape,
            })),
            None,
        ]);
    }
    let dense = ctx
        .scope
        .op("ScatterNd")
        .input(indices)
        .input(grad)
        .input(shape)
        .out();
    Ok(vec![Some(Gradient::Dense(dense)), None])
}
