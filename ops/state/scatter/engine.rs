//! Combines rows of a tensor with rows of updates: in the order of the updates for each row, in parallel over rows.

use super::super::elementwise::{BLOCK, Operation, apply, apply_ordered};
use super::super::number::{Number, Ordered, for_number, for_ordered, for_type};
use crate::device::cpu::Disjoint;
use crate::device::cpu::ThreadPool;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::tensor::{Bytes, Tensor};

/// The most jobs of one scatter: each of them looks at every update.
const MAX_JOBS: usize = 16;

/// Which rows change, and how.
pub(in super::super) struct Plan<'a> {
    /// For each update its row in the target, `None` where it is left out; all are inside the target.
    pub rows: &'a [Option<usize>],
    /// The elements of a row.
    pub inner: usize,
    /// How row and update combine.
    pub operation: Operation,
    /// Whether `updates` is one element for everything.
    pub one_for_all: bool,
}

/// Splits `rows` target rows into parts by fixed rules and calls `body(first, end)` for each.
pub(in super::super) fn over_rows(
    pool: &ThreadPool,
    rows: usize,
    work: usize,
    body: &(dyn Fn(usize, usize) + Sync),
) {
    let jobs = (work / BLOCK).clamp(1, MAX_JOBS).min(rows.max(1));
    pool.for_blocks(rows, rows.div_ceil(jobs), body);
}

/// Carries a plan out. The caller has checked that target and updates have the type and sizes of the plan.
pub(in super::super) fn scatter(
    pool: &ThreadPool,
    target: &mut Tensor,
    updates: &Tensor,
    plan: &Plan<'_>,
) -> Result<()> {
    let dtype = target.dtype();
    match (plan.operation, dtype) {
        (Operation::Update, DType::String) => strings(target, updates, plan),
        (Operation::Update, _) => bytes(pool, target, updates, plan),
        (Operation::Div, _) => {
            for_number!(dtype, T => divisors::<T>(updates))?;
            for_number!(dtype, T => numbers::<T>(pool, target, updates, plan, apply::<T>))
        }
        (Operation::Min | Operation::Max, _) => {
            for_ordered!(dtype, T => ordered::<T>(pool, target, updates, plan))
        }
        (_, DType::Bool) => {
            for_type!(dtype, [Bool], T => numbers::<T>(pool, target, updates, plan, apply::<T>))
        }
        _ => for_number!(dtype, T => numbers::<T>(pool, target, updates, plan, apply::<T>)),
    }
}

fn divisors<T: Number>(updates: &Tensor) -> Result<()> {
    if updates.data::<T>()?.iter().any(|u| u.is_bad_divisor()) {
        return Err(Error::invalid_argument("updates must not contain 0"));
    }
    Ok(())
}

fn ordered<T: Ordered>(
    pool: &ThreadPool,
    target: &mut Tensor,
    updates: &Tensor,
    plan: &Plan<'_>,
) -> Result<()> {
    numbers::<T>(pool, target, updates, plan, apply_ordered::<T>)
}

fn numbers<T: Number>(
    pool: &ThreadPool,
    target: &mut Tensor,
    updates: &Tensor,
    plan: &Plan<'_>,
    combine: fn(&mut [T], &[T], Operation),
) -> Result<()> {
    let updates = updates.data::<T>()?;
    each_row(pool, target.make_mut::<T>()?, plan, &|row, i| {
        if !plan.one_for_all {
            combine(row, &updates[i * plan.inner..][..row.len()], plan.operation);
        } else if let [one] = updates {
            row.iter_mut()
                .for_each(|t| combine(std::slice::from_mut(t), &[*one], plan.operation));
        }
    });
    Ok(())
}

fn bytes(pool: &ThreadPool, target: &mut Tensor, updates: &Tensor, plan: &Plan<'_>) -> Result<()> {
    let size = target.dtype().size();
    let updates = updates.bytes()?;
    let wide = Plan {
        inner: plan.inner.saturating_mul(size),
        ..*plan
    };
    each_row(pool, target.bytes_mut()?, &wide, &|row, i| {
        if plan.one_for_all {
            row.chunks_exact_mut(size)
                .for_each(|t| t.copy_from_slice(updates));
        } else {
            row.copy_from_slice(&updates[i * wide.inner..][..row.len()]);
        }
    });
    Ok(())
}

/// Calls `body(row of the target, number of the update)` for all updates.
fn each_row<T: Copy + Send + Sync>(
    pool: &ThreadPool,
    target: &mut [T],
    plan: &Plan<'_>,
    body: &(dyn Fn(&mut [T], usize) + Sync),
) {
    let inner = plan.inner;
    if inner == 0 || target.is_empty() {
        return;
    }
    let rows = target.len() / inner;
    let target = Disjoint::new(target);
    let work = plan.rows.len().saturating_mul(inner);
    over_rows(pool, rows, work, &|first, end| {
        for (i, row) in plan.rows.iter().enumerate() {
            let Some(row) = row.filter(|r| (first..end).contains(r)) else {
                continue;
            };
            // SAFETY: each job has its own rows, and takes them one at a time.
            body(unsafe { target.part(row * inner, inner) }, i);
        }
    });
}

fn strings(target: &mut Tensor, updates: &Tensor, plan: &Plan<'_>) -> Result<()> {
    let mut values: Vec<Bytes> = target.strings()?.to_vec();
    let updates = updates.strings()?;
    for (i, row) in plan.rows.iter().enumerate() {
        let Some(row) = row else { continue };
        for k in 0..plan.inner {
            let from = if plan.one_for_all {
                0
            } else {
                i * plan.inner + k
            };
            values[row * plan.inner + k] = updates[from].clone();
        }
    }
    *target = Tensor::from_strings(target.shape().clone(), values)?;
    Ok(())
}
