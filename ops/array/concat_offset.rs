//! ConcatOffset: where each part of a concatenation begins.

use crate::dtype::{DType, sets::INDEX};
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::tensor::Tensor;

pub(crate) static CONCAT_OFFSET: OpEntry = OpEntry {
    def: OpDef {
        signature: "ConcatOffset(concat_dim:int32, shape:N*shape_type) -> (offset:N*shape_type)",
        attrs: "N:int>=2; shape_type:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[("shape_type", INDEX)], new),
        KernelDef::gpu_host(
            &[("shape_type", INDEX)],
            &["concat_dim", "shape", "offset"],
            new,
        ),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    for i in 1..ctx.len() {
        let shape = ctx.with_rank(i, 1)?;
        ctx.set(i - 1, shape);
    }
    Ok(())
}

fn new(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
        let axis = ctx.input(0)?;
        if !axis.shape().is_scalar() {
            return Err(Error::invalid_argument(format!(
                "Concat dim tensor should be a scalar integer, but got shape {}",
                axis.shape()
            )));
        }
        let axis = i64::from(axis.to_scalar::<i32>()?);
        let count = ctx.num_inputs() - 1;
        let mut shapes = Vec::with_capacity(count);
        for i in 0..count {
            let t = ctx.input(i + 1)?;
            if !t.shape().is_vector() {
                return Err(Error::invalid_argument(format!(
                    "input {i} should be a vector, but got shape {}",
                    t.shape()
                )));
            }
            shapes.push(t.to_i64s()?);
        }
        let dtype = ctx.input(1)?.dtype();
        let offsets = offsets(axis, &shapes)?;
        for (i, o) in offsets.iter().enumerate() {
            let t = match dtype {
                DType::I32 => Tensor::from(narrow(o)?),
                _ => Tensor::from(o.clone()),
            };
            ctx.set(i, t)?;
        }
        Ok(())
    }))
}

fn narrow(values: &[i64]) -> Result<Vec<i32>> {
    let narrow: Option<Vec<i32>> = values.iter().map(|v| i32::try_from(*v).ok()).collect();
    narrow.ok_or_else(|| Error::invalid_argument("the offsets do not fit int32"))
}

fn offsets(axis: i64, shapes: &[Vec<i64>]) -> Result<Vec<Vec<i64>>> {
    let first = shapes
        .first()
        .ok_or_else(|| Error::invalid_argument("there are no shapes"))?;
    let rank = first.len();
    let at = ShapeCtx::axis(axis, rank).map_err(|_| {
        Error::invalid_argument(format!("Concat dim is out of range: {axis} vs. {rank}"))
    })?;
    let words = |v: &[i64]| {
        let text: Vec<String> = v.iter().map(i64::to_string).collect();
        text.join(" ")
    };
    let mut total = 0i64;
    let mut out = Vec::with_capacity(shapes.len());
    for (i, shape) in shapes.iter().enumerate() {
        if shape.len() != rank {
            return Err(Error::invalid_argument(format!(
                "input {i} should contain {rank} elements, but got {}",
                shape.len()
            )));
        }
        let differs = |d: usize| d != at && shape[d] != first[d];
        if (0..rank).any(differs) {
            return Err(Error::invalid_argument(format!(
                "All dimensions except {at} must match. Input {i} has shape [{}] and doesn't match input 0 with shape [{}].",
                words(shape),
                words(first)
            )));
        }
        let mut offset = vec![0; rank];
        offset[at] = total;
        out.push(offset);
        total = total
            .checked_add(shape[at])
            .ok_or_else(|| Error::invalid_argument("the offsets overflow"))?;
    }
    Ok(out)
}

impl<'g> Scope<'g> {
    /// Where each part of a concatenation of tensors of these shapes begins (op `ConcatOffset`).
    #[track_caller]
    pub fn concat_offset(self, axis: impl Operand<'g>, shapes: &[Output<'g>]) -> Vec<Output<'g>> {
        let made = self
            .op("ConcatOffset")
            .input(axis)
            .list(shapes.iter().copied())
            .finish();
        (0..shapes.len()).map(|i| made.output(i)).collect()
    }
}
