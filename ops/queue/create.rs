//! FIFOQueueV2, RandomShuffleQueueV2, PaddingFIFOQueueV2, PriorityQueueV2 and their version 1 forms: the handle of a
//! queue.

use super::handle;
use crate::error::Error;
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit};
use crate::op::{Flags, InferFn, OpDef, infer};
use crate::registry::OpEntry;
use crate::resource::queue::{Queue, QueueKind, QueueSpec, UNBOUNDED};

const FIFO: &str = "component_types:list(type)>=1; shapes:list(shape)>=0=[]; capacity:int=-1; container:string=\"\"; shared_name:string=\"\"";
const SHUFFLE: &str = "component_types:list(type)>=1; shapes:list(shape)>=0=[]; capacity:int=-1; min_after_dequeue:int=0; seed:int=0; seed2:int=0; container:string=\"\"; shared_name:string=\"\"";
const PRIORITY: &str = "component_types:list(type)>=0=[]; shapes:list(shape)>=0; capacity:int=-1; container:string=\"\"; shared_name:string=\"\"";

const fn entry(
    signature: &'static str,
    attrs: &'static str,
    infer: InferFn,
    kernels: &'static [KernelDef],
) -> OpEntry {
    OpEntry {
        def: OpDef {
            signature,
            attrs,
            flags: Flags::STATEFUL,
            infer,
        },
        grad: Grad::NotDifferentiable,
        kernels,
    }
}

const FIFO_CPU: &[KernelDef] = &[KernelDef::cpu(&[], |init| new(init, QueueKind::Fifo))];
const PADDING_CPU: &[KernelDef] = &[KernelDef::cpu(&[], |init| {
    new(init, QueueKind::PaddingFifo)
})];
const SHUFFLE_CPU: &[KernelDef] = &[KernelDef::cpu(&[], |init| {
    new(init, QueueKind::RandomShuffle)
})];
const PRIORITY_CPU: &[KernelDef] = &[KernelDef::cpu(&[], |init| new(init, QueueKind::Priority))];

pub(crate) static FIFO_QUEUE_V2: OpEntry = entry(
    "FIFOQueueV2() -> (handle:resource)",
    FIFO,
    infer::scalar,
    FIFO_CPU,
);
pub(crate) static FIFO_QUEUE: OpEntry = entry(
    "FIFOQueue() -> (handle:ref string)",
    FIFO,
    handle::infer_new_v1,
    FIFO_CPU,
);
pub(crate) static PADDING_FIFO_QUEUE_V2: OpEntry = entry(
    "PaddingFIFOQueueV2() -> (handle:resource)",
    FIFO,
    infer::scalar,
    PADDING_CPU,
);
pub(crate) static PADDING_FIFO_QUEUE: OpEntry = entry(
    "PaddingFIFOQueue() -> (handle:ref string)",
    FIFO,
    handle::infer_new_v1,
    PADDING_CPU,
);
pub(crate) static RANDOM_SHUFFLE_QUEUE_V2: OpEntry = entry(
    "RandomShuffleQueueV2() -> (handle:resource)",
    SHUFFLE,
    infer::scalar,
    SHUFFLE_CPU,
);
pub(crate) static RANDOM_SHUFFLE_QUEUE: OpEntry = entry(
    "RandomShuffleQueue() -> (handle:ref string)",
    SHUFFLE,
    handle::infer_new_v1,
    SHUFFLE_CPU,
);
pub(crate) static PRIORITY_QUEUE_V2: OpEntry = entry(
    "PriorityQueueV2() -> (handle:resource)",
    PRIORITY,
    infer::scalar,
    PRIORITY_CPU,
);

fn spec(init: &KernelInit<'_>, kind: QueueKind) -> crate::Result<QueueSpec> {
    let attrs = init.attrs;
    let mut dtypes = attrs.dtypes("component_types")?.to_vec();
    let mut shapes = attrs.shapes("shapes")?.to_vec();
    if kind == QueueKind::Priority {
        // The priority is a component of its own, in front of those named.
        dtypes.insert(0, crate::dtype::DType::I64);
        shapes.insert(0, crate::shape::PartialShape::scalar());
        if shapes.len() == 1 && dtypes.len() > 1 {
            shapes.clear();
        }
    }
    let capacity = match attrs.int("capacity")? {
        c if c < 0 => UNBOUNDED,
        c => i32::try_from(c).map(|c| c as usize).map_err(|_| {
            Error::invalid_argument(format!(
                "Attr capacity has value {c} out of range for an int32"
            ))
        })?,
    };
    let (mut min_after_dequeue, mut seeds) = (0, (0, 0));
    if kind == QueueKind::RandomShuffle {
        let min = attrs.int("min_after_dequeue")?;
        min_after_dequeue = usize::try_from(min).map_err(|_| {
            Error::invalid_argument(format!("min_after_dequeue {min} must be >= 0"))
        })?;
        seeds = (attrs.int("seed")?, attrs.int("seed2")?);
    }
    Ok(QueueSpec {
        kind,
        dtypes,
        shapes,
        capacity,
        min_after_dequeue,
        seeds,
    })
}

fn new(init: &KernelInit<'_>, kind: QueueKind) -> crate::Result<AnyKernel> {
    let spec = spec(init, kind)?;
    let op = init.node.op.clone();
    handle::kernel(
        init,
        |name| Queue::new(name, spec.clone()),
        |queue| queue.matches(&spec, &op),
    )
}
