//! QueueEnqueueV2, QueueEnqueueManyV2 and their version 1 forms: add one element, or the rows of a batch; wait while
//! the queue is full.

use super::{handle, wait};
use crate::grad::Grad;
use crate::kernel::{AnyKernel, AsyncCall, KernelDef, KernelInit, Value};
use crate::op::{Flags, InferFn, OpDef};
use crate::registry::OpEntry;
use crate::resource::Queue;
use crate::resource::queue::Tuple;
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
            attrs: "Tcomponents:list(type)>=1; timeout_ms:int=-1",
            flags,
            infer,
        },
        grad: Grad::NotDifferentiable,
        kernels,
    }
}

pub(crate) static QUEUE_ENQUEUE_V2: OpEntry = entry(
    "QueueEnqueueV2(handle:resource, components:Tcomponents) -> ()",
    Flags::STATEFUL,
    handle::infer,
    &[KernelDef::cpu(&[], one)],
);
pub(crate) static QUEUE_ENQUEUE_MANY_V2: OpEntry = entry(
    "QueueEnqueueManyV2(handle:resource, components:Tcomponents) -> ()",
    Flags::STATEFUL,
    handle::infer,
    &[KernelDef::cpu(&[], many)],
);
pub(crate) static QUEUE_ENQUEUE: OpEntry = entry(
    "QueueEnqueue(handle:ref string, components:Tcomponents) -> ()",
    Flags::PURE,
    handle::infer_v1,
    &[KernelDef::cpu(&[], one)],
);
pub(crate) static QUEUE_ENQUEUE_MANY: OpEntry = entry(
    "QueueEnqueueMany(handle:ref string, components:Tcomponents) -> ()",
    Flags::PURE,
    handle::infer_v1,
    &[KernelDef::cpu(&[], many)],
);

fn one(init: &KernelInit<'_>) -> crate::Result<AnyKernel> {
    Ok(wait::kernel(init, 1, |call, queue| {
        begin(call, queue, false)
    }))
}
fn many(init: &KernelInit<'_>) -> crate::Result<AnyKernel> {
    Ok(wait::kernel(init, 1, |call, queue| {
        begin(call, queue, true)
    }))
}

fn begin(mut call: AsyncCall, queue: Arc<Queue>, many: bool) {
    let components: Tuple = call
        .inputs
        .drain(1..)
        .filter_map(|v| match v {
            Value::Tensor(t) => Some(t),
            Value::Ref(_) => None,
        })
        .collect();
    wait::operate(
        call,
        queue,
        "Enqueue operation was cancelled",
        |queue, done| match many {
            false => queue.enqueue(components, done),
            true => queue.enqueue_many(components, done),
        },
        |(), _| Ok(Vec::new()),
    );
}
