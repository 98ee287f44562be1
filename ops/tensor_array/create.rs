//! TensorArrayV3: a new array in each execution, gone with the step.

use crate::error::Error;
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::resource::{ArrayOptions, TensorArray};
use crate::shape::PartialShape;
use crate::tensor::Tensor;

pub(crate) static TENSOR_ARRAY_V3: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorArrayV3(size:int32) -> (handle:resource, flow:float)",
        attrs: "dtype:type; element_shape:shape=?; dynamic_size:bool=false; clear_after_read:bool=true; identical_element_shapes:bool=false; tensor_array_name:string=\"\"",
        flags: Flags::STATEFUL,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], new)],
};

/// The handle is a scalar; but TensorFlow's graphs say that it is a vector of two, so its shape is left open.
fn infer(ctx: &mut ShapeCtx<'_>) -> crate::Result<()> {
    ctx.with_rank(0, 0)?;
    let shape = ctx.attrs.shape("element_shape")?.clone();
    let identical = ctx.attrs.bool("identical_element_shapes")?;
    if identical || shape.is_fully_known() {
        let dtype = ctx.attrs.dtype("dtype")?;
        if let Some(h) = ctx.output_handles.first_mut() {
            *h = Some((dtype, shape));
        }
    }
    ctx.set(1, PartialShape::scalar());
    Ok(())
}

fn new(init: &KernelInit<'_>) -> crate::Result<AnyKernel> {
    let options = ArrayOptions {
        dtype: init.attrs.dtype("dtype")?,
        element_shape: init.attrs.shape("element_shape")?.clone(),
        dynamic_size: init.attrs.bool("dynamic_size")?,
        clear_after_read: init.attrs.bool("clear_after_read")?,
        identical_element_shapes: init.attrs.bool("identical_element_shapes")?,
        is_gradient: false,
    };
    let name = init.attrs.str("tensor_array_name")?.to_string();
    let name = match name.is_empty() {
        true => init.node.name.clone(),
        false => name,
    };
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let size = ctx.scalar::<i32>(0, "TensorArray size")?;
        let size =
            usize::try_from(size).map_err(|_| Error::invalid_argument("Size should be >= 0."))?;
        let options = options.clone();
        let handle = ctx.add_to_step(&name, |key| TensorArray::new(key, size, options))?;
        ctx.set(0, handle)?;
        ctx.set(1, Tensor::from(0.0f32))
    }))
}
