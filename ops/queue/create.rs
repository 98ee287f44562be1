//! FIFOQueueV2, RandomShuffleQueueV2, PaddingFIFOQueueV2, PriorityQueueV2: the handle of a queue.

use crate::error::Error;
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, NewKernel, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use crate::resource::queue::{Queue, QueueKind, QueueSpec, UNBOUNDED};
use crate::resource::{Resource, resource_name};
use crate::shape::Shape;
use crate::tensor::{ResourceHandle, Tensor};

const fn entry(
    signature: &'static str,
    attrs: &'static str,
    kernels: &'static [KernelDef],
) -> OpEntry {
    OpEntry {
        def: OpDef {
            signature,
            attrs,
            flags: Flags::STATEFUL,
            infer: infer::scalar,
        },
        grad: Grad::NotDifferentiable,
        kernels,
    }
}

const fn cpu(new: NewKernel) -> KernelDef {
    KernelDef::cpu(&[], new)
}

pub(crate) static FIFO_QUEUE_V2: OpEntry = entry(
    "FIFOQueueV2() -> (handle:resource)",
    "component_types:list(type)>=1; shapes:list(shape)>=0=[]; capacity:int=-1; container:string=\"\"; shared_name:string=\"\"",
    &[cpu(|init| new(init, QueueKind::Fifo))],
);

pub(crate) static PADDING_FIFO_QUEUE_V2: OpEntry = entry(
    "PaddingFIFOQueueV2() -> (handle:resource)",
    "component_types:list(type)>=1; shapes:list(shape)>=0=[]; capacity:int=-1; container:string=\"\"; shared_name:string=\"\"",
    &[cpu(|init| new(init, QueueKind::PaddingFifo))],
);

pub(crate) static RANDOM_SHUFFLE_QUEUE_V2: OpEntry = entry(
    "RandomShuffleQueueV2() -> (handle:resource)",
    "component_types:list(type)>=1; shapes:list(shape)>=0=[]; capacity:int=-1; min_after_dequeue:int=0; seed:int=0; seed2:int=0; container:string=\"\"; shared_name:string=\"\"",
    &[cpu(|init| new(init, QueueKind::RandomShuffle))],
);

pub(crate) static PRIORITY_QUEUE_V2: OpEntry = entry(
    "PriorityQueueV2() -> (handle:resource)",
    "component_types:list(type)>=0=[]; shapes:list(shape)>=0; capacity:int=-1; container:string=\"\"; shared_name:string=\"\"",
    &[cpu(|init| new(init, QueueKind::Priority))],
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
            Error::invalid_argument(format!("capacity {c} out of range for an int32"))
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
    let (container, name) = resource_name(
        init.attrs.str("container")?,
        init.attrs.str("shared_name")?,
        &init.node.name,
        false,
    )?;
    let queue = init
        .env
        .resources
        .get_or_create(&container, &name, || Queue::new(name.clone(), spec.clone()))?;
    queue.matches(&spec, &init.node.op)?;
    let handle = ResourceHandle {
        device: init.env.device.clone(),
        container,
        name,
        kind: Queue::KIND.into(),
    };
    let handle = Tensor::from_handles(Shape::scalar(), vec![handle])?;
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        ctx.set(0, handle.clone())
    }))
}
