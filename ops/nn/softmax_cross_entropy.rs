//! SoftmaxCrossEntropyWithLogits: the loss of a softmax against a distribution for each row.

use super::cuda;
use super::forwarding::shape_of;
use super::rows::{RowElement, divide, each_row, exponentials, ln, maximum, subtract, weighted};
use crate::device::cpu::Disjoint;
use crate::dtype::{DType, sets::FLOATS};
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::ops::math::elementwise::same_type;
use crate::ops::math::number::Number;
use crate::registry::OpEntry;
use crate::shape::{Broadcast, PartialShape, Shape, broadcast_shapes};
use crate::tensor::Tensor;
use half::{bf16, f16};

pub(crate) static SOFTMAX_CROSS_ENTROPY_WITH_LOGITS: OpEntry = OpEntry {
    def: OpDef {
        signature: "SoftmaxCrossEntropyWithLogits(features:T, labels:T) -> (loss:T, backprop:T)",
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
        KernelDef::gpu(&[("T", FLOATS)], cuda::cross_entropy),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let (a, b) = (ctx.input(0), ctx.input(1));
    if a.rank().is_none() || b.rank().is_none() {
        ctx.set(0, PartialShape::vector(None));
        ctx.set(1, PartialShape::of_rank(2));
        return Ok(());
    }
    let shape = broadcast_shapes(&a, &b)?.with_rank(2)?;
    ctx.set(0, PartialShape::vector(shape.dim(0)));
    ctx.set(1, shape);
    Ok(())
}

/// An operand that is repeated to `[rows, classes]`.
struct Repeated<'a, T> {
    data: &'a [T],
    row: usize,
    column: usize,
}

impl<'a, T: RowElement> Repeated<'a, T> {
    fn new(x: &'a Tensor) -> Result<Repeated<'a, T>> {
        let (row, column) = steps(x.shape());
        Ok(Repeated {
            data: x.data()?,
            row,
            column,
        })
    }
    /// Row `i`, when it lies in memory as it is needed.
    fn as_it_is(&self, i: usize, classes: usize) -> Option<&'a [T]> {
        let fits = self.column == 1 || classes == 1;
        let start = i * self.row;
        self.data.get(start..start + classes).filter(|_| fits)
    }
    fn fill(&self, i: usize, row: &mut [T::Wide]) {
        if let Some(slice) = self.as_it_is(i, row.len()) {
            for (to, v) in row.iter_mut().zip(slice) {
                *to = v.widen();
            }
            return;
        }
        for (k, v) in row.iter_mut().enumerate() {
            *v = self.data[i * self.row + k * self.column].widen();
        }
    }
}

/// The distance of the rows and of the columns of an operand that is repeated to `[rows, classes]`; 0 where one stands
/// for all.
pub(super) fn steps(shape: &Shape) -> (usize, usize) {
    let step = |from_end: usize| match shape.rank().checked_sub(from_end) {
        Some(i) if shape.dims()[i] > 1 => shape.product(i + 1..shape.rank()),
        _ => 0,
    };
    (step(2), step(1))
}

/// Rows and classes of features and labels together.
///
/// # Errors
/// `InvalidArgument` for shapes that do not fit.
pub(super) fn repeated_shape(features: &Shape, labels: &Shape) -> Result<(usize, usize)> {
    let plan = Broadcast::new(features, labels).map_err(|_| {
        Error::invalid_argument(format!(
            "logits and labels must be broadcastable: logits_size={features} labels_size={labels}"
        ))
    })?;
    match plan.shape.dims() {
        [rows, classes] => Ok((*rows, *classes)),
        _ => Err(Error::invalid_argument(
            "logits and labels must be either 2-dimensional, or broadcasted to be 2-dimensional",
        )),
    }
}

