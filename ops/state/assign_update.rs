//! AssignAdd, AssignSub and their resource forms: add to a variable, or subtract from it.

use super::elementwise::{Operation, combine};
use super::number::for_number;
use crate::dtype::sets;
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext, Value};
use crate::op::{Flags, OpDef, ShapeCtx, infer};
use crate::ops::math::cuda;
use crate::registry::OpEntry;
use crate::tensor::Tensor;

const REF_ATTRS: &str = "T:type{number}; use_locking:bool=false";

pub(crate) static ASSIGN_ADD: OpEntry = OpEntry {
    def: OpDef {
        signature: "AssignAdd(ref:ref T, value:T) -> (output_ref:ref T)",
        attrs: REF_ATTRS,
        flags: Flags::PURE,
        infer: infer::merged,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[("T", sets::NUMBERS)], |_| {
            Ok(by_reference(Operation::Add))
        }),
        KernelDef::gpu(cuda::ON_REALS, |_| Ok(by_reference(Operation::Add))),
    ],
};

pub(crate) static ASSIGN_SUB: OpEntry = OpEntry {
    def: OpDef {
        signature: "AssignSub(ref:ref T, value:T) -> (output_ref:ref T)",
        attrs: REF_ATTRS,
        flags: Flags::PURE,
        infer: infer::merged,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[("T", sets::NUMBERS)], |_| {
            Ok(by_reference(Operation::Sub))
        }),
        KernelDef::gpu(cuda::ON_REALS, |_| Ok(by_reference(Operation::Sub))),
    ],
};

pub(crate) static ASSIGN_ADD_VARIABLE: OpEntry = OpEntry {
    def: OpDef {
        signature: "AssignAddVariableOp(resource:resource, value:dtype) -> ()",
        attrs: "dtype:type",
        flags: Flags::STATEFUL,
        infer: infer_resource,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[("dtype", sets::NUMBERS)], |init| {
            by_handle(init, Operation::Add)
        }),
        KernelDef::gpu_host(&[("dtype", cuda::REALS)], &["resource"], |init| {
            by_handle(init, Operation::Add)
        }),
    ],
};

pub(crate) static ASSIGN_SUB_VARIABLE: OpEntry = OpEntry {
    def: OpDef {
        signature: "AssignSubVariableOp(resource:resource, value:dtype) -> ()",
        attrs: "dtype:type",
        flags: Flags::STATEFUL,
        infer: infer_resource,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[("dtype", sets::NUMBERS)], |init| {
            by_handle(init, Operation::Sub)
        }),
        KernelDef::gpu_host(&[("dtype", cuda::REALS)], &["resource"], |init| {
            by_handle(init, Operation::Sub)
        }),
    ],
};

fn infer_resource(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    super::handle::shape(ctx, 0)?.merge(&ctx.input(1))?;
    Ok(())
}

/// Adds to a value or subtracts from it, where it lies.
fn change(
    ctx: &OpContext<'_>,
    current: &mut Tensor,
    value: &Tensor,
    operation: Operation,
) -> Result<()> {
    if !current.is_on_gpu() {
        return for_number!(current.dtype(), T => combine::<T>(ctx.pool(), current, value, operation));
    }
    let function = match operation {
        Operation::Sub => "sub",
        _ => "add",
    };
    cuda::update(ctx.gpu()?, function, current, value)
}

fn by_reference(operation: Operation) -> AnyKernel {
    AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let variable = ctx.variable(0)?;
        let value = ctx.input(1)?.clone();
        {
            let mut guard = variable.lock();
            let current = guard.as_mut().ok_or_else(|| variable.uninitialized())?;
            if current.shape() != value.shape() {
                return Err(Error::invalid_argument(format!(
                    "Parameters and update must be the same size: {} vs. {}",
                    current.shape(),
                    value.shape()
                )));
            }
            change(ctx, current, &value, operation)?;
        }
        ctx.set(0, Value::Ref(variable))
    })
}

fn by_handle(init: &KernelInit<'_>, operation: Operation) -> Result<AnyKernel> {
    let dtype = init.attrs.dtype("dtype")?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let variable = ctx.variable(0)?;
        super::handle::check_type(&variable, dtype)?;
        let value = ctx.input(1)?.clone();
        let mut guard = variable.lock();
        let current = guard.as_mut().ok_or_else(|| variable.uninitialized())?;
        if current.shape() != value.shape() {
            return Err(Error::invalid_argument(format!(
                "Cannot update variable with shape {} using a Tensor with shape {}, shapes must be equal.",
                current.shape(),
                value.shape()
            )));
        }
        change(ctx, current, &value, operation)
    }))
}
