//! TensorArrayGatherV3: some elements, stacked.

use super::{array_of, known_elements, places};
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::ops::list::engine::{join, stacked};
use crate::registry::OpEntry;
use crate::shape::PartialShape;
use crate::tensor::Tensor;

pub(crate) static TENSOR_ARRAY_GATHER_V3: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorArrayGatherV3(handle:resource, indices:int32, flow_in:float) -> (value:dtype)",
        attrs: "dtype:type; element_shape:shape=?",
        flags: Flags::STATEFUL,
        infer: |ctx: &mut ShapeCtx<'_>| {
            let indices = ctx.with_rank(1, 1)?;
            ctx.with_rank(2, 0)?;
            let told = ctx.attrs.shape("element_shape")?.clone();
            let shape = known_elements(ctx).unwrap_or(told);
            ctx.set(0, indices.concat(&shape));
            Ok(())
        },
    },
    grad: Grad::Fn(grad),
    kernels: &[KernelDef::cpu(&[], |init: &KernelInit<'_>| {
        let dtype = init.attrs.dtype("dtype")?;
        let told = init.attrs.shape("element_shape")?.clone();
        Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
            let array = array_of(ctx, dtype)?;
            let indices = places(ctx, 1)?;
            let read = indices.iter().map(|i| array.read(*i));
            let out = stack(read.collect::<Result<_>>()?, dtype, &told)?;
            ctx.set(0, out)
        }))
    })],
};

fn stack(parts: Vec<Tensor>, dtype: crate::DType, told: &PartialShape) -> Result<Tensor> {
    let Some(first) = parts.first() else {
        let shape = told.to_shape().ok_or_else(|| {
            Error::unimplemented(format!(
                "TensorArray has size zero, but element shape {told} is not fully defined. Currently only static shapes are supported when packing zero-size TensorArrays."
            ))
        })?;
        return Tensor::zeros(dtype, stacked(0, &shape)?);
    };
    if !told.accepts(first.shape()) {
        return Err(Error::invalid_argument(format!(
            "TensorArray was passed element_shape {told} which does not match the Tensor at index 0: {}",
            first.shape()
        )));
    }
    if let Some((i, other)) = (0..).zip(&parts).find(|(_, p)| p.shape() != first.shape()) {
        return Err(Error::invalid_argument(format!(
            "TensorArray has inconsistent shapes.  Index 0 has shape: {} but index {i} has shape: {}",
            first.shape(),
            other.shape()
        )));
    }
    join(dtype, stacked(parts.len(), first.shape())?, &parts)
}

/// The rows of the gradient are written to the gradient's array.
fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let array = super::backward::array(ctx, ctx.input(2));
    let written = array.scatter(ctx.input(1), ctx.grad(0));
    dense([None, None, Some(written.flow())])
}
