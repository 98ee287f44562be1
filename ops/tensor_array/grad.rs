//! TensorArrayGradV3, TensorArrayGradWithShape: the array that collects the gradients of another one's elements.

use super::array;
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::resource::TensorArray;
use crate::shape::PartialShape;
use crate::tensor::{ResourceHandle, Tensor};

pub(crate) static TENSOR_ARRAY_GRAD_V3: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorArrayGradV3(handle:resource, flow_in:float) -> (grad_handle:resource, flow_out:float)",
        attrs: "source:string",
        flags: Flags::STATEFUL,
        infer: |ctx: &mut ShapeCtx<'_>| {
            let known = ctx.handles.first().cloned().flatten();
            if let Some(h) = ctx.output_handles.first_mut() {
                *h = known;
            }
            ctx.set(1, PartialShape::scalar());
            Ok(())
        },
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |init: &KernelInit<'_>| {
        let source = init.attrs.str("source")?.to_string();
        Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
            find(ctx, &source, &[])
        }))
    })],
};

pub(crate) static TENSOR_ARRAY_GRAD_WITH_SHAPE: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorArrayGradWithShape(handle:resource, flow_in:float, shape_to_prepend:int32) -> (grad_handle:resource, flow_out:float)",
        attrs: "source:string",
        flags: Flags::STATEFUL,
        infer: |ctx: &mut ShapeCtx<'_>| {
            ctx.set(1, PartialShape::scalar());
            Ok(())
        },
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |init: &KernelInit<'_>| {
        let source = init.attrs.str("source")?.to_string();
        Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
            let sizes = ctx.input(2)?.to_i64s()?.into_iter().map(usize::try_from);
            let sizes = sizes.collect::<std::result::Result<Vec<usize>, _>>();
            let sizes = sizes.map_err(|_| Error::invalid_argument("a size is negative"))?;
            find(ctx, &source, &sizes)
        }))
    })],
};

/// The gradient's array of that source, made where there is none yet.
fn find(ctx: &mut OpContext<'_>, source: &str, prepended: &[usize]) -> Result<()> {
    let forward = array(ctx)?;
    let handle = ctx.handle(0)?.clone();
    let key = format!("{}@{source}", forward.key);
    let make = || forward.gradient(key.clone(), prepended);
    let resources = &ctx.step.resources;
    resources.get_or_create::<TensorArray>(&handle.container, &key, make)?;
    let handle = ResourceHandle {
        name: key,
        ..handle
    };
    let shape = crate::Shape::scalar();
    ctx.set(0, Tensor::from_handles(shape, vec![handle])?)?;
    let flow = ctx.take_value(1)?;
    ctx.set(1, flow)
}
