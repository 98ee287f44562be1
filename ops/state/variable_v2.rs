//! VariableV2 and Variable: a reference to a tensor that outlives the step.

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext, Value};
use crate::op::{Flags, OpDef, infer};
use crate::ops::array::cuda::ON_GPU;
use crate::registry::OpEntry;
use crate::resource::{Variable, resource_name};
use crate::shape::PartialShape;
use std::sync::Arc;

const ATTRS: &str = "shape:shape; dtype:type; container:string=\"\"; shared_name:string=\"\"";

pub(crate) static VARIABLE_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "VariableV2() -> (ref:ref dtype)",
        attrs: ATTRS,
        flags: Flags::STATEFUL,
        infer: infer::shape_attr,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[], |init| new(init, init.attrs.shape("shape")?.clone())),
        KernelDef::gpu(&[("dtype", ON_GPU)], |init| {
            new(init, init.attrs.shape("shape")?.clone())
        }),
    ],
};

pub(crate) static VARIABLE: OpEntry = OpEntry {
    def: OpDef {
        signature: "Variable() -> (ref:ref dtype)",
        attrs: ATTRS,
        flags: Flags::STATEFUL,
        infer: |ctx| {
            let shape = declared(ctx.attrs.shape("shape")?);
            ctx.set(0, shape);
            Ok(())
        },
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[], |init| new(init, declared(init.attrs.shape("shape")?))),
        KernelDef::gpu(&[("dtype", ON_GPU)], |init| {
            new(init, declared(init.attrs.shape("shape")?))
        }),
    ],
};

/// In the first version of the op the shape of a scalar means that the shape is not known.
fn declared(shape: &PartialShape) -> PartialShape {
    if shape.is_scalar() {
        PartialShape::unknown()
    } else {
        shape.clone()
    }
}

fn new(init: &KernelInit<'_>, shape: PartialShape) -> Result<AnyKernel> {
    let dtype = init.attrs.dtype("dtype")?;
    let (container, name) = resource_name(
        init.attrs.str("container")?,
        init.attrs.str("shared_name")?,
        &init.node.name,
        true,
    )?;
    let variable = find(init, &container, &name, dtype, shape)?;
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        ctx.set(0, Value::Ref(variable.clone()))
    }))
}

fn find(
    init: &KernelInit<'_>,
    container: &str,
    name: &str,
    dtype: DType,
    shape: PartialShape,
) -> Result<Arc<Variable>> {
    let node = &init.node.name;
    let found = init.env.resources.get_or_create(container, name, || {
        Ok(Variable::with_shape(node.as_str(), dtype, shape))
    })?;
    if found.dtype != dtype {
        return Err(Error::invalid_argument(format!(
            "Trying to access variable {name} of type {} as {dtype}",
            found.dtype
        )));
    }
    Ok(found)
}
