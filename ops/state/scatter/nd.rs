//! ScatterNdUpdate, ScatterNdAdd, ScatterNdSub and their resource forms: slices chosen by tuples of indices.

use super::super::elementwise::Operation;
use super::super::handle;
use super::engine::{Plan, scatter};
use crate::dtype::{DType, sets};
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext, Value};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;

pub(crate) static SCATTER_ND_UPDATE: OpEntry = OpEntry {
    def: OpDef {
        signature: "ScatterNdUpdate(ref:ref T, indices:Tindices, updates:T) -> (output_ref:ref T)",
        attrs: "T:type; Tindices:type{int32,int64}; use_locking:bool=true; bad_indices_policy:string=\"\"",
        flags: Flags::PURE,
        infer: infer_reference,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::PODS_AND_STRING)], |init| {
        new(init, Operation::Update)
    })],
};

pub(crate) static SCATTER_ND_ADD: OpEntry = OpEntry {
    def: OpDef {
        signature: "ScatterNdAdd(ref:ref T, indices:Tindices, updates:T) -> (output_ref:ref T)",
        attrs: "T:type{number}; Tindices:type{int32,int64}; use_locking:bool=false; bad_indices_policy:string=\"\"",
        flags: Flags::PURE,
        infer: infer_reference,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::NUMBERS)], |init| {
        new(init, Operation::Add)
    })],
};

pub(crate) static SCATTER_ND_SUB: OpEntry = OpEntry {
    def: OpDef {
        signature: "ScatterNdSub(ref:ref T, indices:Tindices, updates:T) -> (output_ref:ref T)",
        attrs: "T:type{number}; Tindices:type{int32,int64}; use_locking:bool=false; bad_indices_policy:string=\"\"",
        flags: Flags::PURE,
        infer: infer_reference,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::NUMBERS)], |init| {
        new(init, Operation::Sub)
    })],
};

pub(crate) static RESOURCE_SCATTER_ND_UPDATE: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceScatterNdUpdate(ref:resource, indices:Tindices, updates:T) -> ()",
        attrs: "T:type; Tindices:type{int32,int64}; use_locking:bool=true; bad_indices_policy:string=\"\"",
        flags: Flags::STATEFUL,
        infer: infer_resource,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::PODS_AND_STRING)], |init| {
        new(init, Operation::Update)
    })],
};

pub(crate) static RESOURCE_SCATTER_ND_ADD: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceScatterNdAdd(ref:resource, indices:Tindices, updates:T) -> ()",
        attrs: "T:type; Tindices:type{int32,int64}; use_locking:bool=true; bad_indices_policy:string=\"\"",
        flags: Flags::STATEFUL,
        infer: infer_resource,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::PODS)], |init| {
        new(init, Operation::Add)
    })],
};

pub(crate) static RESOURCE_SCATTER_ND_SUB: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceScatterNdSub(ref:resource, indices:Tindices, updates:T) -> ()",
        attrs: "T:type; Tindices:type{int32,int64}; use_locking:bool=true; bad_indices_policy:string=\"\"",
        flags: Flags::STATEFUL,
        infer: infer_resource,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::PODS)], |init| {
        new(init, Operation::Sub)
    })],
};

fn infer_reference(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let target = ctx.input(0);
    check_shapes(ctx, &target)?;
    ctx.set(0, target);
    Ok(())
}

fn infer_resource(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let target = handle::shape(ctx, 0)?;
    check_shapes(ctx, &target)
}

/// Updates have the shape of the indices without their last dimension, of size K, followed by the target's
/// dimensions from K on.
fn check_shapes(ctx: &ShapeCtx<'_>, target: &PartialShape) -> Result<()> {
    let indices = ctx.input(1);
    indices.with_rank_at_least(1)?;
    let (Some([outer @ .., Some(depth)]), Some(dims)) = (indices.dims(), target.dims()) else {
        return Ok(());
    };
    let Some(inner) = dims.get(*depth..) else {
        return Err(Error::invalid_argument(format!(
            "indices of depth {depth} do not fit shape {target}"
        )));
    };
    let expected = PartialShape::of([outer, inner].concat());
    ctx.input(2).merge(&expected).map(|_| ())
}

