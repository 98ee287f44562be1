//! Unpack: the slices of a tensor along an axis, without that axis (`unstack`).

use super::cuda;
use super::items::MOVABLE;
use super::pack::checked_axis;
use super::strided::{Layout, rearranged, steps_of};
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};

pub(crate) static UNPACK: OpEntry = OpEntry {
    def: OpDef {
        signature: "Unpack(value:T) -> (output:num*T)",
        attrs: "num:int>=0; T:type; axis:int=0",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", MOVABLE)], new),
        KernelDef::gpu(&[("T", cuda::ON_GPU)], new),
        KernelDef::gpu_host(&[("T", cuda::INT32)], &["value", "output"], new),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let input = ctx.input(0);
    let Some(dims) = input.dims() else {
        return Ok(());
    };
    let axis = checked_axis(ctx.attrs.int("axis")?, dims.len())?;
    let count = ctx.outputs.len();
    if let Some(n) = dims[axis]
        && n != count
    {
        return Err(Error::invalid_argument(format!(
            "Dimension must be {count} but is {n}"
        )));
    }
    let mut dims = dims.to_vec();
    dims.remove(axis);
    for i in 0..count {
        ctx.set(i, PartialShape::of(dims.clone()));
    }
    Ok(())
}

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let axis = init.attrs.int("axis")?;
    let count = init.outputs.len();
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let x = ctx.take_input(0)?;
        let shape = x.shape().clone();
        let axis = checked_axis(axis, shape.rank())?;
        if shape.dims()[axis] != count {
            return Err(Error::invalid_argument(format!(
                "Input shape axis {axis} must equal {count}, got shape {shape}"
            )));
        }
        let mut dims = shape.dims().to_vec();
        dims.remove(axis);
        let part = Shape::of(&dims)?;
        let mut steps = steps_of(&shape);
        let step = steps.remove(axis).unsigned_abs();
        for i in 0..count {
            let from = Layout {
                start: i.saturating_mul(step),
                steps: steps.clone(),
            };
            let t = rearranged(ctx.pool(), &x, part.clone(), from)?;
            ctx.set(i, t)?;
        }
        Ok(())
    }))
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let parts: Vec<Output<'g>> = (0..ctx.node.num_outputs()).map(|i| ctx.grad(i)).collect();
    dense([Some(ctx.scope.stack(&parts, ctx.attrs().int("axis")?))])
}

impl<'g> Scope<'g> {
    /// The `count` slices of `value` along an axis, without that axis (op `Unpack`).
    #[track_caller]
    pub fn unstack(self, value: Output<'g>, count: usize, axis: i64) -> Vec<Output<'g>> {
        let made = self
            .op("Unpack")
            .default_name("unstack")
            .input(value)
            .attr("num", count as i64)
            .attr("axis", axis)
            .finish();
        (0..count).map(|i| made.output(i)).collect()
    }
}

impl<'g> Output<'g> {
    /// The slices along an axis whose size is known, without that axis (op `Unpack`).
    ///
    /// Where the size is not known, use [`Scope::unstack`].
    #[track_caller]
    pub fn unstack(self, axis: i64) -> Vec<Output<'g>> {
        let scope = self.scope();
        let shape = self.shape();
        let size = shape
            .rank()
            .and_then(|r| ShapeCtx::axis(axis, r).ok())
            .and_then(|a| shape.dim(a));
        match size {
            Some(n) => scope.unstack(self, n, axis),
            None => {
                if self.is_valid() {
                    let e = Error::invalid_argument(format!(
                        "Cannot infer argument `num` from shape {shape}"
                    ));
                    let e = e.at_node("unstack", "Unpack");
                    scope
                        .graph()
                        .fail(e.at_line(std::panic::Location::caller()));
                }
                Vec::new()
            }
        }
    }
}