fn new<T: RowElement>(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
        let (features, labels) = (ctx.input(0)?, ctx.input(1)?);
        let (rows, classes) = repeated_shape(features.shape(), labels.shape())?;
        let shape = Shape::of(&[rows, classes])?;
        ctx.data::<T>(0)?;
        ctx.data::<T>(1)?;
        let mut loss = Tensor::zeros(T::DTYPE, Shape::of(&[rows])?)?;
        let (mut backprop, reused) = ctx.forward_or_alloc(&[0], T::DTYPE, &shape)?;
        if shape.elements() > 0 {
            let features = match reused {
                Some(_) => None,
                None => Some(Repeated::<T>::new(ctx.input(0)?)?),
            };
            let labels = Repeated::<T>::new(ctx.input(1)?)?;
            let losses = Disjoint::new(loss.make_mut::<T>()?);
            each_row(
                ctx.pool(),
                None,
                backprop.make_mut::<T>()?,
                classes,
                &|i, row| {
                    if let Some(f) = &features {
                        f.fill(i, row);
                    }
                    let mut scratch = Vec::new();
                    let labels = match labels.as_it_is(i, classes) {
                        Some(slice) if same_type::<T, T::Wide>() => wide::<T>(slice),
                        _ => {
                            scratch.resize(classes, T::Wide::ZERO);
                            labels.fill(i, &mut scratch);
                            &scratch
                        }
                    };
                    let (along, total) = weighted(row, labels, maximum(row));
                    let (_, sum) = exponentials(row);
                    divide(row, sum);
                    subtract(row, labels);
                    // SAFETY: one element for each row.
                    let out = unsafe { losses.part(i, 1) };
                    out[0] = T::narrow(total.times(ln(sum)).minus(along));
                },
            );
        }
        ctx.set(0, loss)?;
        ctx.set(1, backprop)
    }))
}

/// The same elements.
///
/// # Panics
/// When the types differ.
fn wide<T: RowElement>(row: &[T]) -> &[T::Wide] {
    assert!(same_type::<T, T::Wide>());
    // SAFETY: T and its wide type are one.
    unsafe { std::slice::from_raw_parts(row.as_ptr() as *const T::Wide, row.len()) }
}

/// The gradient of the loss, one for each row, times a matrix.
pub(super) fn loss_times<'g>(ctx: &GradCtx<'g>, matrix: Output<'g>) -> Output<'g> {
    ctx.grad(0).expand_dims(-1) * matrix
}

/// Adds what flows through the second output, `softmax − labels`, when it is differentiated itself.
pub(super) fn second_order<'g>(
    ctx: &GradCtx<'g>,
    logits: Output<'g>,
    first: Output<'g>,
) -> Output<'g> {
    if !ctx.has_grad(1) {
        return first;
    }
    let s = ctx.scope;
    let g = ctx.grad(1);
    let softmax = s.softmax(logits);
    let along = (g * softmax).sum_of_rows();
    first + (g - along) * softmax
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let (logits, labels) = (ctx.input(0), ctx.input(1));
    let repeated = over_classes(ctx, logits);
    let features = second_order(ctx, repeated, loss_times(ctx, ctx.output(1)));
    let targets = loss_times(ctx, -repeated.log_softmax());
    dense([
        Some(reduced(ctx, features, logits)),
        Some(reduced(ctx, targets, labels)),
    ])
}

/// The logits, repeated where one may have stood for all classes: these are what a softmax runs over.
fn over_classes<'g>(ctx: &GradCtx<'g>, logits: Output<'g>) -> Output<'g> {
    let backprop = ctx.output(1);
    let last = |shape: PartialShape| shape.dims().and_then(|d| d.last().copied()).flatten();
    match (last(logits.shape()), last(backprop.shape())) {
        (Some(1) | None, Some(1)) => logits,
        (Some(1) | None, _) => ctx.scope.broadcast_to(logits, shape_of(ctx, backprop)),
        _ => logits,
    }
}

