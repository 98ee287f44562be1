//! TensorArrayScatterV3: rows become elements.

use super::{array_for, infer_flow, pass_flow, places};
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::kernel::{AnyKernel, KernelDef, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::ops::list::arithmetic::plus;
use crate::registry::OpEntry;

pub(crate) static TENSOR_ARRAY_SCATTER_V3: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorArrayScatterV3(handle:resource, indices:int32, value:T, flow_in:float) -> (flow_out:float)",
        attrs: "T:type",
        flags: Flags::STATEFUL,
        infer: |ctx: &mut ShapeCtx<'_>| {
            ctx.with_rank(1, 1)?;
            ctx.with_rank(3, 0)?;
            infer_flow(ctx)
        },
    },
    grad: Grad::Fn(grad),
    kernels: &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
            scatter(ctx)?;
            pass_flow(ctx, 3)
        }))
    })],
};

fn scatter(ctx: &OpContext<'_>) -> Result<()> {
    let array = array_for(ctx, 2)?;
    let value = ctx.input(2)?;
    let Some(rows) = value.shape().dim(0) else {
        return Err(Error::invalid_argument(format!(
            "Input value for unpack must be at least a vector but received shape: {}",
            value.shape()
        )));
    };
    let indices = places(ctx, 1)?;
    if indices.len() != rows {
        return Err(Error::invalid_argument(format!(
            "Expected len(indices) == values.shape[0], but saw: {} vs. {rows}",
            indices.len()
        )));
    }
    let (size, last) = (array.size()?, indices.iter().max());
    let beyond = last.filter(|i| usize::try_from(**i).is_ok_and(|i| i >= size));
    if let Some(last) = beyond
        && !array.is_dynamic()?
    {
        return Err(Error::invalid_argument(format!(
            "Max scatter index must be < array size ({last} vs. {size})"
        )));
    }
    for (row, index) in indices.into_iter().enumerate() {
        array.write(index, value.row(row)?, plus)?;
    }
    Ok(())
}

/// What was written to the gradient's array at the same places.
fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let (array, flow) = super::backward::after_writing(ctx)?;
    let gathered = array.gather(ctx.input(1));
    dense([None, None, Some(gathered), Some(flow)])
}
