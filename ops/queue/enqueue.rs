//! QueueEnqueueV2, QueueEnqueueManyV2: add one element, or the rows of a batch; wait while the queue is full.

use crate::error::Error;
use crate::grad::Grad;
use crate::kernel::{AnyKernel, AsyncCall, AsyncKernel, KernelDef, Value};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::resource::queue::{Queue, Ticket, Tuple};
use std::sync::Arc;

pub(crate) static QUEUE_ENQUEUE_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "QueueEnqueueV2(handle:resource, components:Tcomponents) -> ()",
        attrs: "Tcomponents:list(type)>=1; timeout_ms:int=-1",
        flags: Flags::STATEFUL,
        infer: handle_is_scalar,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::later(Enqueue { many: false }))
    })],
};

pub(crate) static QUEUE_ENQUEUE_MANY_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "QueueEnqueueManyV2(handle:resource, components:Tcomponents) -> ()",
        attrs: "Tcomponents:list(type)>=1; timeout_ms:int=-1",
        flags: Flags::STATEFUL,
        infer: handle_is_scalar,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::later(Enqueue { many: true }))
    })],
};

/// The handle of a queue is one; nothing is known of what comes out.
pub(super) fn handle_is_scalar(ctx: &mut ShapeCtx<'_>) -> crate::Result<()> {
    ctx.with_rank(0, 0).map(|_| ())
}

struct Enqueue {
    many: bool,
}

impl AsyncKernel for Enqueue {
    fn start(&self, mut call: AsyncCall) {
        let queue = match call.resource::<Queue>(0) {
            Ok(q) => q,
            Err(e) => return call.finish(Err(e)),
        };
        if call.step.cancellation.is_cancelled() {
            return call.finish(Err(Error::cancelled("Enqueue operation was cancelled")));
        }
        let components: Tuple = call
            .inputs
            .drain(1..)
            .filter_map(|v| match v {
                Value::Tensor(t) => Some(t),
                Value::Ref(_) => None,
            })
            .collect();
        let step = call.step.clone();
        let done =
            Box::new(move |result: crate::Result<()>, _| call.finish(result.map(|()| Vec::new())));
        let ticket = match self.many {
            false => queue.enqueue(components, done),
            true => queue.enqueue_many(components, done),
        };
        cancel_with(&step, queue, ticket);
    }
}

/// Lets the step's cancellation end an operation that waits.
pub(super) fn cancel_with(step: &crate::kernel::Step, queue: Arc<Queue>, ticket: Option<Ticket>) {
    let Some(ticket) = ticket else { return };
    let target = queue.clone();
    // Cancelling an operation that is over does nothing, so the callback may stay.
    let registered = step
        .cancellation
        .register(Box::new(move || target.cancel(ticket)));
    if registered.is_none() {
        queue.cancel(ticket);
    }
}
