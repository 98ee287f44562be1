//! Const: a tensor that is part of the graph. (Its builder is `Scope::constant`.)

use super::cuda;
use crate::dtype::DType;
use crate::error::Error;
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::tensor::Tensor;
use parking_lot::Mutex;

pub(crate) static CONST: OpEntry = OpEntry {
    def: OpDef {
        signature: "Const() -> (output:dtype)",
        attrs: "value:tensor; dtype:type",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[], new),
        KernelDef::gpu(&[("dtype", cuda::ON_GPU)], on_gpu),
        KernelDef::gpu_host(&[("dtype", HOST_ONLY)], &["output"], new),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> crate::Result<()> {
    let value = ctx.attrs.tensor("value")?;
    let dtype = ctx.attrs.dtype("dtype")?;
    if value.dtype() != dtype {
        return Err(Error::invalid_argument(format!(
            "Type mismatch between value ({}) and dtype ({dtype})",
            value.dtype()
        )));
    }
    let shape = value.shape().clone();
    ctx.set(0, shape);
    Ok(())
}

fn new(init: &KernelInit<'_>) -> crate::Result<AnyKernel> {
    let value = init.attrs.tensor("value")?.clone();
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        ctx.set(0, value.clone())
    }))
}

/// Constants that stay on the host also where the node is on a GPU.
const HOST_ONLY: &[DType] = &[DType::I32, DType::String];

/// The value is copied to the GPU in the first step, and shared by all.
fn on_gpu(init: &KernelInit<'_>) -> crate::Result<AnyKernel> {
    let value = init.attrs.tensor("value")?.clone();
    let uploaded = Mutex::new(None::<Tensor>);
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let mut uploaded = uploaded.lock();
        let there = match &*uploaded {
            Some(t) => t.clone(),
            None => uploaded.insert(ctx.gpu()?.upload(&value)?).clone(),
        };
        ctx.set(0, there)
    }))
}