/// What happens to indices outside of the target.
#[derive(Clone, Copy, PartialEq)]
enum BadIndices {
    Refuse,
    Ignore,
}

fn new(init: &KernelInit<'_>, operation: Operation) -> Result<AnyKernel> {
    let dtype = init.attrs.dtype("T")?;
    let policy = match init.attrs.str("bad_indices_policy")? {
        "" | "DEFAULT" | "ERROR" => BadIndices::Refuse,
        "IGNORE" => BadIndices::Ignore,
        other => {
            return Err(Error::invalid_argument(format!(
                "Unknown bad indices handling attribute: {other}"
            )));
        }
    };
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let variable = ctx.variable(0)?;
        handle::check_type(&variable, dtype)?;
        let (indices, updates) = (ctx.input(1)?.clone(), ctx.input(2)?.clone());
        {
            let mut guard = variable.lock();
            let target = guard.as_mut().ok_or_else(|| variable.uninitialized())?;
            update(ctx, target, &indices, &updates, operation, policy)?;
        }
        if ctx.num_outputs() > 0 {
            ctx.set(0, Value::Ref(variable))?;
        }
        Ok(())
    }))
}

fn update(
    ctx: &OpContext<'_>,
    target: &mut Tensor,
    indices: &Tensor,
    updates: &Tensor,
    operation: Operation,
    policy: BadIndices,
) -> Result<()> {
    let shape = target.shape().clone();
    let dims = indices.shape().dims();
    // A vector holds numbers of rows.
    let split = match dims {
        [_] => Some((&1, dims)),
        _ => dims.split_last(),
    };
    let Some((depth, outer)) = split else {
        return Err(Error::invalid_argument(format!(
            "indices must be at least 1-D, got shape {}",
            indices.shape()
        )));
    };
    let Some(inner) = shape.dims().get(*depth..) else {
        return Err(Error::invalid_argument(format!(
            "indices.shape[-1] must be <= params.rank, but saw indices shape: {} and params shape: {shape}",
            indices.shape()
        )));
    };
    if updates.shape().dims() != [outer, inner].concat() {
        return Err(Error::invalid_argument(format!(
            "Must have updates.shape = indices.shape[:batch_dim] + params_shape[slice_dim:], got updates.shape: {}, indices.shape: {}, params_shape: {shape}",
            updates.shape(),
            indices.shape()
        )));
    }
    if updates.elements() == 0 && *depth == 0 {
        return Ok(());
    }
    let tuples: usize = indices.shape().product(0..outer.len());
    let rows = rows_of(indices, &shape, *depth, tuples, policy)?;
    let plan = Plan {
        rows: &rows,
        inner: shape.product(*depth..shape.rank()),
        operation,
        one_for_all: false,
    };
    scatter(ctx.pool(), target, updates, &plan)
}

/// For each tuple the number of its slice.
fn rows_of(
    indices: &Tensor,
    shape: &Shape,
    depth: usize,
    tuples: usize,
    policy: BadIndices,
) -> Result<Vec<Option<usize>>> {
    let values = match indices.dtype() {
        DType::I32 | DType::I64 => indices.to_i64s()?,
        other => {
            return Err(Error::invalid_argument(format!(
                "indices must be int32 or int64, got {other}"
            )));
        }
    };
    let rows = (0..tuples).map(|i| {
        let tuple = &values[i * depth..(i + 1) * depth];
        let row = tuple
            .iter()
            .zip(shape.dims())
            .try_fold(0usize, |row, (v, d)| {
                let v = usize::try_from(*v).ok().filter(|v| v < d)?;
                row.checked_mul(*d)?.checked_add(v)
            });
        if row.is_none() && policy == BadIndices::Refuse {
            let tuple: Vec<String> = tuple.iter().map(i64::to_string).collect();
            return Err(Error::invalid_argument(format!(
                "indices[{i}] = [{}] does not index into shape {shape}",
                tuple.join(", ")
            )));
        }
        Ok(row)
    });
    rows.collect()
}
