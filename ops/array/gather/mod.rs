//! Gather and GatherV2: slices of a tensor by number.

mod grad;

use super::cuda;
use super::items::{Item, MOVABLE, Move, produce};
use super::runs::{checked_indices, take_runs};
use crate::device::cpu::ThreadPool;
use crate::dtype::DType;
use crate::dtype::sets::INDEX;
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{Dim, PartialShape, Shape};
use crate::tensor::Tensor;

pub(crate) static GATHER: OpEntry = OpEntry {
    def: OpDef {
        signature: "Gather(params:Tparams, indices:Tindices) -> (output:Tparams)",
        attrs: "validate_indices:bool=true; Tparams:type; Tindices:type{int32,int64}",
        flags: Flags::PURE,
        infer: infer_v1,
    },
    grad: Grad::Fn(grad::rows),
    kernels: &[
        KernelDef::cpu(&[("Tparams", MOVABLE), ("Tindices", INDICES)], new_v1),
        KernelDef::gpu(&[("Tparams", cuda::ON_GPU), ("Tindices", INDEX)], new_v1),
        KernelDef::gpu_host(
            &[("Tparams", cuda::INT32), ("Tindices", INDEX)],
            &["params", "indices", "output"],
            new_v1,
        ),
    ],
};

pub(crate) static GATHER_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "GatherV2(params:Tparams, indices:Tindices, axis:Taxis) -> (output:Tparams)",
        attrs: "batch_dims:int=0; Tparams:type; Tindices:type{int16,int32,int64}; Taxis:type{int32,int64}",
        flags: Flags::PURE,
        infer: infer_v2,
    },
    grad: Grad::Fn(grad::along_axis),
    kernels: &[
        KernelDef::cpu(&[("Tparams", MOVABLE), ("Tindices", INDICES)], new_v2),
        KernelDef::gpu_host(
            &[("Tparams", cuda::ON_GPU), ("Tindices", INDEX)],
            &["axis"],
            new_v2,
        ),
        KernelDef::gpu_host(
            &[("Tparams", cuda::INT32), ("Tindices", INDEX)],
            &["params", "indices", "axis", "output"],
            new_v2,
        ),
    ],
};

const INDICES: &[DType] = &[DType::I16, DType::I32, DType::I64];

fn infer_v1(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let (params, indices) = (ctx.input(0), ctx.input(1));
    params.with_rank_at_least(1)?;
    if let Some(dims) = params.dims() {
        let rest = PartialShape::of(dims.get(1..).unwrap_or(&[]).to_vec());
        ctx.set(0, indices.concat(&rest));
    }
    Ok(())
}

fn infer_v2(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let (params, indices) = (ctx.input(0), ctx.input(1));
    params.with_rank_at_least(1)?;
    ctx.with_rank(2, 0)?;
    let mut batch = ctx.attrs.int("batch_dims")?;
    let Some(axis) = ctx.constant_int(2)? else {
        let ranks = params.rank().zip(indices.rank());
        if let Some((p, i)) = ranks {
            let b = if batch < 0 { batch + i as i64 } else { batch };
            let rank = p as i64 - 1 + i as i64 - b;
            if let Ok(rank) = usize::try_from(rank) {
                ctx.set(0, PartialShape::of_rank(rank));
            }
        }
        return Ok(());
    };
    let (Some(p), Some(i)) = (params.dims(), indices.dims()) else {
        // The axis tells the least rank.
        let least = if axis < 0 {
            axis.unsigned_abs()
        } else {
            axis as u64 + 1
        };
        if let Ok(least) = usize::try_from(least) {
            params.with_rank_at_least(least)?;
        }
        return Ok(());
    };
    let axis = checked_axis(axis, p.len())?;
    batch = checked_batch(batch, p.len(), i.len(), axis)? as i64;
    let batch = batch as usize;
    let mut dims: Vec<Dim> = Vec::with_capacity(p.len() + i.len());
    for (k, (a, b)) in p[..batch].iter().zip(&i[..batch]).enumerate() {
        dims.push(match (a, b) {
            (Some(a), Some(b)) if a != b => return Err(batch_mismatch(k, *a, *b)),
            (a, b) => a.or(*b),
        });
    }
    dims.extend_from_slice(&p[batch..axis]);
    dims.extend_from_slice(&i[batch..]);
    dims.extend_from_slice(&p[axis + 1..]);
    ctx.set(0, PartialShape::of(dims));
    Ok(())
}

fn checked_axis(axis: i64, rank: usize) -> Result<usize> {
    let least = if axis < 0 {
        axis.unsigned_abs()
    } else {
        axis as u64 + 1
    };
    if least > rank as u64 {
        return Err(Error::invalid_argument(format!(
            "Shape must be at least rank {least} but is rank {rank}"
        )));
    }
    Ok((if axis < 0 { axis + rank as i64 } else { axis }) as usize)
}

/// The number of batch dimensions.
fn checked_batch(batch: i64, params: usize, indices: usize, axis: usize) -> Result<usize> {
    let i = indices as i64;
    if batch < -i || batch > i {
        return Err(Error::invalid_argument(format!(
            "Expected batch_dims in the range [{}, {i}], but got {batch}",
            -i
        )));
    }
    let batch = (if batch < 0 { batch + i } else { batch }) as usize;
    if batch >= params {
        return Err(Error::invalid_argument(format!(
            "batch_dims ({batch}) must be less than rank(params) ({params})."
        )));
    }
    if batch > axis {
        return Err(Error::invalid_argument(format!(
            "batch_dims ({batch}) must be less than or equal to axis ({axis})."
        )));
    }
    Ok(batch)
}

