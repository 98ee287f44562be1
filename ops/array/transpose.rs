//! Transpose: dimensions in another order.

use super::cuda;
use super::items::MOVABLE;
use super::runs::list;
use super::strided::{Layout, rearranged, steps_of};
use crate::device::cpu::ThreadPool;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{Dim, PartialShape, Shape};
use crate::tensor::Tensor;

pub(crate) static TRANSPOSE: OpEntry = OpEntry {
    def: OpDef {
        signature: "Transpose(x:T, perm:Tperm) -> (y:T)",
        attrs: "T:type; Tperm:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", MOVABLE)], new),
        KernelDef::gpu_host(&[("T", cuda::ON_GPU)], &["perm"], new),
        KernelDef::gpu_host(&[("T", cuda::INT32)], &["x", "perm", "y"], new),
    ],
};

/// Checks that `perm` names each dimension once.
fn permutation(perm: &[i64], rank: usize) -> Result<Vec<usize>> {
    if perm.len() != rank {
        return Err(Error::invalid_argument(format!(
            "transpose expects a vector of size {rank}. But input(1) is a vector of size {}",
            perm.len()
        )));
    }
    let mut seen = vec![false; rank];
    let mut out = Vec::with_capacity(rank);
    for p in perm {
        match usize::try_from(*p) {
            Ok(p) if p < rank => {
                seen[p] = true;
                out.push(p);
            }
            _ => {
                return Err(Error::invalid_argument(format!(
                    "{p} is out of range [0 .. {rank})"
                )));
            }
        }
    }
    match seen.iter().position(|s| !s) {
        Some(i) => Err(Error::invalid_argument(format!(
            "{i} is missing from {{{}}}.",
            list(perm)
        ))),
        None => Ok(out),
    }
}

/// Also for ConjugateTranspose.
pub(super) fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let (input, perm) = (ctx.input(0), ctx.constant_ints(1)?);
    let length = ctx.with_rank(1, 1)?.dim(0);
    let rank = input.rank().or(length);
    if let (Some(r), Some(n)) = (input.rank(), length)
        && r != n
    {
        return Err(Error::invalid_argument(format!(
            "transpose expects a vector of size {r}. But input(1) is a vector of size {n}"
        )));
    }
    let Some(rank) = rank.filter(|r| *r <= crate::shape::MAX_RANK) else {
        return Ok(());
    };
    let dims = match perm {
        Some(perm) => {
            let perm = permutation(&perm, rank)?;
            perm.iter().map(|p| input.dim(*p)).collect::<Vec<Dim>>()
        }
        // Swapping the only one, or none, changes nothing.
        None if rank < 2 => (0..rank).map(|i| input.dim(i)).collect(),
        None => vec![None; rank],
    };
    ctx.set(0, PartialShape::of(dims));
    Ok(())
}

fn new(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
        let perm = checked_perm(ctx)?;
        let x = ctx.take_input(0)?;
        ctx.set(0, transposed(ctx.pool(), x, &perm)?)
    }))
}

/// The permutation in input 1, which fits input 0.
pub(super) fn checked_perm(ctx: &OpContext<'_>) -> Result<Vec<usize>> {
    let perm = ctx.input(1)?;
    if !perm.shape().is_vector() {
        return Err(Error::invalid_argument(format!(
            "perm must be rank 1, got shape {}",
            perm.shape()
        )));
    }
    permutation(&perm.to_i64s()?, ctx.input(0)?.shape().rank())
}

/// Dimension `i` of the result is dimension `perm[i]` of `x`; no copy where the elements stay in order.
///
/// # Errors
/// `InvalidArgument` when `perm` is not as long as `x` has dimensions; `ResourceExhausted` without memory.
pub(crate) fn transposed(pool: &ThreadPool, x: Tensor, perm: &[usize]) -> Result<Tensor> {
    let dims: Option<Vec<usize>> = perm.iter().map(|p| x.shape().dim(*p)).collect();
    let shape = dims
        .filter(|d| d.len() == x.shape().rank())
        .ok_or_else(|| Error::invalid_argument("a permutation of another rank"))
        .and_then(|d| Shape::of(&d))?;
    let steps = steps_of(x.shape());
    let from = Layout {
        start: 0,
        steps: perm.iter().map(|p| steps[*p]).collect(),
    };
    rearranged(pool, &x, shape, from)
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let inverse = ctx.scope.invert_permutation(ctx.input(1));
    dense([Some(ctx.grad(0).transpose(inverse)), None])
}

impl<'g> Scope<'g> {
    /// `x` with its dimensions in the order of `perm` (op `Transpose`).
    #[track_caller]
    pub fn transpose(self, x: impl Operand<'g>, perm: impl Operand<'g>) -> Output<'g> {
        self.op("Transpose")
            .default_name("transpose")
            .input(x)
            .input(perm)
            .out()
    }
}

impl<'g> Output<'g> {
    /// The same with its dimensions in the order of `perm` (op `Transpose`).
    #[track_caller]
    pub fn transpose(self, perm: impl Operand<'g>) -> Output<'g> {
        self.scope().transpose(self, perm)
    }
    /// The same with its dimensions in reverse order (op `Transpose`): of a matrix, rows become columns.
    #[track_caller]
    pub fn t(self) -> Output<'g> {
        let scope = self.scope();
        if let Some(rank) = self.shape().rank() {
            let perm: Vec<i32> = (0..rank as i32).rev().collect();
            return scope.transpose(self, perm);
        }
        let inside = scope.composite("transpose");
        let rank = inside.rank(self);
        let first = inside
            .op("Sub")
            .default_name("sub")
            .input(rank)
            .input(1i32)
            .out();
        let perm = inside
            .op("Range")
            .input(first)
            .input(-1i32)
            .input(-1i32)
            .out();
        inside.result_op("Transpose").input(self).input(perm).out()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions_of_size_one_move_without_a_copy() {
        let pool = ThreadPool::new(1);
        let x = Tensor::from_vec(&[2, 1, 3], vec![1i32, 2, 3, 4, 5, 6]).unwrap();
        let y = transposed(&pool, x.clone(), &[1, 0, 2]).unwrap();
        assert!(y.shares_buffer(&x) && y.shape().dims() == [1, 2, 3]);
        let z = transposed(&pool, x, &[2, 1, 0]).unwrap();
        assert_eq!(z.data::<i32>().unwrap(), [1, 4, 2, 5, 3, 6]);
    }
}
