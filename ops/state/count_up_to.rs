//! CountUpTo and ResourceCountUpTo: the value of a counter, which then grows by one, up to a limit.

use crate::dtype::{DType, Element, sets};
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::PartialShape;
use crate::tensor::Tensor;

const ATTRS: &str = "limit:int; T:type{int32,int64}";

pub(crate) static COUNT_UP_TO: OpEntry = OpEntry {
    def: OpDef {
        signature: "CountUpTo(ref:ref T) -> (output:T)",
        attrs: ATTRS,
        flags: Flags::PURE,
        infer: |ctx| {
            ctx.with_rank(0, 0)?;
            ctx.set(0, PartialShape::scalar());
            Ok(())
        },
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::INDEX)], new)],
};

pub(crate) static RESOURCE_COUNT_UP_TO: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceCountUpTo(resource:resource) -> (output:T)",
        attrs: ATTRS,
        flags: Flags::STATEFUL,
        infer: infer_resource,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::INDEX)], new)],
};

fn infer_resource(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    super::handle::shape(ctx, 0)?.with_rank(0)?;
    ctx.set(0, PartialShape::scalar());
    Ok(())
}

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let limit = init.attrs.int("limit")?;
    if init.attrs.dtype("T")? == DType::I32 {
        Ok(kernel::<i32>(limit, i64::from, |v| v as i32))
    } else {
        Ok(kernel::<i64>(limit, |v| v, |v| v))
    }
}

fn kernel<T: Element + Into<Tensor>>(
    limit: i64,
    wide: fn(T) -> i64,
    narrow: fn(i64) -> T,
) -> AnyKernel {
    AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let variable = ctx.variable(0)?;
        let mut guard = variable.lock();
        let counter = guard.as_mut().ok_or_else(|| variable.uninitialized())?;
        if !counter.shape().is_scalar() {
            return Err(Error::invalid_argument(format!(
                "input is not a scalar: {}",
                counter.shape()
            )));
        }
        let value: T = counter.to_scalar()?;
        if wide(value) >= limit {
            return Err(Error::out_of_range(format!("Reached limit of {limit}")));
        }
        // Below the limit, which fits i64; an int32 counter at its maximum wraps, as TensorFlow's does.
        *counter = narrow(wide(value).wrapping_add(1)).into();
        ctx.set(0, value.into())
    })
}
