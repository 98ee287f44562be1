//! QueueCloseV2, QueueSizeV2, QueueIsClosedV2 and their version 1 forms.

use super::{handle, wait};
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, InferFn, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::resource::Queue;
use crate::shape::PartialShape;
use crate::tensor::Tensor;

const fn entry(
    signature: &'static str,
    attrs: &'static str,
    flags: Flags,
    infer: InferFn,
    kernels: &'static [KernelDef],
) -> OpEntry {
    OpEntry {
        def: OpDef {
            signature,
            attrs,
            flags,
            infer,
        },
        grad: Grad::NotDifferentiable,
        kernels,
    }
}

pub(crate) static QUEUE_CLOSE_V2: OpEntry = entry(
    "QueueCloseV2(handle:resource) -> ()",
    "cancel_pending_enqueues:bool=false",
    Flags::STATEFUL,
    handle::infer,
    &[KernelDef::cpu(&[], close)],
);
pub(crate) static QUEUE_CLOSE: OpEntry = entry(
    "QueueClose(handle:ref string) -> ()",
    "cancel_pending_enqueues:bool=false",
    Flags::PURE,
    handle::infer_v1,
    &[KernelDef::cpu(&[], close)],
);
pub(crate) static QUEUE_SIZE_V2: OpEntry = entry(
    "QueueSizeV2(handle:resource) -> (size:int32)",
    "",
    Flags::STATEFUL,
    scalar,
    &[KernelDef::cpu(&[], |_| Ok(AnyKernel::cheap(size)))],
);
pub(crate) static QUEUE_SIZE: OpEntry = entry(
    "QueueSize(handle:ref string) -> (size:int32)",
    "",
    Flags::PURE,
    scalar_v1,
    &[KernelDef::cpu(&[], |_| Ok(AnyKernel::cheap(size)))],
);
pub(crate) static QUEUE_IS_CLOSED_V2: OpEntry = entry(
    "QueueIsClosedV2(handle:resource) -> (is_closed:bool)",
    "",
    Flags::STATEFUL,
    scalar,
    &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
            let closed = handle::of_context::<Queue>(ctx)?.is_closed();
            ctx.set(0, Tensor::from(closed))
        }))
    })],
);

fn scalar(ctx: &mut ShapeCtx<'_>) -> crate::Result<()> {
    handle::infer(ctx)?;
    ctx.set(0, PartialShape::scalar());
    Ok(())
}
fn scalar_v1(ctx: &mut ShapeCtx<'_>) -> crate::Result<()> {
    handle::infer_v1(ctx)?;
    ctx.set(0, PartialShape::scalar());
    Ok(())
}

fn size(ctx: &mut OpContext<'_>) -> crate::Result<()> {
    let size = handle::of_context::<Queue>(ctx)?.size();
    ctx.set(0, Tensor::from(i32::try_from(size).unwrap_or(i32::MAX)))
}

fn close(init: &KernelInit<'_>) -> crate::Result<AnyKernel> {
    let cancel = init.attrs.bool("cancel_pending_enqueues")?;
    Ok(wait::kernel(init, 1, move |call, queue| {
        if cancel {
            queue.close_and_cancel();
            return call.finish(Ok(Vec::new()));
        }
        wait::operate(
            call,
            queue,
            "Enqueue operation was cancelled",
            |queue, done| queue.close(done),
            |(), _| Ok(Vec::new()),
        );
    }))
}
