//! What all update rules share: which inputs are variables, numbers and gradients; checks, locks, parallel loops.

use super::super::elementwise::BLOCK;
use super::super::number::Float;
use super::super::scatter::over_rows;
use crate::device::cpu::Disjoint;
use crate::device::cpu::{Loop, vectorized};
use crate::dtype::expect_dtype;
use crate::error::{Error, Result};
use crate::kernel::{AnyKernel, OpContext, Value};
use crate::op::ShapeCtx;
use crate::resource::{Variable, lock_all};
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;
use std::sync::Arc;

/// Where the inputs of an update op are. The first V are the variables, H are scalars.
#[derive(Clone, Copy)]
pub(super) struct Layout<const V: usize, const H: usize> {
    /// The names of the variables.
    pub vars: [&'static str; V],
    /// The scalars: their input, how messages call them, and what they may be.
    pub scalars: [(usize, &'static str, Sign); H],
    /// The gradient: its input and name.
    pub grad: (usize, &'static str),
    /// The input with the rows that the gradient is for.
    pub indices: Option<usize>,
}

/// What a scalar may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Sign {
    /// Anything.
    Any,
    /// Greater than zero.
    Positive,
    /// Zero or more.
    NotNegative,
    /// Zero or less.
    NotPositive,
}

impl Sign {
    fn accepts<T: Float>(self, value: T) -> bool {
        // Scalars with a sign rule belong to ops on real numbers; NaN passes none of the rules.
        let zero = T::of(0.0);
        let less = |a: T, b: T| T::is_less(a, b);
        match self {
            Sign::Any => true,
            Sign::Positive => less(zero, value),
            Sign::NotNegative => less(zero, value) || value == zero,
            Sign::NotPositive => less(value, zero) || value == zero,
        }
    }
    fn words(self) -> &'static str {
        match self {
            Sign::Any => "scalar",
            Sign::Positive => "positive scalar",
            Sign::NotNegative => "non-negative scalar",
            Sign::NotPositive => "non-positive scalar",
        }
    }
}

/// An update rule: changes parts of all variables, of equal length, by the same part of the gradient.
pub(super) trait Rule<T, const V: usize, const H: usize>:
    Fn([&mut [T]; V], &[T], [T; H]) + Copy + Send + Sync + 'static
{
}
impl<T, const V: usize, const H: usize, F> Rule<T, V, H> for F where
    F: Fn([&mut [T]; V], &[T], [T; H]) + Copy + Send + Sync + 'static
{
}

impl<const V: usize, const H: usize> Layout<V, H> {
    /// The shape function: variables and a dense gradient have one shape.
    pub(super) fn infer(&self, ctx: &mut ShapeCtx<'_>) -> Result<()> {
        let mut shape = PartialShape::unknown();
        for i in 0..V {
            let by_handle = matches!(ctx.handles.get(i), Some(Some(_)));
            // A handle of which nothing is known is a scalar itself.
            let part = match (by_handle, ctx.outputs.is_empty()) {
                (true, _) => super::super::handle::shape(ctx, i)?,
                (false, true) => PartialShape::unknown(),
                (false, false) => ctx.input(i),
            };
            shape = shape.merge(&part)?;
        }
        for (i, _, _) in self.scalars {
            ctx.with_rank(i, 0)?;
        }
        let grad = ctx.input(self.grad.0);
        match self.indices {
            None => shape = shape.merge(&grad)?,
            Some(i) => {
                let n = ctx.with_rank(i, 1)?;
                if let Some(dims) = shape.with_rank_at_least(1)?.dims() {
                    let mut dims = dims.to_vec();
                    dims[0] = n.dim(0);
                    grad.merge(&PartialShape::of(dims))?;
                }
            }
        }
        ctx.set(0, shape);
        Ok(())
    }

    /// A kernel that applies a rule.
    pub(super) fn kernel<T: Float>(self, rule: impl Rule<T, V, H>) -> AnyKernel {
        AnyKernel::new(move |ctx: &mut OpContext<'_>| self.apply(ctx, rule))
    }

    /// Applies a rule to all variables of a call, and gives the first reference on.
    fn apply<T: Float>(&self, ctx: &mut OpContext<'_>, rule: impl Rule<T, V, H>) -> Result<()> {
        let variables: Vec<Arc<Variable>> =
            (0..V).map(|i| ctx.variable(i)).collect::<Result<_>>()?;
        let refs: Vec<&Variable> = variables.iter().map(Arc::as_ref).collect();
        {
            let mut guards = lock_all(&refs)?;
            let mut tensors: Vec<&mut Tensor> = Vec::with_capacity(V);
            for (guard, variable) in guards.iter_mut().zip(&refs) {
                tensors.push(guard.as_mut().ok_or_else(|| variable.uninitialized())?);
            }
            self.update(ctx, &mut tensors, rule)?;
        }
        if ctx.num_outputs() > 0
            && let Some(first) = variables.into_iter().next()
        {
            ctx.set(0, Value::Ref(first))?;
        }
        Ok(())
    }

    fn update<T: Float>(
        &self,
        ctx: &OpContext<'_>,
        tensors: &mut [&mut Tensor],
        rule: impl Rule<T, V, H>,
    ) -> Result<()> {
        let shape = self.check(ctx, tensors)?;
        let numbers = self.numbers::<T>(ctx)?;
        let grad = ctx.input(self.grad.0)?;
        let rows = match self.indices {
            Some(i) => Some(self.rows(ctx.input(i)?, grad, &shape)?),
            None => None,
        };
        let grad = grad.data::<T>()?;
        let mut parts = Vec::with_capacity(V);
        for t in tensors {
            parts.push(Disjoint::new(t.make_mut::<T>()?));
        }
        let parts: [Disjoint<'_, T>; V] = parts
            .try_into()
            .map_err(|_| Error::internal("an update with too few variables"))?;
        let run = |start: usize, grad: &[T]| {
            // SAFETY: jobs take blocks or rows that do not overlap, one at a time.
            let vars = parts
                .each_ref()
                .map(|p| unsafe { p.part(start, grad.len()) });
            vectorized(Step {
                vars,
                grad,
                numbers,
                rule,
            });
        };
        let Some(rows) = rows else {
            ctx.pool().for_blocks(grad.len(), BLOCK, &|start, end| {
                run(start, &grad[start..end]);
            });
            return Ok(());
        };
        let inner = shape.product(1..shape.rank());
        if grad.is_empty() {
            return Ok(());
        }
        let limit = shape.dims().first().copied().unwrap_or(0);
        over_rows(ctx.pool(), limit, grad.len(), &|first, end| {
            for (i, row) in rows.iter().enumerate() {
                if (first..end).contains(row) {
                    run(row * inner, &grad[i * inner..(i + 1) * inner]);
                }
            }
        });
        Ok(())
    }

    /// The shape that all variables have, and a gradient for all rows too; the type is the gradient's, and every number
    /// must be a scalar.
    pub(super) fn check(&self, ctx: &OpContext<'_>, tensors: &[&mut Tensor]) -> Result<Shape> {
        for (i, name, _) in self.scalars {
            let t = ctx.input(i)?;
            if !t.shape().is_scalar() {
                return Err(Error::invalid_argument(format!(
                    "{name} is not a scalar: {}",
                    t.shape()
                )));
            }
        }
        let shape = match tensors.first() {
            Some(t) => t.shape().clone(),
            None => return Err(Error::internal("an update without variables")),
        };
        for (t, name) in tensors.iter().zip(self.vars) {
            if *t.shape() != shape {
                return Err(Error::invalid_argument(format!(
                    "{} and {name} do not have the same shape{shape} {}",
                    self.vars[0],
                    t.shape()
                )));
            }
        }
        let grad = ctx.input(self.grad.0)?;
        for t in tensors {
            expect_dtype(grad.dtype(), t.dtype())?;
        }
        if self.indices.is_none() && *grad.shape() != shape {
            return Err(Error::invalid_argument(format!(
                "{} and {} do not have the same shape{shape} {}",
                self.vars[0],
                self.grad.1,
                grad.shape()
            )));
        }
        Ok(shape)
    }

    fn numbers<T: Float>(&self, ctx: &OpContext<'_>) -> Result<[T; H]> {
        let mut numbers = [T::of(0.0); H];
        for (number, (i, name, sign)) in numbers.iter_mut().zip(self.scalars) {
            *number = ctx.input(i)?.to_scalar()?;
            if !sign.accepts(*number) {
                return Err(Error::invalid_argument(format!(
                    "{name} is not a {}: {:?}",
                    sign.words(),
                    *number
                )));
            }
        }
        Ok(numbers)
    }

    /// The rows of a sparse gradient, all inside the variable.
    fn rows(&self, indices: &Tensor, grad: &Tensor, shape: &Shape) -> Result<Vec<usize>> {
        let bad = |text: String| Err(Error::invalid_argument(text));
        let Some((limit, row)) = shape.dims().split_first() else {
            return bad(format!("{} must be at least 1 dimensional", self.vars[0]));
        };
        if !indices.shape().is_vector() {
            return bad("indices must be one-dimensional".into());
        }
        let Some((n, grad_row)) = grad.shape().dims().split_first() else {
            return bad(format!("{} must be at least 1 dimensional", self.grad.1));
        };
        if row.len() != grad_row.len() {
            return bad(format!(
                "{} and {} must have the same rank: {shape} {}",
                self.vars[0],
                self.grad.1,
                grad.shape()
            ));
        }
        if let Some(d) = row.iter().zip(grad_row).position(|(a, b)| a != b) {
            return bad(format!(
                "{} and {} must match in dimension {}",
                self.vars[0],
                self.grad.1,
                d + 1
            ));
        }
        if *n != indices.elements() {
            return bad(format!(
                "{} must be the same size as indices in the first dimension.",
                self.grad.1
            ));
        }
        let rows = indices.to_i64s()?.into_iter().enumerate().map(|(i, v)| {
            usize::try_from(v)
                .ok()
                .filter(|r| r < limit)
                .ok_or_else(|| {
                    Error::invalid_argument(format!(
                        "Index {v} at offset {i} in indices is out of range"
                    ))
                })
        });
        rows.collect()
    }
}

struct Step<'a, T, R, const V: usize, const H: usize> {
    vars: [&'a mut [T]; V],
    grad: &'a [T],
    numbers: [T; H],
    rule: R,
}

impl<T: Float, R: Rule<T, V, H>, const V: usize, const H: usize> Loop for Step<'_, T, R, V, H> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        (self.rule)(self.vars, self.grad, self.numbers);
    }
}