fn batch_mismatch(i: usize, params: usize, indices: usize) -> Error {
    Error::invalid_argument(format!(
        "params.shape[{i}]: {params} should be equal to indices.shape[{i}]: {indices}"
    ))
}

fn new_v1(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
        let out = gathered(ctx.pool(), ctx.input(0)?, ctx.input(1)?, 0, 0)?;
        ctx.set(0, out)
    }))
}

fn new_v2(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let batch = init.attrs.int("batch_dims")?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let axis = ctx.input(2)?;
        if !axis.shape().is_scalar() {
            return Err(Error::invalid_argument("axis must be scalar"));
        }
        let axis = axis.to_i64s()?.first().copied().unwrap_or_default();
        let out = gathered(ctx.pool(), ctx.input(0)?, ctx.input(1)?, axis, batch)?;
        ctx.set(0, out)
    }))
}

struct TakeRuns<'a> {
    pool: &'a ThreadPool,
    len: usize,
    from: &'a [usize],
}

impl Move for TakeRuns<'_> {
    fn run<E: Item>(self, inputs: &[&[E]], out: &mut [E]) -> Result<()> {
        let [src] = inputs else {
            return Err(Error::internal("one input was expected"));
        };
        take_runs(self.pool, src, self.len, self.from, out)
    }
}

/// The slices of `params` along an axis that `indices` names, with the first `batch` dimensions in common.
///
/// # Errors
/// `InvalidArgument` for an axis, batch or index out of range.
pub(crate) fn gathered(
    pool: &ThreadPool,
    params: &Tensor,
    indices: &Tensor,
    axis: i64,
    batch: i64,
) -> Result<Tensor> {
    let (p, i) = (params.shape(), indices.shape());
    if p.rank() == 0 {
        return Err(Error::invalid_argument(
            "params must be at least 1 dimensional",
        ));
    }
    let axis = checked_axis(axis, p.rank())?;
    let batch = checked_batch(batch, p.rank(), i.rank(), axis)?;
    for (k, (a, b)) in p.dims()[..batch].iter().zip(i.dims()).enumerate() {
        if a != b {
            return Err(batch_mismatch(k, *a, *b));
        }
    }
    let limit = p.dims()[axis];
    let mut dims = p.dims()[..axis].to_vec();
    dims.extend_from_slice(&i.dims()[batch..]);
    dims.extend_from_slice(&p.dims()[axis + 1..]);
    let shape = Shape::of(&dims)?;
    if let Some(gpu) = params.gpu().cloned() {
        let out = Tensor::alloc_on(&gpu, params.dtype(), shape)?;
        let sizes = cuda::Rows {
            rows: limit,
            row: p.product(axis + 1..p.rank()),
            outer: p.product(batch..axis).max(1),
            picked: i.product(batch..i.rank()).max(1),
        };
        cuda::gather(&gpu, params, indices, &out, &sizes)?;
        return Ok(out);
    }
    let numbers = checked_indices("indices", i, &indices.to_i64s()?, limit)?;
    if shape.elements() == 0 {
        return Tensor::zeros(params.dtype(), shape);
    }
    let batches = p.product(0..batch);
    let outer = p.product(batch..axis);
    let len = p.product(axis + 1..p.rank());
    // Each batch has its own indices; within it, they count for every outer index.
    let each = numbers.len() / batches.max(1);
    let from = if batches * outer == 1 {
        numbers
    } else {
        let mut from = Vec::with_capacity(shape.elements() / len.max(1));
        for b in 0..batches {
            let own = &numbers[b * each..(b + 1) * each];
            for o in 0..outer {
                let base = (b * outer + o) * limit;
                from.extend(own.iter().map(|i| base + i));
            }
        }
        from
    };
    let job = TakeRuns {
        pool,
        len,
        from: &from,
    };
    produce(params.dtype(), shape, &[params], job)
}

/// How [`Scope::gather_with`] gathers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GatherOptions {
    /// The axis along which slices are taken.
    pub axis: i32,
    /// How many leading dimensions `params` and `indices` have in common.
    pub batch_dims: i64,
}

impl<'g> Scope<'g> {
    /// The slices of `params` along its first dimension that `indices` names (op `GatherV2`).
    #[track_caller]
    pub fn gather(self, params: impl Operand<'g>, indices: impl Operand<'g>) -> Output<'g> {
        self.gather_with(params, indices, GatherOptions::default())
    }
    /// The slices of `params` along an axis that `indices` names (op `GatherV2`).
    #[track_caller]
    pub fn gather_with(
        self,
        params: impl Operand<'g>,
        indices: impl Operand<'g>,
        options: GatherOptions,
    ) -> Output<'g> {
        self.op("GatherV2")
            .input(params)
            .input(indices)
            .input(options.axis)
            .attr("batch_dims", options.batch_dims)
            .out()
    }
}

impl<'g> Output<'g> {
    /// The slices along the first dimension that `indices` names (op `GatherV2`).
    #[track_caller]
    pub fn gather(self, indices: impl Operand<'g>) -> Output<'g> {
        self.scope().gather(self, indices)
    }
}
