//! Min: the least element along some axes; NaN where there is one.

use super::axes::extremum_gradient;
use super::axes::{KeepDims, reduce_all_axes, reduction_op};
use super::number::Real;
use super::reduction::{Reduce, real_reductions};
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static MIN: OpEntry = OpEntry {
    def: OpDef {
        signature: "Min(input:T, reduction_indices:Tidx) -> (output:T)",
        attrs: "keep_dims:bool=false; T:type{float,double,int32,uint8,int16,int8,int64,bfloat16,uint16,half,uint32,uint64,qint8,quint8,qint32,qint16,quint16}; Tidx:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer: infer::reduction,
    },
    grad: Grad::Fn(grad),
    kernels: &real_reductions::<Min>(),
};

struct Min;

impl<T: Real> Reduce<T> for Min {
    type Acc = T;
    #[inline(always)]
    fn start() -> T {
        T::HIGHEST
    }
    #[inline(always)]
    fn add(acc: T, x: T) -> T {
        if x < acc || x.is_nan() { x } else { acc }
    }
    #[inline(always)]
    fn merge(a: T, b: T) -> T {
        if b < a || b.is_nan() { b } else { a }
    }
    fn finish(acc: T, _: usize) -> T {
        acc
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    extremum_gradient(ctx)
}

impl<'g> Scope<'g> {
    /// The least element over these axes, which are then gone, or kept with size 1 (op `Min`).
    #[track_caller]
    pub fn min(
        self,
        input: impl Operand<'g>,
        axes: impl Operand<'g>,
        keep_dims: KeepDims,
    ) -> Output<'g> {
        reduction_op(self, "Min", input, axes, keep_dims)
    }
}

impl<'g> Output<'g> {
    /// The least element over all axes (op `Min`).
    #[track_caller]
    pub fn min(self) -> Output<'g> {
        reduce_all_axes(self, "Min")
    }
    /// The least element over these axes, which are then gone, or kept with size 1 (op `Min`).
    #[track_caller]
    pub fn min_axes(self, axes: &[i32], keep_dims: KeepDims) -> Output<'g> {
        reduction_op(self.scope(), "Min", self, axes, keep_dims)
    }
}
