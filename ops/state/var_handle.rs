//! VarHandleOp, ReadVariableOp, AssignVariableOp, VariableShape, DestroyResourceOp, DisableCopyOnRead: variables behind handles.

use super::handle;
use crate::dtype::{DType, sets};
use crate::error::{Code, Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::ops::array::cuda::ON_GPU;
use crate::registry::OpEntry;
use crate::resource::{Resource, Variable, resource_name};
use crate::shape::{PartialShape, Shape};
use crate::tensor::{ResourceHandle, Tensor};

pub(crate) static VAR_HANDLE_OP: OpEntry = OpEntry {
    def: OpDef {
        signature: "VarHandleOp() -> (resource:resource)",
        attrs: "container:string=\"\"; shared_name:string=\"\"; debug_name:string=\"\"; dtype:type; shape:shape; allowed_devices:list(string)=[]",
        flags: Flags::STATEFUL,
        infer: |ctx| {
            let known = (ctx.attrs.dtype("dtype")?, ctx.attrs.shape("shape")?.clone());
            ctx.set(0, PartialShape::scalar());
            if let Some(h) = ctx.output_handles.first_mut() {
                *h = Some(known);
            }
            Ok(())
        },
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[], new_handle),
        KernelDef::gpu_host(&[("dtype", ON_GPU)], &["resource"], new_handle),
    ],
};

fn new_handle(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let (container, name) = resource_name(
        init.attrs.str("container")?,
        init.attrs.str("shared_name")?,
        &init.node.name,
        true,
    )?;
    let handle = ResourceHandle {
        device: init.env.device.clone(),
        container,
        name,
        kind: Variable::KIND.to_string(),
    };
    let tensor = Tensor::from_handles(Shape::scalar(), vec![handle])?;
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        ctx.set(0, tensor.clone())
    }))
}

pub(crate) static READ_VARIABLE_OP: OpEntry = OpEntry {
    def: OpDef {
        signature: "ReadVariableOp(resource:resource) -> (value:dtype)",
        attrs: "dtype:type",
        flags: Flags::STATEFUL,
        infer: |ctx| {
            let shape = handle::shape(ctx, 0)?;
            ctx.set(0, shape);
            Ok(())
        },
    },
    grad: Grad::Fn(read_grad),
    kernels: &[
        KernelDef::cpu(&[], new_read),
        KernelDef::gpu_host(&[("dtype", ON_GPU)], &["resource"], new_read),
    ],
};

fn new_read(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let dtype = init.attrs.dtype("dtype")?;
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let variable = ctx.variable(0)?;
        handle::check_type(&variable, dtype)?;
        ctx.set(0, variable.read()?)
    }))
}

/// The gradient of the value is that of the variable.
fn read_grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    Ok(vec![ctx.grads.first().copied().flatten()])
}

pub(crate) static ASSIGN_VARIABLE_OP: OpEntry = OpEntry {
    def: OpDef {
        signature: "AssignVariableOp(resource:resource, value:dtype) -> ()",
        attrs: "dtype:type; validate_shape:bool=false",
        flags: Flags::STATEFUL,
        infer: |ctx| {
            handle::shape(ctx, 0)?.merge(&ctx.input(1))?;
            Ok(())
        },
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[], new_assign),
        KernelDef::gpu_host(&[("dtype", ON_GPU)], &["resource"], new_assign),
    ],
};

fn new_assign(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let dtype = init.attrs.dtype("dtype")?;
    let validate = init.attrs.bool("validate_shape")?;
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let h = ctx.handle(0)?;
        ctx.env.admit(h)?;
        if h.kind != Variable::KIND {
            return Err(Error::invalid_argument(format!(
                "Trying to access resource using the wrong type. Expected {} got {}",
                Variable::KIND,
                h.kind
            )));
        }
        let variable = ctx.env.resources.get_or_create(&h.container, &h.name, || {
            Ok(Variable::new(h.name.as_str(), dtype))
        })?;
        let value = ctx.take_input(1)?;
        if validate {
            let current = variable.lock().as_ref().map(|t| t.shape().clone());
            if let Some(current) = current
                && current != *value.shape()
            {
                return Err(Error::invalid_argument(format!(
                    "Trying to assign to variable with tensor with wrong shape. Expected {current} got {}",
                    value.shape()
                )));
            }
        }
        variable.assign(value)
    }))
}

pub(crate) static VARIABLE_SHAPE: OpEntry = OpEntry {
    def: OpDef {
        signature: "VariableShape(input:resource) -> (output:out_type)",
        attrs: "out_type:type{int32,int64}=int32",
        flags: Flags::STATEFUL,
        infer: infer_variable_shape,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[("out_type", sets::INDEX)], new_shape),
        KernelDef::gpu_host(
            &[("out_type", sets::INDEX)],
            &["input", "output"],
            new_shape,
        ),
    ],
};

fn infer_variable_shape(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let rank = handle::shape(ctx, 0)?.rank();
    ctx.set(0, PartialShape::vector(rank));
    Ok(())
}

fn new_shape(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let wide = init.attrs.dtype("out_type")? == DType::I64;
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let variable = ctx.variable(0)?;
        let shape = variable.read()?.shape().clone();
        let dims = shape.dims_i64();
        let out = if wide {
            Tensor::from(&dims[..])
        } else {
            let narrow: Option<Vec<i32>> = dims.iter().map(|d| i32::try_from(*d).ok()).collect();
            let narrow = narrow.ok_or_else(|| {
                Error::invalid_argument(format!("Shape {shape} does not fit int32"))
            })?;
            Tensor::from(narrow)
        };
        ctx.set(0, out)
    }))
}

pub(crate) static DESTROY_RESOURCE_OP: OpEntry = OpEntry {
    def: OpDef {
        signature: "DestroyResourceOp(resource:resource) -> ()",
        attrs: "ignore_lookup_error:bool=true",
        flags: Flags::STATEFUL,
        infer: |ctx| ctx.with_rank(0, 0).map(|_| ()),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[], new_destroy),
        KernelDef::gpu_host(&[], &["resource"], new_destroy),
    ],
};

fn new_destroy(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let lenient = init.attrs.bool("ignore_lookup_error")?;
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let handle = ctx.handle(0)?;
        ctx.env.admit(handle)?;
        match ctx.env.resources.remove_handle(handle) {
            Err(e) if lenient && e.code() == Code::NotFound => Ok(()),
            outcome => outcome,
        }
    }))
}

pub(crate) static DISABLE_COPY_ON_READ: OpEntry = OpEntry {
    def: OpDef {
        signature: "DisableCopyOnRead(resource:resource) -> ()",
        attrs: "",
        flags: Flags::STATEFUL,
        infer: |ctx| ctx.with_rank(0, 0).map(|_| ()),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[], new_disable),
        KernelDef::gpu_host(&[], &["resource"], new_disable),
    ],
};

/// Reads share the buffer anyway; only the variable has to exist.
fn new_disable(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
        ctx.variable(0).map(|_| ())
    }))
}
