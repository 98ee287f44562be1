//! TensorArrayConcatV3: all elements, one after the other along their first dimension.

use super::array_of;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::ops::list::engine::{join, stacked};
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;

pub(crate) static TENSOR_ARRAY_CONCAT_V3: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorArrayConcatV3(handle:resource, flow_in:float) -> (value:dtype, lengths:int64)",
        attrs: "dtype:type; element_shape_except0:shape=?",
        flags: Flags::STATEFUL,
        infer: |ctx: &mut ShapeCtx<'_>| {
            ctx.with_rank(1, 0)?;
            ctx.set(1, PartialShape::vector(None));
            Ok(())
        },
    },
    grad: Grad::Fn(grad),
    kernels: &[KernelDef::cpu(&[], |init: &KernelInit<'_>| {
        let dtype = init.attrs.dtype("dtype")?;
        let told = init.attrs.shape("element_shape_except0")?.clone();
        Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
            concat(ctx, dtype, &told)
        }))
    })],
};

fn concat(ctx: &mut OpContext<'_>, dtype: crate::DType, told: &PartialShape) -> Result<()> {
    let array = array_of(ctx, dtype)?;
    let size = i64::try_from(array.size()?).unwrap_or(i64::MAX);
    let parts: Vec<Tensor> = (0..size).map(|i| array.read(i)).collect::<Result<_>>()?;
    let Some(first) = parts.first() else {
        let shape = told.to_shape().ok_or_else(|| {
            Error::unimplemented(format!(
                "TensorArray has size zero, but element_shape_except0 {told} is not fully defined. Currently only static shapes are supported when concatenating zero-size TensorArrays."
            ))
        })?;
        ctx.set(0, Tensor::zeros(dtype, stacked(0, &shape)?)?)?;
        return ctx.set(1, Tensor::from(Vec::<i64>::new()));
    };
    let (mut lengths, mut rows) = (Vec::with_capacity(parts.len()), 0usize);
    let inner = |t: &Tensor| t.shape().dims().get(1..).map(<[usize]>::to_vec);
    let shape = inner(first).unwrap_or_default();
    for (i, part) in parts.iter().enumerate() {
        let (Some(n), Some(own)) = (part.shape().dim(0), inner(part)) else {
            return Err(Error::invalid_argument(format!(
                "Concat saw a scalar shape at index {i} but requires at least vectors.  Did you mean to call pack?"
            )));
        };
        if own != shape {
            return Err(Error::invalid_argument(format!(
                "TensorArray has inconsistent shapes.  Index 0 has (excepting dimension 0) shape: {} but index {i} has (excepting dimension 0) shape: {}",
                Shape::of(&shape)?,
                Shape::of(&own)?
            )));
        }
        rows = rows
            .checked_add(n)
            .ok_or_else(|| Error::invalid_argument("the sizes overflow"))?;
        lengths.push(n as i64);
    }
    let shape = Shape::of(&shape)?;
    if !told.accepts(&shape) {
        return Err(Error::invalid_argument(format!(
            "TensorArray was passed element_shape_except0 {told} but index 0 has (excepting dimension 0) shape: {shape} which does not match."
        )));
    }
    let out = join(dtype, stacked(rows, &shape)?, &parts)?;
    ctx.set(0, out)?;
    ctx.set(1, Tensor::from(lengths))
}

/// The parts of the gradient are written to the gradient's array.
fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let array = super::backward::array(ctx, ctx.input(1));
    let written = array.split(ctx.grad(0), ctx.output(1));
    dense([None, Some(written.flow())])
}
