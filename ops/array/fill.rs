//! Fill: a tensor of one repeated value.

use super::cuda;
use super::items::{MOVABLE, Repeat, produce};
use crate::dtype::sets::INDEX;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::Shape;

pub(crate) static FILL: OpEntry = OpEntry {
    def: OpDef {
        signature: "Fill(dims:index_type, value:T) -> (output:T)",
        attrs: "T:type; index_type:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", MOVABLE), ("index_type", INDEX)], new),
        KernelDef::gpu_host(
            &[("T", cuda::ON_GPU), ("index_type", INDEX)],
            &["dims"],
            new,
        ),
        KernelDef::gpu_host(
            &[("T", cuda::INT32), ("index_type", INDEX)],
            &["dims", "value", "output"],
            new,
        ),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    if ctx.input(0).rank().is_some_and(|r| r != 1) {
        return Err(Error::invalid_argument(format!(
            "Shape must be rank 1 but is rank {}",
            ctx.input(0).rank().unwrap_or_default()
        )));
    }
    ctx.with_rank(1, 0)?;
    if let Some(dims) = ctx.constant_ints(0)? {
        let shape = Shape::new(&dims)?;
        ctx.set(0, shape);
        return Ok(());
    }
    let shape = ctx.constant_shape(0)?;
    ctx.set(0, shape);
    Ok(())
}

fn new(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
        let (dims, value) = (ctx.input(0)?, ctx.input(1)?);
        if dims.shape().rank() > 1 {
            return Err(Error::invalid_argument(format!(
                "dims must represent a vector, got shape {}",
                dims.shape()
            )));
        }
        if value.elements() != 1 || value.shape().rank() > 1 {
            return Err(Error::invalid_argument(format!(
                "value must represent a scalar, got shape {}",
                value.shape()
            )));
        }
        let shape = Shape::new(&dims.to_i64s()?)?;
        let filled = produce(value.dtype(), shape, &[value], Repeat)?;
        ctx.set(0, filled)
    }))
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    dense([None, Some(sum_all(ctx.scope, ctx.grad(0)))])
}

/// The sum of all elements, as TensorFlow's `reduce_sum` without axes.
#[track_caller]
pub(super) fn sum_all<'g>(scope: Scope<'g>, x: Output<'g>) -> Output<'g> {
    let axes = match x.shape().rank() {
        Some(rank) => scope.constant((0..rank as i32).collect::<Vec<i32>>()),
        None => scope.range(0i32, scope.rank(x), 1i32),
    };
    let sum = scope.op("Sum").input(x).input(axes);
    sum.attr("keep_dims", false).out()
}

impl<'g> Scope<'g> {
    /// A tensor of these sizes with `value` everywhere (op `Fill`).
    #[track_caller]
    pub fn fill(self, dims: impl Operand<'g>, value: impl Operand<'g>) -> Output<'g> {
        self.op("Fill").input(dims).input(value).out()
    }
}
