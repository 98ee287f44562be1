//! QueueDequeueV2, QueueDequeueManyV2, QueueDequeueUpToV2: take one element, or a batch; wait for what is missing.

use super::enqueue::{cancel_with, handle_is_scalar};
use crate::error::Error;
use crate::grad::Grad;
use crate::kernel::{AnyKernel, AsyncCall, AsyncKernel, KernelDef, Value};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::resource::queue::{Batch, Delivery, Queue, Tuple};

pub(crate) static QUEUE_DEQUEUE_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "QueueDequeueV2(handle:resource) -> (components:component_types)",
        attrs: "component_types:list(type)>=1; timeout_ms:int=-1",
        flags: Flags::STATEFUL,
        infer: handle_is_scalar,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |_| Ok(AnyKernel::later(Dequeue)))],
};

pub(crate) static QUEUE_DEQUEUE_MANY_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "QueueDequeueManyV2(handle:resource, n:int32) -> (components:component_types)",
        attrs: "component_types:list(type)>=1; timeout_ms:int=-1",
        flags: Flags::STATEFUL,
        infer: many,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::later(DequeueMany { or_fewer: false }))
    })],
};

pub(crate) static QUEUE_DEQUEUE_UP_TO_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "QueueDequeueUpToV2(handle:resource, n:int32) -> (components:component_types)",
        attrs: "component_types:list(type)>=1; timeout_ms:int=-1",
        flags: Flags::STATEFUL,
        infer: many,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::later(DequeueMany { or_fewer: true }))
    })],
};

fn many(ctx: &mut ShapeCtx<'_>) -> crate::Result<()> {
    handle_is_scalar(ctx)?;
    ctx.with_rank(1, 0).map(|_| ())
}

/// The queue, unless the step is over already; checks that it holds what the op expects.
fn begin(call: &AsyncCall) -> crate::Result<std::sync::Arc<Queue>> {
    let queue = call.resource::<Queue>(0)?;
    if call.step.cancellation.is_cancelled() {
        return Err(Error::cancelled("Dequeue operation was cancelled"));
    }
    Ok(queue)
}

fn outputs(tensors: impl IntoIterator<Item = crate::Tensor>) -> Vec<Value> {
    tensors.into_iter().map(Value::Tensor).collect()
}

struct Dequeue;

impl AsyncKernel for Dequeue {
    fn start(&self, call: AsyncCall) {
        let queue = match begin(&call) {
            Ok(q) => q,
            Err(e) => return call.finish(Err(e)),
        };
        let step = call.step.clone();
        let done =
            Box::new(move |result: crate::Result<Tuple>, _| call.finish(result.map(outputs)));
        let ticket = queue.dequeue(done);
        cancel_with(&step, queue, ticket);
    }
}

struct DequeueMany {
    or_fewer: bool,
}

impl AsyncKernel for DequeueMany {
    fn start(&self, call: AsyncCall) {
        let wanted = begin(&call).and_then(|queue| {
            let n = call.input(1)?;
            if !n.shape().is_scalar() {
                return Err(Error::invalid_argument(format!(
                    "n must be a scalar, but got shape {}",
                    n.shape()
                )));
            }
            Ok((queue, i64::from(n.to_scalar::<i32>()?)))
        });
        let (queue, n) = match wanted {
            Ok(w) => w,
            Err(e) => return call.finish(Err(e)),
        };
        let (step, source) = (call.step.clone(), queue.clone());
        let done = Box::new(move |result: crate::Result<Batch>, delivery| {
            let pool = call.env.pool.clone();
            let finish = move || {
                let stacked = result.and_then(|b| b.stack(&source));
                call.finish(stacked.map(outputs));
            };
            // Copying a batch is not the work of the one who happened to complete it.
            match delivery {
                Delivery::Here => finish(),
                Delivery::Elsewhere => pool.spawn(Box::new(finish)),
            }
        });
        let ticket = queue.dequeue_many(n, self.or_fewer, done);
        cancel_with(&step, queue, ticket);
    }
}
