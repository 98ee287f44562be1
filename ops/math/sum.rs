//! Sum: the sum of the elements along some axes.

use super::axes::{KeepDims, reduce_all_axes, reduction_op, spread_over_axes};
use super::number::{Accumulate, Number};
use super::reduction::{Reduce, number_reductions};
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static SUM: OpEntry = OpEntry {
    def: OpDef {
        signature: "Sum(input:T, reduction_indices:Tidx) -> (output:T)",
        attrs: "keep_dims:bool=false; T:type{number}; Tidx:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer: infer::reduction,
    },
    grad: Grad::Fn(grad),
    kernels: &number_reductions::<Sum>(),
};

struct Sum;

impl<T: Accumulate> Reduce<T> for Sum {
    const IN_PACKETS: bool = true;
    type Acc = T::Sum;
    #[inline(always)]
    fn start() -> T::Sum {
        <T::Sum as Number>::ZERO
    }
    #[inline(always)]
    fn add(acc: T::Sum, x: T) -> T::Sum {
        acc.plus(x.widen())
    }
    #[inline(always)]
    fn merge(a: T::Sum, b: T::Sum) -> T::Sum {
        a.plus(b)
    }
    fn finish(acc: T::Sum, _: usize) -> T {
        T::narrow(acc)
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    dense([Some(spread_over_axes(ctx)), None])
}

impl<'g> Scope<'g> {
    /// The sum over these axes, which are then gone, or kept with size 1 (op `Sum`).
    #[track_caller]
    pub fn sum(
        self,
        input: impl Operand<'g>,
        axes: impl Operand<'g>,
        keep_dims: KeepDims,
    ) -> Output<'g> {
        reduction_op(self, "Sum", input, axes, keep_dims)
    }
}

impl<'g> Output<'g> {
    /// The sum over all axes (op `Sum`).
    #[track_caller]
    pub fn sum(self) -> Output<'g> {
        reduce_all_axes(self, "Sum")
    }
    /// The sum over these axes, which are then gone, or kept with size 1 (op `Sum`).
    #[track_caller]
    pub fn sum_axes(self, axes: &[i32], keep_dims: KeepDims) -> Output<'g> {
        reduction_op(self.scope(), "Sum", self, axes, keep_dims)
    }
}
