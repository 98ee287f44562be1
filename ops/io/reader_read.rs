//! ReaderReadV2, ReaderReadUpToV2, and what asks or changes a reader's state.

use crate::error::Error;
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, AsyncCall, AsyncKernel, KernelDef, OpContext, Value};
use crate::op::{Flags, OpDef, ShapeCtx, infer};
use crate::registry::OpEntry;
use crate::resource::reader::{Record, Request};
use crate::resource::{Queue, Reader};
use crate::shape::{PartialShape, Shape};
use crate::tensor::{Bytes, Tensor};

const fn entry(
    signature: &'static str,
    infer: crate::op::InferFn,
    kernels: &'static [KernelDef],
) -> OpEntry {
    OpEntry {
        def: OpDef {
            signature,
            attrs: "",
            flags: Flags::STATEFUL,
            infer,
        },
        grad: Grad::NotDifferentiable,
        kernels,
    }
}

pub(crate) static READER_READ_V2: OpEntry = entry(
    "ReaderReadV2(reader_handle:resource, queue_handle:resource) -> (key:string, value:string)",
    infer::scalar,
    &[KernelDef::cpu(&[], |_| Ok(AnyKernel::later(Read)))],
);
pub(crate) static READER_READ_UP_TO_V2: OpEntry = entry(
    "ReaderReadUpToV2(reader_handle:resource, queue_handle:resource, num_records:int64) -> (keys:string, values:string)",
    vectors,
    &[KernelDef::cpu(&[], |_| Ok(AnyKernel::later(ReadUpTo)))],
);
pub(crate) static READER_RESET_V2: OpEntry = entry(
    "ReaderResetV2(reader_handle:resource) -> ()",
    infer::unknown,
    &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
            ctx.resource::<Reader>(0)?.reset();
            Ok(())
        }))
    })],
);
pub(crate) static READER_NUM_RECORDS_PRODUCED_V2: OpEntry = entry(
    "ReaderNumRecordsProducedV2(reader_handle:resource) -> (records_produced:int64)",
    infer::scalar,
    &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
            let n = ctx.resource::<Reader>(0)?.records_produced();
            ctx.set(0, Tensor::from(n))
        }))
    })],
);
pub(crate) static READER_NUM_WORK_UNITS_COMPLETED_V2: OpEntry = entry(
    "ReaderNumWorkUnitsCompletedV2(reader_handle:resource) -> (units_completed:int64)",
    infer::scalar,
    &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
            let n = ctx.resource::<Reader>(0)?.work_units_completed();
            ctx.set(0, Tensor::from(n))
        }))
    })],
);
pub(crate) static READER_SERIALIZE_STATE_V2: OpEntry = entry(
    "ReaderSerializeStateV2(reader_handle:resource) -> (state:string)",
    infer::scalar,
    &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
            let state = ctx.resource::<Reader>(0)?.serialize()?;
            ctx.set(0, Tensor::string(state))
        }))
    })],
);
pub(crate) static READER_RESTORE_STATE_V2: OpEntry = entry(
    "ReaderRestoreStateV2(reader_handle:resource, state:string) -> ()",
    infer::unknown,
    &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
            let state = ctx.input(1)?.to_bytes()?.clone();
            ctx.resource::<Reader>(0)?.restore(&state)
        }))
    })],
);

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
            call.resource::<Reader>(0)?,
            call.resource::<Queue>(1)?,
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
            .and_then(Tensor::to_scalar::<i64>)
            .and_then(|n| match usize::try_from(n) {
                Ok(n) if n > 0 => Ok(n),
                _ => Err(Error::invalid_argument(format!(
                    "num_records must be positive, got {n}"
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
