//! ScatterUpdate, ScatterAdd … and their resource forms: rows chosen by their number in dimension 0.

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

/// Numbers with an order, as ScatterMin and ScatterMax compute them.
const ORDERED: &[DType] = sets::REALS;

pub(crate) static SCATTER_UPDATE: OpEntry = OpEntry {
    def: OpDef {
        signature: "ScatterUpdate(ref:ref T, indices:Tindices, updates:T) -> (output_ref:ref T)",
        attrs: "T:type; Tindices:type{int32,int64}; use_locking:bool=true",
        flags: Flags::PURE,
        infer: infer_reference,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::PODS_AND_STRING)], |_| {
        Ok(by_reference(Operation::Update))
    })],
};

pub(crate) static SCATTER_ADD: OpEntry = OpEntry {
    def: OpDef {
        signature: "ScatterAdd(ref:ref T, indices:Tindices, updates:T) -> (output_ref:ref T)",
        attrs: "T:type{number}; Tindices:type{int32,int64}; use_locking:bool=false",
        flags: Flags::PURE,
        infer: infer_reference,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::NUMBERS)], |_| {
        Ok(by_reference(Operation::Add))
    })],
};

pub(crate) static SCATTER_SUB: OpEntry = OpEntry {
    def: OpDef {
        signature: "ScatterSub(ref:ref T, indices:Tindices, updates:T) -> (output_ref:ref T)",
        attrs: "T:type{number}; Tindices:type{int32,int64}; use_locking:bool=false",
        flags: Flags::PURE,
        infer: infer_reference,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::NUMBERS)], |_| {
        Ok(by_reference(Operation::Sub))
    })],
};

pub(crate) static SCATTER_MUL: OpEntry = OpEntry {
    def: OpDef {
        signature: "ScatterMul(ref:ref T, indices:Tindices, updates:T) -> (output_ref:ref T)",
        attrs: "T:type{number}; Tindices:type{int32,int64}; use_locking:bool=false",
        flags: Flags::PURE,
        infer: infer_reference,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::NUMBERS)], |_| {
        Ok(by_reference(Operation::Mul))
    })],
};

pub(crate) static SCATTER_DIV: OpEntry = OpEntry {
    def: OpDef {
        signature: "ScatterDiv(ref:ref T, indices:Tindices, updates:T) -> (output_ref:ref T)",
        attrs: "T:type{number}; Tindices:type{int32,int64}; use_locking:bool=false",
        flags: Flags::PURE,
        infer: infer_reference,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::NUMBERS)], |_| {
        Ok(by_reference(Operation::Div))
    })],
};

pub(crate) static SCATTER_MIN: OpEntry = OpEntry {
    def: OpDef {
        signature: "ScatterMin(ref:ref T, indices:Tindices, updates:T) -> (output_ref:ref T)",
        attrs: "T:type{half,bfloat16,float,double,int32,int64}; Tindices:type{int32,int64}; use_locking:bool=false",
        flags: Flags::PURE,
        infer: infer_reference,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", ORDERED)], |_| {
        Ok(by_reference(Operation::Min))
    })],
};

pub(crate) static SCATTER_MAX: OpEntry = OpEntry {
    def: OpDef {
        signature: "ScatterMax(ref:ref T, indices:Tindices, updates:T) -> (output_ref:ref T)",
        attrs: "T:type{half,bfloat16,float,double,int32,int64}; Tindices:type{int32,int64}; use_locking:bool=false",
        flags: Flags::PURE,
        infer: infer_reference,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", ORDERED)], |_| {
        Ok(by_reference(Operation::Max))
    })],
};

pub(crate) static RESOURCE_SCATTER_UPDATE: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceScatterUpdate(resource:resource, indices:Tindices, updates:dtype) -> ()",
        attrs: "dtype:type; Tindices:type{int32,int64}",
        flags: Flags::STATEFUL,
        infer: infer_resource,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(
        &[("dtype", sets::PODS_AND_STRING)],
        |init| by_handle(init, Operation::Update),
    )],
};

pub(crate) static RESOURCE_SCATTER_ADD: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceScatterAdd(resource:resource, indices:Tindices, updates:dtype) -> ()",
        attrs: "dtype:type{number}; Tindices:type{int32,int64}",
        flags: Flags::STATEFUL,
        infer: infer_resource,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("dtype", sets::NUMBERS)], |init| {
        by_handle(init, Operation::Add)
    })],
};

pub(crate) static RESOURCE_SCATTER_SUB: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceScatterSub(resource:resource, indices:Tindices, updates:dtype) -> ()",
        attrs: "dtype:type{number}; Tindices:type{int32,int64}",
        flags: Flags::STATEFUL,
        infer: infer_resource,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("dtype", sets::NUMBERS)], |init| {
        by_handle(init, Operation::Sub)
    })],
};

pub(crate) static RESOURCE_SCATTER_MUL: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceScatterMul(resource:resource, indices:Tindices, updates:dtype) -> ()",
        attrs: "dtype:type{number}; Tindices:type{int32,int64}",
        flags: Flags::STATEFUL,
        infer: infer_resource,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("dtype", sets::NUMBERS)], |init| {
        by_handle(init, Operation::Mul)
    })],
};