/// Sums over the axes along which the input was repeated.
fn reduced<'g>(ctx: &GradCtx<'g>, g: Output<'g>, input: Output<'g>) -> Output<'g> {
    let (s, result) = (ctx.scope, ctx.output(1));
    match repeated_axes(&result.shape(), &input.shape()) {
        Some(axes) if axes.is_empty() => g,
        Some(axes) => {
            let sum = s.op("Sum").input(g).input(axes).attr("keep_dims", true);
            sum.out().reshape(s.shape(input))
        }
        None => {
            let shape = shape_of(ctx, input);
            let axes = s
                .op("BroadcastGradientArgs")
                .input(shape)
                .input(shape_of(ctx, result))
                .finish();
            s.op("Sum")
                .input(g)
                .input(axes.output(0))
                .out()
                .reshape(shape)
        }
    }
}

/// The axes of the result along which an input was repeated, where the shapes tell.
fn repeated_axes(result: &PartialShape, input: &PartialShape) -> Option<Vec<i32>> {
    let (from, to) = (result.dims()?, input.dims()?);
    let missing = from.len().checked_sub(to.len())?;
    let mut axes = Vec::new();
    for (i, size) in from.iter().enumerate() {
        let repeated = match i.checked_sub(missing).map(|k| to[k]) {
            None => true,
            Some(Some(1)) => *size != Some(1),
            Some(Some(_)) => false,
            Some(None) if *size == Some(1) => false,
            Some(None) => return None,
        };
        if repeated {
            axes.push(i32::try_from(i).ok()?);
        }
    }
    Some(axes)
}

/// `x` as a matrix: all dimensions but the last one become one.
#[track_caller]
fn flattened<'g>(s: Scope<'g>, x: Output<'g>) -> Output<'g> {
    let rank = s.rank(x);
    let shape = s.shape(x);
    let last = s.op("Sub").input(rank).input(1i32).out();
    let size = s.slice(shape, [last], [1i32]);
    let inside = s.composite("concat");
    let outer = inside.named("values_0").constant([-1i32]);
    let sizes = inside.result_op("ConcatV2").list([outer, size]).input(0i32);
    s.reshape(x, sizes.out())
}

impl<'g> Scope<'g> {
    /// The cross entropy of softmax(logits) against a distribution along the last dimension of `labels`
    /// (op `SoftmaxCrossEntropyWithLogits`). Gradients flow to both; stop them at labels that are given.
    #[track_caller]
    pub fn softmax_cross_entropy(
        self,
        logits: impl Operand<'g>,
        labels: impl Operand<'g>,
    ) -> Output<'g> {
        let plain = self.unnamed();
        let (logits, labels) = (logits.operand(plain, None), labels.operand(plain, None));
        let inside = self.composite("softmax_cross_entropy_with_logits");
        let half = matches!(logits.dtype(), DType::F16 | DType::BF16) && logits.is_valid();
        let (precise, labels) = if half {
            (
                inside.cast(logits, DType::F32),
                inside.cast(labels, DType::F32),
            )
        } else {
            (logits, labels)
        };
        let rank = inside.rank(precise);
        let shape = inside.shape(precise);
        let flat = flattened(inside, precise);
        let flat_labels = flattened(inside, labels);
        let cost = inside
            .result_op("SoftmaxCrossEntropyWithLogits")
            .input(flat)
            .input(flat_labels)
            .out();
        let outer = inside.op("Sub").input(rank).input(1i32).out();
        let shape = inside.slice(shape, [0i32], [outer]);
        let cost = inside.reshape(cost, shape);
        if let Some(dims) = logits.shape().dims() {
            let known = dims.get(..dims.len().saturating_sub(1)).unwrap_or(&[]);
            cost.with_shape(PartialShape::of(known.to_vec()));
        }
        let cost = if half {
            inside.cast(cost, logits.dtype())
        } else {
            cost
        };
        cost.in_scope(plain)
    }
}

impl<'g> Output<'g> {
    /// The cross entropy of softmax(self) against a distribution (see [`Scope::softmax_cross_entropy`]).
    #[track_caller]
    pub fn softmax_cross_entropy(self, labels: impl Operand<'g>) -> Output<'g> {
        self.scope().softmax_cross_entropy(self, labels)
    }
}
