//! Pack: tensors of one shape side by side along a new axis (`stack`).

use super::cuda;
use super::items::{MOVABLE, produce};
use super::strided::{BoxCopy, Boxes, Layout, Steps, steps_of};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;
use smallvec::SmallVec;

pub(crate) static PACK: OpEntry = OpEntry {
    def: OpDef {
        signature: "Pack(values:N*T) -> (output:T)",
        attrs: "N:int>=1; T:type; axis:int=0",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", MOVABLE)], new),
        KernelDef::gpu(&[("T", cuda::ON_GPU)], new),
        KernelDef::gpu_host(&[("T", cuda::INT32)], &["values", "output"], new),
    ],
};

/// The axis among `rank` of the result, counted from the front.
pub(super) fn checked_axis(axis: i64, rank: usize) -> Result<usize> {
    ShapeCtx::axis(axis, rank).map_err(|_| {
        Error::invalid_argument(format!("axis = {axis} not in [{}, {rank})", -(rank as i64)))
    })
}

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let mut shape = PartialShape::unknown();
    for i in 0..ctx.len() {
        shape = shape.merge(&ctx.input(i))?;
    }
    if let Some(dims) = shape.dims() {
        let axis = checked_axis(ctx.attrs.int("axis")?, dims.len() + 1)?;
        let mut dims = dims.to_vec();
        dims.insert(axis, Some(ctx.len()));
        ctx.set(0, PartialShape::of(dims));
    }
    Ok(())
}

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let axis = init.attrs.int("axis")?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let values: Vec<&Tensor> = (0..ctx.num_inputs())
            .map(|i| ctx.input(i))
            .collect::<Result<_>>()?;
        let stacked = stacked(ctx.pool(), &values, axis)?;
        ctx.set(0, stacked)
    }))
}

/// The tensors, which have one shape, side by side along a new axis.
///
/// # Errors
/// `InvalidArgument` when shapes differ or there is no such axis.
pub(crate) fn stacked(
    pool: &crate::device::cpu::ThreadPool,
    values: &[&Tensor],
    axis: i64,
) -> Result<Tensor> {
    let Some(first) = values.first() else {
        return Err(Error::invalid_argument("there is nothing to stack"));
    };
    let inner = first.shape();
    let axis = checked_axis(axis, inner.rank() + 1)?;
    if let Some((i, v)) = values.iter().enumerate().find(|(_, v)| v.shape() != inner) {
        return Err(Error::invalid_argument(format!(
            "Shapes of all inputs must match: values[0].shape = {inner} != values[{i}].shape = {}",
            v.shape()
        )));
    }
    let mut dims = inner.dims().to_vec();
    dims.insert(axis, values.len());
    let shape = Shape::of(&dims)?;
    if values.len() == 1 {
        return first.reshaped(shape);
    }
    let mut steps: Steps = steps_of(&shape);
    let step = steps.remove(axis).unsigned_abs();
    let copies: Vec<BoxCopy> = (0..values.len())
        .map(|i| BoxCopy {
            input: i,
            dims: SmallVec::from_slice(inner.dims()),
            from: Layout::dense(inner),
            to: Layout {
                start: i.saturating_mul(step),
                steps: steps.clone(),
            },
        })
        .collect();
    let job = Boxes {
        pool,
        fill: None,
        copies: &copies,
    };
    produce(first.dtype(), shape, values, job)
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let (count, axis) = (ctx.node.inputs().len(), ctx.attrs().int("axis")?);
    dense(
        ctx.scope
            .unstack(ctx.grad(0), count, axis)
            .into_iter()
            .map(Some),
    )
}

impl<'g> Scope<'g> {
    /// Tensors of one shape side by side along a new axis (op `Pack`).
    #[track_caller]
    pub fn stack(self, values: &[Output<'g>], axis: i64) -> Output<'g> {
        self.op("Pack")
            .default_name("stack")
            .list(values.iter().copied())
            .attr("axis", axis)
            .out()
    }
}

#[track_caller]
fn packed<'g>(scope: Scope<'g>, parts: &[Output<'g>], like: Option<DType>) -> Output<'g> {
    if parts.is_empty() {
        let none = Tensor::zeros(
            like.unwrap_or(DType::I32),
            Shape::of(&[0]).unwrap_or_default(),
        );
        return match none {
            Ok(t) => scope.constant(t),
            Err(_) => Output::broken(scope),
        };
    }
    scope
        .op("Pack")
        .default_name("packed")
        .list(parts.iter().copied())
        .out()
}

/// Scalars in a list become one vector (op `Pack`): sizes of which some are computed.
impl<'g> Operand<'g> for &[Output<'g>] {
    #[track_caller]
    fn operand(self, scope: Scope<'g>, like: Option<DType>) -> Output<'g> {
        packed(scope, self, like)
    }
}
/// As for slices.
impl<'g> Operand<'g> for Vec<Output<'g>> {
    #[track_caller]
    fn operand(self, scope: Scope<'g>, like: Option<DType>) -> Output<'g> {
        packed(scope, &self, like)
    }
}
/// As for slices.
impl<'g, const N: usize> Operand<'g> for [Output<'g>; N] {
    #[track_caller]
    fn operand(self, scope: Scope<'g>, like: Option<DType>) -> Output<'g> {
        packed(scope, &self, like)
    }
}
