//! TensorArraySplitV3: parts of a tensor become elements.

use super::{array_for, infer_flow, pass_flow};
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::kernel::{AnyKernel, KernelDef, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::ops::list::arithmetic::plus;
use crate::registry::OpEntry;

pub(crate) static TENSOR_ARRAY_SPLIT_V3: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorArraySplitV3(handle:resource, value:T, lengths:int64, flow_in:float) -> (flow_out:float)",
        attrs: "T:type",
        flags: Flags::STATEFUL,
        infer: |ctx: &mut ShapeCtx<'_>| {
            ctx.with_rank(3, 0)?;
            infer_flow(ctx)
        },
    },
    grad: Grad::Fn(grad),
    kernels: &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
            split(ctx)?;
            pass_flow(ctx, 3)
        }))
    })],
};

fn split(ctx: &OpContext<'_>) -> Result<()> {
    let array = array_for(ctx, 1)?;
    let (value, lengths) = (ctx.input(1)?, ctx.input(2)?);
    if !lengths.shape().is_vector() {
        return Err(Error::invalid_argument(format!(
            "Expected lengths to be a vector, received shape: {}",
            lengths.shape()
        )));
    }
    let Some(rows) = value.shape().dim(0) else {
        return Err(Error::invalid_argument(format!(
            "Expected value to be at least a vector, but received shape: {}",
            value.shape()
        )));
    };
    let lengths = lengths.to_i64s()?;
    if let Some(bad) = lengths.iter().find(|n| **n < 0) {
        return Err(Error::invalid_argument(format!(
            "Invalid value in lengths: {bad}"
        )));
    }
    let total = lengths.iter().try_fold(0i64, |a, b| a.checked_add(*b));
    if total.and_then(|t| usize::try_from(t).ok()) != Some(rows) {
        return Err(Error::invalid_argument(format!(
            "Expected sum of lengths to be equal to values.shape[0], but sum of lengths is {} and value's shape is: {}",
            total.unwrap_or(i64::MAX),
            value.shape()
        )));
    }
    let size = array.size()?;
    if size != lengths.len() && !(array.is_dynamic()? && size < lengths.len()) {
        return Err(Error::invalid_argument(format!(
            "TensorArray's size is not equal to the size of lengths ({size} vs. {}), and the TensorArray is not marked as dynamically resizeable",
            lengths.len()
        )));
    }
    let mut start = 0usize;
    for (i, n) in (0..).zip(lengths) {
        // Their sum is the number of rows, and none is negative.
        let end = start.saturating_add(usize::try_from(n).unwrap_or(0));
        array.write(i, value.rows(start, end)?, plus)?;
        start = end;
    }
    Ok(())
}

/// What was written to the gradient's array, one after the other.
fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let (array, flow) = super::backward::after_writing(ctx)?;
    let whole = array.concat();
    dense([None, Some(whole), None, Some(flow)])
}
