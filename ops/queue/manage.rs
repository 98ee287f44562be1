//! QueueCloseV2, QueueSizeV2, QueueIsClosedV2.

use super::enqueue::{cancel_with, handle_is_scalar};
use crate::error::Error;
use crate::grad::Grad;
use crate::kernel::{AnyKernel, AsyncCall, AsyncKernel, KernelDef, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::resource::queue::Queue;
use crate::shape::PartialShape;
use crate::tensor::Tensor;

pub(crate) static QUEUE_CLOSE_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "QueueCloseV2(handle:resource) -> ()",
        attrs: "cancel_pending_enqueues:bool=false",
        flags: Flags::STATEFUL,
        infer: handle_is_scalar,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |init| {
        let cancel = init.attrs.bool("cancel_pending_enqueues")?;
        Ok(AnyKernel::later(Close { cancel }))
    })],
};

pub(crate) static QUEUE_SIZE_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "QueueSizeV2(handle:resource) -> (size:int32)",
        attrs: "",
        flags: Flags::STATEFUL,
        infer: scalar,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
            let size = ctx.resource::<Queue>(0)?.size();
            ctx.set(0, Tensor::from(i32::try_from(size).unwrap_or(i32::MAX)))
        }))
    })],
};

pub(crate) static QUEUE_IS_CLOSED_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "QueueIsClosedV2(handle:resource) -> (is_closed:bool)",
        attrs: "",
        flags: Flags::STATEFUL,
        infer: scalar,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
            let closed = ctx.resource::<Queue>(0)?.is_closed();
            ctx.set(0, Tensor::from(closed))
        }))
    })],
};

fn scalar(ctx: &mut ShapeCtx<'_>) -> crate::Result<()> {
    handle_is_scalar(ctx)?;
    ctx.set(0, PartialShape::scalar());
    Ok(())
}

struct Close {
    cancel: bool,
}

impl AsyncKernel for Close {
    fn start(&self, call: AsyncCall) {
        let queue = match call.resource::<Queue>(0) {
            Ok(q) => q,
            Err(e) => return call.finish(Err(e)),
        };
        if self.cancel {
            queue.close_and_cancel();
            return call.finish(Ok(Vec::new()));
        }
        if call.step.cancellation.is_cancelled() {
            return call.finish(Err(Error::cancelled("Enqueue operation was cancelled")));
        }
        let step = call.step.clone();
        let done =
            Box::new(move |result: crate::Result<()>, _| call.finish(result.map(|()| Vec::new())));
        let ticket = queue.close(done);
        cancel_with(&step, queue, ticket);
    }
}
