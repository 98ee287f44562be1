//! SparseSoftmaxCrossEntropyWithLogits: the loss of a softmax against one label for each row.

use super::cuda;
use super::rows::{RowElement, divide, each_row, exponentials, ln};
use super::softmax_cross_entropy::{loss_times, second_order};
use crate::device::cpu::Disjoint;
use crate::dtype::{
    DType,
    sets::{FLOATS, INDEX},
};
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::ops::array::SliceSpec;
use crate::ops::math::number::Number;
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;
use half::{bf16, f16};

pub(crate) static SPARSE_SOFTMAX_CROSS_ENTROPY_WITH_LOGITS: OpEntry = OpEntry {
    def: OpDef {
        signature: "SparseSoftmaxCrossEntropyWithLogits(features:T, labels:Tlabels) -> (loss:T, backprop:T)",
        attrs: "T:type{half,bfloat16,float,double}; Tlabels:type{int32,int64}=int64",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", &[DType::F32]), ("Tlabels", INDEX)], new::<f32>),
        KernelDef::cpu(&[("T", &[DType::F64]), ("Tlabels", INDEX)], new::<f64>),
        KernelDef::cpu(&[("T", &[DType::F16]), ("Tlabels", INDEX)], new::<f16>),
        KernelDef::cpu(&[("T", &[DType::BF16]), ("Tlabels", INDEX)], new::<bf16>),
        KernelDef::gpu(
            &[("T", FLOATS), ("Tlabels", INDEX)],
            cuda::sparse_cross_entropy,
        ),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let (features, labels) = (ctx.with_rank(0, 2)?, ctx.with_rank(1, 1)?);
    let rows = PartialShape::vector(features.dim(0)).merge(&labels)?;
    ctx.set(1, PartialShape::of(vec![rows.dim(0), features.dim(1)]));
    ctx.set(0, rows);
    Ok(())
}

/// Labels as class numbers.
fn checked_labels(labels: &Tensor, classes: usize) -> Result<Vec<usize>> {
    let values = labels.to_i64s()?;
    let in_range = |v: &i64| usize::try_from(*v).ok().filter(|v| *v < classes);
    let classes_of: Option<Vec<usize>> = values.iter().map(in_range).collect();
    classes_of.ok_or_else(|| {
        let bad = values.iter().find(|v| in_range(v).is_none());
        let all: Vec<String> = values.iter().map(i64::to_string).collect();
        Error::invalid_argument(format!(
            "Received a label value of {} which is outside the valid range of [0, {classes}).  Label values: {}",
            bad.copied().unwrap_or_default(),
            all.join(" ")
        ))
    })
}

/// Checks the shapes of features and labels and gives rows and classes.
///
/// # Errors
/// `InvalidArgument` for shapes that do not fit.
pub(super) fn check(shape: &Shape, labels: &Shape) -> Result<(usize, usize)> {
    let &[rows, classes] = shape.dims() else {
        return Err(Error::invalid_argument(format!(
            "logits must be 2-D, but got shape {shape}"
        )));
    };
    if !labels.is_vector() {
        return Err(Error::invalid_argument(format!(
            "labels must be 1-D, but got shape {}",
            labels
        )));
    }
    if labels.elements() != rows {
        return Err(Error::invalid_argument(format!(
            "logits and labels must have the same first dimension, got logits shape {shape} and labels shape {}",
            labels
        )));
    }
    if classes == 0 {
        return Err(Error::invalid_argument(format!(
            "Must have at least one class, but got logits shape {shape}"
        )));
    }
    Ok((rows, classes))
}

fn new<T: RowElement>(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
        let (features, labels) = (ctx.input(0)?, ctx.input(1)?);
        let shape = features.shape().clone();
        let (rows, classes) = check(&shape, labels.shape())?;
        let labels = checked_labels(labels, classes)?;
        ctx.data::<T>(0)?;
        let mut loss = Tensor::alloc(T::DTYPE, Shape::of(&[rows])?)?;
        let (mut backprop, reused) = ctx.forward_or_alloc(&[0], T::DTYPE, &shape)?;
        {
            let input = match reused {
                Some(_) => None,
                None => Some(ctx.data::<T>(0)?),
            };
            let losses = Disjoint::new(loss.make_mut::<T>()?);
            each_row(
                ctx.pool(),
                input,
                backprop.make_mut()?,
                classes,
                &|i, row| {
                    let label = labels[i];
                    let at_label = row[label];
                    let (m, sum) = exponentials(row);
                    divide(row, sum);
                    row[label] = row[label].minus(T::Wide::ONE);
                    // SAFETY: one element for each row.
                    let out = unsafe { losses.part(i, 1) };
                    out[0] = T::narrow(ln(sum).minus(at_label.minus(m)));
                },
            );
        }
        ctx.set(0, loss)?;
        ctx.set(1, backprop)
    }))
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let first = loss_times(ctx, ctx.output(1));
    dense([Some(second_order(ctx, ctx.input(0), first)), None])
}

impl<'g> Scope<'g> {
    /// The cross entropy of softmax(logits) against a class number for each row: `labels` has the shape of
    /// `logits` without its last dimension, and so has the result (op `SparseSoftmaxCrossEntropyWithLogits`).
    #[track_caller]
    pub fn sparse_softmax_cross_entropy(
        self,
        logits: impl Operand<'g>,
        labels: impl Operand<'g>,
    ) -> Output<'g> {
        const OP: &str = "SparseSoftmaxCrossEntropyWithLogits";
        let name = self.op_name().unwrap_or(OP.into());
        let plain = self.unnamed();
        let (logits, labels) = (logits.operand(plain, None), labels.operand(plain, None));
        let inside = self.composite(OP);
        let labels_shape = inside.shape(labels);
        let half = matches!(logits.dtype(), DType::F16 | DType::BF16) && logits.is_valid();
        let precise = if half {
            inside.cast(logits, DType::F32)
        } else {
            logits
        };
        let cost = |x: Output<'g>, labels: Output<'g>| {
            inside
                .op(OP)
                .name(name.clone())
                .input(x)
                .input(labels)
                .out()
        };
        let loss = if logits.shape().rank().is_none_or(|r| r == 2) {
            cost(precise, labels)
        } else {
            let classes = inside.shape(logits);
            let classes = inside.strided_slice(classes, &SliceSpec::new().at(-1));
            let reshape = inside.composite("Reshape");
            let sizes = reshape.composite("shape");
            let minus_one = sizes.named("0").constant(-1i32);
            let sizes = sizes.result_op("Pack").list([minus_one, classes]).out();
            let flat = reshape
                .result_op("Reshape")
                .input(precise)
                .input(sizes)
                .out();
            let flat_labels = inside.reshape(labels, [-1]);
            inside.reshape(cost(flat, flat_labels), labels_shape)
        };
        let loss = if half {
            inside.cast(loss, logits.dtype())
        } else {
            loss
        };
        loss.in_scope(plain)
    }
}

impl<'g> Output<'g> {
    /// The cross entropy of softmax(self) against a class number for each row
    /// (see [`Scope::sparse_softmax_cross_entropy`]).
    #[track_caller]
    pub fn sparse_softmax_cross_entropy(self, labels: impl Operand<'g>) -> Output<'g> {
        self.scope().sparse_softmax_cross_entropy(self, labels)
    }
}
