//! TemporaryVariable and DestroyTemporaryVariable: a variable that lives for one step.

use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext, Value};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use crate::resource::Variable;
use crate::tensor::Tensor;

pub(crate) static TEMPORARY_VARIABLE: OpEntry = OpEntry {
    def: OpDef {
        signature: "TemporaryVariable() -> (ref:ref dtype)",
        attrs: "shape:shape; dtype:type; var_name:string=\"\"",
        flags: Flags::STATEFUL,
        infer: infer::shape_attr,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], new)],
};

pub(crate) static DESTROY_TEMPORARY_VARIABLE: OpEntry = OpEntry {
    def: OpDef {
        signature: "DestroyTemporaryVariable(ref:ref T) -> (value:T)",
        attrs: "T:type; var_name:string",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], destroy)],
};

/// The container of what lives for one step.
fn step_container(ctx: &OpContext<'_>) -> String {
    format!("__per_step_{}", ctx.step.id)
}

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let shape = init.attrs.shape("shape")?.clone();
    let dtype = init.attrs.dtype("dtype")?;
    let given = init.attrs.str("var_name")?;
    let name = if given.is_empty() {
        init.node.name.clone()
    } else {
        given.to_string()
    };
    let known = shape.to_shape().ok_or_else(|| {
        Error::invalid_argument(format!(
            "a temporary variable needs a fully defined shape, got {shape}"
        ))
    })?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let fresh = Variable::with_shape(name.as_str(), dtype, shape.clone());
        fresh.assign(Tensor::zeros(dtype, known.clone())?)?;
        let mut is_new = false;
        let variable = ctx
            .env
            .resources
            .get_or_create(&step_container(ctx), &name, || {
                is_new = true;
                Ok(fresh)
            })?;
        if !is_new {
            return Err(Error::already_exists(format!(
                "Resource {}/{name}/TmpVar",
                step_container(ctx)
            )));
        }
        ctx.set(0, Value::Ref(variable))
    }))
}

fn destroy(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let name = init.attrs.str("var_name")?.to_string();
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let variable = ctx.variable(0)?;
        let value = variable.read()?;
        ctx.env
            .resources
            .remove::<Variable>(&step_container(ctx), &name)?;
        // The node's own reference goes with its input; nobody may write to it any more.
        variable.lock().take();
        ctx.set(0, value)
    }))
}
