//! ReaderReadV2, ReaderReadUpToV2, and what asks or changes a reader's state; with their version 1 forms.

use crate::error::Error;
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, AsyncCall, AsyncKernel, KernelDef, OpContext, Value};
use crate::op::{Flags, InferFn, OpDef, ShapeCtx, infer};
use crate::ops::queue::handle;
use crate::registry::OpEntry;
use crate::resource::reader::{Record, Request};
use crate::resource::{Queue, Reader};
use crate::shape::{PartialShape, Shape};
use crate::tensor::{Bytes, Tensor};

const fn entry(
    signature: &'static str,
    flags: Flags,
    infer: InferFn,
    kernels: &'static [KernelDef],
) -> OpEntry {
    OpEntry {
        def: OpDef {
            signature,
            attrs: "",
            flags,
            infer,
        },
        grad: Grad::NotDifferentiable,
        kernels,
    }
}

const READ: &[KernelDef] = &[KernelDef::cpu(&[], |_| Ok(AnyKernel::later(Read)))];
const READ_UP_TO: &[KernelDef] = &[KernelDef::cpu(&[], |_| Ok(AnyKernel::later(ReadUpTo)))];
const RESET: &[KernelDef] = &[KernelDef::cpu(&[], |_| {
    Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
        handle::of_context::<Reader>(ctx)?.reset();
        Ok(())
    }))
})];
const RECORDS: &[KernelDef] = &[KernelDef::cpu(&[], |_| {
    Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
        let n = handle::of_context::<Reader>(ctx)?.records_produced();
        ctx.set(0, Tensor::from(n))
    }))
})];
const UNITS: &[KernelDef] = &[KernelDef::cpu(&[], |_| {
    Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
        let n = handle::of_context::<Reader>(ctx)?.work_units_completed();
        ctx.set(0, Tensor::from(n))
    }))
})];
const SERIALIZE: &[KernelDef] = &[KernelDef::cpu(&[], |_| {
    Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
        let state = handle::of_context::<Reader>(ctx)?.serialize()?;
        ctx.set(0, Tensor::string(state))
    }))
})];
const RESTORE: &[KernelDef] = &[KernelDef::cpu(&[], |_| {
    Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
        let reader = handle::of_context::<Reader>(ctx)?;
        let state = ctx.input(1)?;
        if !state.shape().is_scalar() {
            return Err(Error::invalid_argument(format!(
                "Reader state must be scalar, but had shape: {}",
                state.shape()
            )));
        }
        reader.restore(state.to_bytes()?)
    }))
})];

pub(crate) static READER_READ_V2: OpEntry = entry(
    "ReaderReadV2(reader_handle:resource, queue_handle:resource) -> (key:string, value:string)",
    Flags::STATEFUL,
    pair,
    READ,
);
pub(crate) static READER_READ: OpEntry = entry(
    "ReaderRead(reader_handle:ref string, queue_handle:ref string) -> (key:string, value:string)",
    Flags::PURE,
    infer::scalar,
    READ,
);
pub(crate) static READER_READ_UP_TO_V2: OpEntry = entry(
    "ReaderReadUpToV2(reader_handle:resource, queue_handle:resource, num_records:int64) -> (keys:string, values:string)",
    Flags::STATEFUL,
    vectors,
    READ_UP_TO,
);
pub(crate) static READER_READ_UP_TO: OpEntry = entry(
    "ReaderReadUpTo(reader_handle:ref string, queue_handle:ref string, num_records:int64) -> (keys:string, values:string)",
    Flags::PURE,
    vectors,
    READ_UP_TO,
);
pub(crate) static READER_RESET_V2: OpEntry = entry(
    "ReaderResetV2(reader_handle:resource) -> ()",
    Flags::STATEFUL,
    handle::infer,
    RESET,
);
pub(crate) static READER_RESET: OpEntry = entry(
    "ReaderReset(reader_handle:ref string) -> ()",
    Flags::PURE,
    handle::infer_v1,
    RESET,
);
pub(crate) static READER_NUM_RECORDS_PRODUCED_V2: OpEntry = entry(
    "ReaderNumRecordsProducedV2(reader_handle:resource) -> (records_produced:int64)",
    Flags::STATEFUL,
    one,
    RECORDS,
);
pub(crate) static READER_NUM_RECORDS_PRODUCED: OpEntry = entry(
    "ReaderNumRecordsProduced(reader_handle:ref string) -> (records_produced:int64)",
    Flags::PURE,
    one_v1,
    RECORDS,
);
pub(crate) static READER_NUM_WORK_UNITS_COMPLETED_V2: OpEntry = entry(
    "ReaderNumWorkUnitsCompletedV2(reader_handle:resource) -> (units_completed:int64)",
    Flags::STATEFUL,
    one,
    UNITS,
);
pub(crate) static READER_NUM_WORK_UNITS_COMPLETED: OpEntry = entry(
    "ReaderNumWorkUnitsCompleted(reader_handle:ref string) -> (units_completed:int64)",
    Flags::PURE,
    one_v1,
    UNITS,
);
pub(crate) static READER_SERIALIZE_STATE_V2: OpEntry = entry(
    "ReaderSerializeStateV2(reader_handle:resource) -> (state:string)",
    Flags::STATEFUL,
    one,
    SERIALIZE,
);
pub(crate) static READER_SERIALIZE_STATE: OpEntry = entry(
    "ReaderSerializeState(reader_handle:ref string) -> (state:string)",
    Flags::PURE,
    one_v1,
    SERIALIZE,
);
pub(crate) static READER_RESTORE_STATE_V2: OpEntry = entry(
    "ReaderRestoreStateV2(reader_handle:resource, state:string) -> ()",
    Flags::STATEFUL,
    with_state,
    RESTORE,
);
pub(crate) static READER_RESTORE_STATE: OpEntry = entry(
    "ReaderRestoreState(reader_handle:ref string, state:string) -> ()",
    Flags::PURE,
    with_state,
    RESTORE,
);

