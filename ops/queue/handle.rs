//! Handles of queues and readers: resources, or (version 1) references to the strings container and name.

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::kernel::{AnyKernel, AsyncCall, Env, KernelInit, OpContext, Value, handle_of};
use crate::op::ShapeCtx;
use crate::resource::{Resource, Variable, resource_name};
use crate::shape::{PartialShape, Shape};
use crate::tensor::{Bytes, ResourceHandle, Tensor};
use std::sync::Arc;

/// A resource handle is one.
pub(crate) fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ctx.with_rank(0, 0).map(|_| ())
}

/// A version 1 handle is two strings.
pub(crate) fn infer_v1(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ctx.input(0)
        .merge(&PartialShape::from([2usize]))
        .map(|_| ())
}

/// Each output is a handle of version 1.
pub(crate) fn infer_new_v1(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ctx.set(0, [2usize]);
    Ok(())
}

/// A kernel that gives the handle of a resource, which it finds by the attributes `container` and `shared_name`, or
/// makes.
pub(crate) fn kernel<R: Resource>(
    init: &KernelInit<'_>,
    make: impl FnOnce(&str) -> Result<R>,
    check: impl FnOnce(&R) -> Result<()>,
) -> Result<AnyKernel> {
    let (container, name) = resource_name(
        init.attrs.str("container")?,
        init.attrs.str("shared_name")?,
        &init.node.name,
        false,
    )?;
    let resources = &init.env.resources;
    let resource = resources.get_or_create(&container, &name, || make(&name))?;
    check(&resource)?;
    let value: Value = if init.outputs.first().is_some_and(|t| t.is_ref) {
        let parts = [&container, &name].map(|s| Bytes::from(s.as_bytes()));
        let variable = Variable::new(&init.node.name, DType::String);
        variable.assign(Tensor::from_strings(Shape::of(&[2])?, parts.to_vec())?)?;
        Value::Ref(Arc::new(variable))
    } else {
        let handle = ResourceHandle {
            device: init.env.device.clone(),
            container,
            name,
            kind: R::KIND.into(),
        };
        Tensor::from_handles(Shape::scalar(), vec![handle])?.into()
    };
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        ctx.set(0, value.clone())
    }))
}

/// The resource that a handle stands for.
fn find<R: Resource>(handle: &Tensor, env: &Env) -> Result<Arc<R>> {
    if handle.dtype() == DType::String {
        let [container, name] = handle.strings()? else {
            return Err(Error::invalid_argument(format!(
                "Resource handle must have 2 elements, but had shape: {}",
                handle.shape()
            )));
        };
        let text = |b: &Bytes| String::from_utf8_lossy(b).into_owned();
        return env.resources.get(&text(container), &text(name));
    }
    env.lookup(handle_of(handle)?)
}

/// The resource behind an input of an asynchronous call.
pub(crate) fn of_call<R: Resource>(call: &AsyncCall, i: usize) -> Result<Arc<R>> {
    match call.inputs.get(i) {
        Some(Value::Tensor(t)) => find(t, &call.env),
        Some(Value::Ref(v)) => find(&v.read()?, &call.env),
        None => Err(Error::internal(format!("there is no input {i}"))),
    }
}

/// The resource behind the first input.
pub(crate) fn of_context<R: Resource>(ctx: &OpContext<'_>) -> Result<Arc<R>> {
    match ctx.input(0) {
        Ok(t) => find(t, ctx.env),
        Err(_) => find(&ctx.variable(0)?.read()?, ctx.env),
    }
}
