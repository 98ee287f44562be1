//! Element-by-element updates of a variable's value, in place where nobody else holds it.

use super::number::{Number, Ordered};
use crate::device::cpu::Disjoint;
use crate::device::cpu::ThreadPool;
use crate::device::cpu::{Loop, vectorized};
use crate::error::Result;
use crate::tensor::Tensor;

/// Elements that one job handles; fixed, so that results do not depend on the number of threads.
pub(super) const BLOCK: usize = 1 << 14;

/// What becomes of an old value and an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// The update replaces the value.
    Update,
    /// Their sum.
    Add,
    /// Value minus update.
    Sub,
    /// Their product.
    Mul,
    /// Value divided by update.
    Div,
    /// The smaller one.
    Min,
    /// The larger one.
    Max,
}

/// Applies an operation that needs no order to all pairs of elements.
#[inline(always)]
pub(super) fn apply<T: Number>(target: &mut [T], update: &[T], operation: Operation) {
    let pairs = target.iter_mut().zip(update);
    match operation {
        Operation::Add => pairs.for_each(|(t, u)| *t = t.plus(*u)),
        Operation::Sub => pairs.for_each(|(t, u)| *t = t.minus(*u)),
        Operation::Mul => pairs.for_each(|(t, u)| *t = t.times(*u)),
        Operation::Div => pairs.for_each(|(t, u)| *t = t.over(*u)),
        Operation::Update | Operation::Min | Operation::Max => {
            pairs.for_each(|(t, u)| *t = *u);
        }
    }
}

/// As [`apply`], also for Min and Max.
#[inline(always)]
pub(super) fn apply_ordered<T: Ordered>(target: &mut [T], update: &[T], operation: Operation) {
    let pairs = target.iter_mut().zip(update);
    match operation {
        Operation::Min => pairs.for_each(|(t, u)| *t = if *u < *t { *u } else { *t }),
        Operation::Max => pairs.for_each(|(t, u)| *t = if *u > *t { *u } else { *t }),
        other => apply(target, update, other),
    }
}

struct Combine<'a, T> {
    target: &'a mut [T],
    update: &'a [T],
    operation: Operation,
}

impl<T: Number> Loop for Combine<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        apply(self.target, self.update, self.operation);
    }
}

/// Combines a tensor with another of the same shape and type.
pub(super) fn combine<T: Number>(
    pool: &ThreadPool,
    target: &mut Tensor,
    update: &Tensor,
    operation: Operation,
) -> Result<()> {
    let update = update.data::<T>()?;
    let target = Disjoint::new(target.make_mut::<T>()?);
    let n = target.len().min(update.len());
    pool.for_blocks(n, BLOCK, &|start, end| {
        // SAFETY: the blocks do not overlap.
        let target = unsafe { target.part(start, end - start) };
        vectorized(Combine {
            target,
            update: &update[start..end],
            operation,
        });
    });
    Ok(())
}
