//! QueueDequeueV2, QueueDequeueManyV2, QueueDequeueUpToV2 and their version 1 forms: take one element, or a batch;
//! wait for what is missing.

use super::{handle, wait};
use crate::error::Error;
use crate::grad::Grad;
use crate::kernel::{AnyKernel, AsyncCall, KernelDef, KernelInit, Value};
use crate::op::{Flags, InferFn, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::resource::Queue;
use crate::resource::queue::{Batch, Tuple};
use crate::tensor::Tensor;
use std::sync::Arc;

const fn entry(
    signature: &'static str,
    flags: Flags,
    infer: InferFn,
    kernels: &'static [KernelDef],
) -> OpEntry {
    OpEntry {
        def: OpDef {
            signature,
            attrs: "component_types:list(type)>=1; timeout_ms:int=-1",
            flags,
            infer,
        },
        grad: Grad::NotDifferentiable,
        kernels,
    }
}

pub(crate) static QUEUE_DEQUEUE_V2: OpEntry = entry(
    "QueueDequeueV2(handle:resource) -> (components:component_types)",
    Flags::STATEFUL,
    handle::infer,
    &[KernelDef::cpu(&[], one)],
);
pub(crate) static QUEUE_DEQUEUE_MANY_V2: OpEntry = entry(
    "QueueDequeueManyV2(handle:resource, n:int32) -> (components:component_types)",
    Flags::STATEFUL,
    counted,
    &[KernelDef::cpu(&[], many)],
);
pub(crate) static QUEUE_DEQUEUE_UP_TO_V2: OpEntry = entry(
    "QueueDequeueUpToV2(handle:resource, n:int32) -> (components:component_types)",
    Flags::STATEFUL,
    counted,
    &[KernelDef::cpu(&[], up_to)],
);
pub(crate) static QUEUE_DEQUEUE: OpEntry = entry(
    "QueueDequeue(handle:ref string) -> (components:component_types)",
    Flags::PURE,
    handle::infer_v1,
    &[KernelDef::cpu(&[], one)],
);
pub(crate) static QUEUE_DEQUEUE_MANY: OpEntry = entry(
    "QueueDequeueMany(handle:ref string, n:int32) -> (components:component_types)",
    Flags::PURE,
    counted_v1,
    &[KernelDef::cpu(&[], many)],
);
pub(crate) static QUEUE_DEQUEUE_UP_TO: OpEntry = entry(
    "QueueDequeueUpTo(handle:ref string, n:int32) -> (components:component_types)",
    Flags::PURE,
    counted_v1,
    &[KernelDef::cpu(&[], up_to)],
);

fn counted(ctx: &mut ShapeCtx<'_>) -> crate::Result<()> {
    handle::infer(ctx)?;
    ctx.with_rank(1, 0).map(|_| ())
}
fn counted_v1(ctx: &mut ShapeCtx<'_>) -> crate::Result<()> {
    handle::infer_v1(ctx)?;
    ctx.with_rank(1, 0).map(|_| ())
}

const CANCELLED: &str = "Dequeue operation was cancelled";

fn outputs(tensors: impl IntoIterator<Item = Tensor>) -> Vec<Value> {
    tensors.into_iter().map(Value::Tensor).collect()
}

fn one(init: &KernelInit<'_>) -> crate::Result<AnyKernel> {
    Ok(wait::kernel(init, 1, |call, queue| {
        wait::operate(
            call,
            queue,
            CANCELLED,
            |queue, done| queue.dequeue(done),
            |tuple: Tuple, _| Ok(outputs(tuple)),
        );
    }))
}

fn many(init: &KernelInit<'_>) -> crate::Result<AnyKernel> {
    Ok(wait::kernel(init, 2, |call, queue| {
        begin(call, queue, false)
    }))
}
fn up_to(init: &KernelInit<'_>) -> crate::Result<AnyKernel> {
    Ok(wait::kernel(init, 2, |call, queue| {
        begin(call, queue, true)
    }))
}

fn begin(call: AsyncCall, queue: Arc<Queue>, or_fewer: bool) {
    let n = call.input(1).and_then(|n| match n.shape().is_scalar() {
        true => n.to_scalar::<i32>(),
        false => Err(Error::invalid_argument(format!(
            "n must be a scalar, but got shape {}",
            n.shape()
        ))),
    });
    let n = match n {
        Ok(n) => i64::from(n),
        Err(e) => return call.finish(Err(e)),
    };
    wait::operate(
        call,
        queue,
        CANCELLED,
        |queue, done| queue.dequeue_many(n, or_fewer, done),
        |batch: Batch, queue| batch.stack(queue).map(outputs),
    );
}