pub(crate) static RESOURCE_SCATTER_DIV: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceScatterDiv(resource:resource, indices:Tindices, updates:dtype) -> ()",
        attrs: "dtype:type{number}; Tindices:type{int32,int64}",
        flags: Flags::STATEFUL,
        infer: infer_resource,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("dtype", sets::NUMBERS)], |init| {
        by_handle(init, Operation::Div)
    })],
};

pub(crate) static RESOURCE_SCATTER_MIN: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceScatterMin(resource:resource, indices:Tindices, updates:dtype) -> ()",
        attrs: "dtype:type{number}; Tindices:type{int32,int64}",
        flags: Flags::STATEFUL,
        infer: infer_resource,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("dtype", ORDERED)], |init| {
        by_handle(init, Operation::Min)
    })],
};

pub(crate) static RESOURCE_SCATTER_MAX: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceScatterMax(resource:resource, indices:Tindices, updates:dtype) -> ()",
        attrs: "dtype:type{number}; Tindices:type{int32,int64}",
        flags: Flags::STATEFUL,
        infer: infer_resource,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("dtype", ORDERED)], |init| {
        by_handle(init, Operation::Max)
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

/// Updates are a scalar, or have the shape of the indices followed by that of a row.
fn check_shapes(ctx: &ShapeCtx<'_>, target: &PartialShape) -> Result<()> {
    target.with_rank_at_least(1)?;
    let updates = ctx.input(2);
    if updates.is_scalar() {
        return Ok(());
    }
    let row = match target.dims() {
        Some([_, row @ ..]) => PartialShape::of(row.to_vec()),
        _ => PartialShape::unknown(),
    };
    updates.merge(&ctx.input(1).concat(&row)).map(|_| ())
}

fn by_reference(operation: Operation) -> AnyKernel {
    AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let variable = ctx.variable(0)?;
        let (indices, updates) = (ctx.input(1)?.clone(), ctx.input(2)?.clone());
        {
            let mut guard = variable.lock();
            let target = guard.as_mut().ok_or_else(|| variable.uninitialized())?;
            update(ctx, target, &indices, &updates, operation)?;
        }
        ctx.set(0, Value::Ref(variable))
    })
}

fn by_handle(init: &KernelInit<'_>, operation: Operation) -> Result<AnyKernel> {
    let dtype = init.attrs.dtype("dtype")?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let variable = ctx.variable(0)?;
        handle::check_type(&variable, dtype)?;
        let (indices, updates) = (ctx.input(1)?.clone(), ctx.input(2)?.clone());
        let mut guard = variable.lock();
        let target = guard.as_mut().ok_or_else(|| variable.uninitialized())?;
        update(ctx, target, &indices, &updates, operation)
    }))
}

fn update(
    ctx: &OpContext<'_>,
    target: &mut Tensor,
    indices: &Tensor,
    updates: &Tensor,
    operation: Operation,
) -> Result<()> {
    let shape = target.shape().clone();
    let Some((limit, row)) = shape.dims().split_first() else {
        return Err(Error::invalid_argument(format!(
            "params must be at least 1-D, got shape {shape}"
        )));
    };
    let expected: Vec<usize> = indices.shape().dims().iter().chain(row).copied().collect();
    let one_for_all = updates.shape().is_scalar();
    if !one_for_all && updates.shape().dims() != expected {
        return Err(Error::invalid_argument(format!(
            "Must have updates.shape = indices.shape + params.shape[1:] or updates.shape = [], got updates.shape {}, indices.shape {}, params.shape {shape}",
            updates.shape(),
            indices.shape()
        )));
    }
    let rows = rows_of(indices, *limit)?;
    let plan = Plan {
        rows: &rows,
        inner: shape.product(1..shape.rank()),
        operation,
        one_for_all,
    };
    scatter(ctx.pool(), target, updates, &plan)
}

/// Row numbers from indices.
///
/// # Errors
/// `InvalidArgument` "indices[0] = 5 is not in [0, 2)".
pub(in super::super) fn rows_of(indices: &Tensor, limit: usize) -> Result<Vec<Option<usize>>> {
    let found = indices.to_i64s()?.into_iter().enumerate().map(|(i, v)| {
        match usize::try_from(v).ok().filter(|r| *r < limit) {
            Some(row) => Ok(Some(row)),
            None => Err(Error::invalid_argument(format!(
                "indices{} = {v} is not in [0, {limit})",
                position(indices.shape(), i)
            ))),
        }
    });
    found.collect()
}

/// `[1,2]`, the place of element `i`; nothing for a scalar.
fn position(shape: &Shape, mut i: usize) -> String {
    let mut place = Vec::new();
    for d in shape.dims().iter().rev() {
        place.push((i % d.max(&1)).to_string());
        i /= d.max(&1);
    }
    place.reverse();
    if place.is_empty() {
        String::new()
    } else {
        format!("[{}]", place.join(","))
    }
}
