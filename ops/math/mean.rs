//! Mean: the mean of the elements along some axes.

use super::axes::{KeepDims, reduce_all_axes, reduction_op, spread_over_axes};
use super::gradient::shape_of;
use super::number::{Accumulate, Number};
use super::operators::true_divide;
use super::reduction::{Reduce, number_reductions};
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use half::{bf16, f16};
use num_complex::Complex;

pub(crate) static MEAN: OpEntry = OpEntry {
    def: OpDef {
        signature: "Mean(input:T, reduction_indices:Tidx) -> (output:T)",
        attrs: "keep_dims:bool=false; T:type{number}; Tidx:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer: infer::reduction,
    },
    grad: Grad::Fn(grad),
    kernels: &number_reductions::<Mean>(),
};

struct Mean;

/// A number of which there are means. Those of integers are rounded towards zero.
pub(crate) trait Average: Number {
    type Sum: Number;
    fn widen(self) -> Self::Sum;
    fn average(sum: Self::Sum, count: usize) -> Self;
}

macro_rules! integers {
    ($($t:ty as $wide:ty),*) => { $(
        impl Average for $t {
            type Sum = $wide;
            #[inline(always)]
            fn widen(self) -> $wide { self as $wide }
            fn average(sum: $wide, count: usize) -> $t {
                sum.checked_div(count as $wide).unwrap_or(0) as $t
            }
        }
    )* };
}
integers!(
    i8 as i64, i16 as i64, i32 as i64, i64 as i64, u8 as u64, u16 as u64, u32 as u64, u64 as u64
);

macro_rules! floats {
    ($($t:ty as $part:ty),*) => { $(
        impl Average for $t {
            type Sum = <$t as Accumulate>::Sum;
            #[inline(always)]
            fn widen(self) -> Self::Sum { Accumulate::widen(self) }
            fn average(sum: Self::Sum, count: usize) -> $t {
                Accumulate::narrow(sum / count as $part)
            }
        }
    )* };
}
floats!(f16 as f32, bf16 as f32, f32 as f32, f64 as f64, Complex<f32> as f32, Complex<f64> as f64);

impl<T: Average> Reduce<T> for Mean {
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
    fn finish(acc: T::Sum, count: usize) -> T {
        T::average(acc, count)
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let spread = spread_over_axes(ctx);
    let s = ctx.scope;
    let (x, y) = (ctx.input(0), ctx.output(0));
    let factor = match (x.shape().elements(), y.shape().elements()) {
        (Some(n), Some(m)) => ((n / m.max(1)) as i64).operand(s, Some(spread.dtype())),
        _ => {
            let shape = shape_of(s, x);
            let rank = s.op("Size").input(shape).out();
            let axes = s.cast(ctx.input(1), rank.dtype());
            let axes = (axes + rank) % rank;
            let axis = s.named("GatherV2/axis").constant(0i32);
            let sizes = s.op("GatherV2").input(shape).input(axes).input(axis).out();
            let count = reduce_all_axes(sizes.in_scope(s), "Prod");
            s.cast(count, spread.dtype())
        }
    };
    dense([Some(true_divide(s, spread, factor)), None])
}

impl<'g> Scope<'g> {
    /// The mean over these axes, which are then gone, or kept with size 1 (op `Mean`).
    #[track_caller]
    pub fn mean(
        self,
        input: impl Operand<'g>,
        axes: impl Operand<'g>,
        keep_dims: KeepDims,
    ) -> Output<'g> {
        reduction_op(self, "Mean", input, axes, keep_dims)
    }
}

impl<'g> Output<'g> {
    /// The mean over all axes (op `Mean`).
    #[track_caller]
    pub fn mean(self) -> Output<'g> {
        reduce_all_axes(self, "Mean")
    }
    /// The mean over these axes, which are then gone, or kept with size 1 (op `Mean`).
    #[track_caller]
    pub fn mean_axes(self, axes: &[i32], keep_dims: KeepDims) -> Output<'g> {
        reduction_op(self.scope(), "Mean", self, axes, keep_dims)
    }
}