/// Two scalars from two handles.
fn pair(ctx: &mut ShapeCtx<'_>) -> crate::Result<()> {
    handle::infer(ctx)?;
    ctx.with_rank(1, 0)?;
    infer::scalar(ctx)
}
fn one(ctx: &mut ShapeCtx<'_>) -> crate::Result<()> {
    handle::infer(ctx)?;
    infer::scalar(ctx)
}
fn one_v1(ctx: &mut ShapeCtx<'_>) -> crate::Result<()> {
    handle::infer_v1(ctx)?;
    infer::scalar(ctx)
}
fn with_state(ctx: &mut ShapeCtx<'_>) -> crate::Result<()> {
    ctx.with_rank(1, 0).map(|_| ())
}

fn vectors(ctx: &mut ShapeCtx<'_>) -> crate::Result<()> {
    ctx.with_rank(2, 0)?;
    ctx.set(0, PartialShape::vector(None));
    ctx.set(1, PartialShape::vector(None));
    Ok(())
}

fn read(
    call: AsyncCall,
    most: crate::Result<usize>,
    outputs: fn(Vec<Record>) -> crate::Result<Vec<Value>>,
) {
    let parts = most.and_then(|most| {
        Ok((
            handle::of_call::<Reader>(&call, 0)?,
            handle::of_call::<Queue>(&call, 1)?,
            most,
        ))
    });
    let (reader, queue, most) = match parts {
        Ok(p) => p,
        Err(e) => return call.finish(Err(e)),
    };
    let (step, pool) = (call.step.clone(), call.env.pool.clone());
    let done = Box::new(move |records: crate::Result<Vec<Record>>| {
        call.finish(records.and_then(outputs));
    });
    reader.read(Request {
        queue,
        most,
        step,
        pool,
        done,
    });
}

struct Read;

impl AsyncKernel for Read {
    fn start(&self, call: AsyncCall) {
        read(call, Ok(1), |records| {
            let (key, value) = records
                .into_iter()
                .next()
                .ok_or_else(|| Error::internal("no record was read"))?;
            Ok(vec![
                Tensor::string_of(key).into(),
                Tensor::string_of(value).into(),
            ])
        });
    }
}

struct ReadUpTo;

impl AsyncKernel for ReadUpTo {
    fn start(&self, call: AsyncCall) {
        let most = call
            .input(2)
            .and_then(|n| match n.shape().is_scalar() {
                true => n.to_scalar::<i64>(),
                false => Err(Error::invalid_argument(format!(
                    "num_records must be a scalar, got shape {}",
                    n.shape()
                ))),
            })
            .and_then(|n| match usize::try_from(n) {
                Ok(n) => Ok(n),
                Err(_) => Err(Error::invalid_argument(format!(
                    "num_records must be non-negative, got {n}"
                ))),
            });
        read(call, most, |records| {
            let shape = Shape::of(&[records.len()])?;
            let (keys, values): (Vec<Bytes>, Vec<Bytes>) = records.into_iter().unzip();
            Ok(vec![
                Tensor::from_strings(shape.clone(), keys)?.into(),
                Tensor::from_strings(shape, values)?.into(),
            ])
        });
    }
}

impl<'g> Scope<'g> {
    /// The next record of a reader, whose files come from a queue (op `ReaderReadV2`): key and value.
    #[track_caller]
    pub fn reader_read(
        self,
        reader: impl Operand<'g>,
        queue: impl Operand<'g>,
    ) -> (Output<'g>, Output<'g>) {
        let n = self.op("ReaderReadV2").input(reader).input(queue).finish();
        (n.output(0), n.output(1))
    }
}
