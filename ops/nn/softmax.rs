//! Softmax: exp(x) of each row over its sum.

use super::cuda;
use super::rows::{RowElement, divide, each_row, exponentials};
use crate::dtype::{DType, sets::FLOATS};
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::Shape;
use half::{bf16, f16};

pub(crate) static SOFTMAX: OpEntry = OpEntry {
    def: OpDef {
        signature: "Softmax(logits:T) -> (softmax:T)",
        attrs: "T:type{half,bfloat16,float,double}",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", &[DType::F32])], new::<f32>),
        KernelDef::cpu(&[("T", &[DType::F64])], new::<f64>),
        KernelDef::cpu(&[("T", &[DType::F16])], new::<f16>),
        KernelDef::cpu(&[("T", &[DType::BF16])], new::<bf16>),
        KernelDef::gpu(&[("T", FLOATS)], cuda::softmax),
    ],
};

/// Also for LogSoftmax.
pub(super) fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let shape = ctx.input(0);
    shape.with_rank_at_least(1)?;
    ctx.set(0, shape);
    Ok(())
}

fn new<T: RowElement>(_: &KernelInit<'_>) -> Result<AnyKernel> {
    by_rows::<T>(|row| {
        let (_, sum) = exponentials(row);
        divide(row, sum);
    })
}

/// The last dimension, which the rows have.
///
/// # Errors
/// `InvalidArgument` for a scalar.
pub(super) fn width_of(shape: &Shape) -> Result<usize> {
    shape.dims().last().copied().ok_or_else(|| {
        Error::invalid_argument(format!("logits must have >= 1 dimension, got {shape}"))
    })
}

/// The kernel of an op that changes each row along the last dimension by itself.
pub(super) fn by_rows<T: RowElement>(change: fn(&mut [T::Wide])) -> Result<AnyKernel> {
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let shape = ctx.input(0)?.shape().clone();
        let width = width_of(&shape)?;
        ctx.data::<T>(0)?;
        let (mut out, reused) = ctx.forward_or_alloc(&[0], T::DTYPE, &shape)?;
        {
            let input = match reused {
                Some(_) => None,
                None => Some(ctx.data::<T>(0)?),
            };
            each_row(ctx.pool(), input, out.make_mut()?, width, &|_, row| {
                change(row)
            });
        }
        ctx.set(0, out)
    }))
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let (y, g) = (ctx.output(0), ctx.grad(0));
    let sum = (g * y).sum_of_rows();
    dense([Some((g - sum) * y)])
}

impl<'g> Output<'g> {
    /// The sum over the last dimension, which stays with size 1.
    #[track_caller]
    pub(super) fn sum_of_rows(self) -> Output<'g> {
        self.scope()
            .op("Sum")
            .input(self)
            .input(-1i32)
            .attr("keep_dims", true)
            .out()
    }
}

impl<'g> Scope<'g> {
    /// exp(x) over its sum along the last dimension (op `Softmax`).
    #[track_caller]
    pub fn softmax(self, logits: impl Operand<'g>) -> Output<'g> {
        self.op("Softmax").input(logits).out()
    }
    /// exp(x) over its sum along an axis: of another than the last one, with transposes around.
    #[track_caller]
    pub fn softmax_along(self, logits: impl Operand<'g>, axis: i64) -> Output<'g> {
        let logits = logits.operand(self.unnamed(), None);
        along(self, logits, axis, |s, x| s.softmax(x))
    }
    /// x − ln Σ exp(x) along an axis: of another than the last one, with transposes around.
    #[track_caller]
    pub fn log_softmax_along(self, logits: impl Operand<'g>, axis: i64) -> Output<'g> {
        let logits = logits.operand(self.unnamed(), None);
        along(self, logits, axis, |s, x| s.log_softmax(x))
    }
}

/// Applies a function of the last dimension to another one, which is swapped with it before and after.
#[track_caller]
fn along<'g>(
    scope: Scope<'g>,
    logits: Output<'g>,
    axis: i64,
    of_last: impl Fn(Scope<'g>, Output<'g>) -> Output<'g>,
) -> Output<'g> {
    if !logits.is_valid() || axis == -1 {
        return of_last(scope, logits);
    }
    let located = logits
        .shape()
        .rank()
        .ok_or_else(|| {
            Error::invalid_argument("the rank of logits must be known for an axis other than -1")
        })
        .and_then(|rank| Ok((rank, ShapeCtx::axis(axis, rank)?)));
    let (rank, axis) = match located {
        Ok(found) => found,
        Err(e) => {
            let e = e.at_node(scope.op_name().unwrap_or("Softmax".into()), "Softmax");
            scope
                .graph()
                .fail(e.at_line(std::panic::Location::caller()));
            return Output::broken(scope);
        }
    };
    if axis + 1 == rank {
        return of_last(scope, logits);
    }
    let mut swap: Vec<i32> = (0..rank as i32).collect();
    swap.swap(axis, rank - 1);
    let plain = scope.unnamed();
    let turned = of_last(plain, plain.transpose(logits, swap.clone()));
    scope.transpose(turned, swap)
}

impl<'g> Output<'g> {
    /// exp(x) over its sum along the last dimension (op `Softmax`).
    #[track_caller]
    pub fn softmax(self) -> Output<'g> {
        self.scope().softmax(self)
    }
}
