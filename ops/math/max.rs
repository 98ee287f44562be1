//! Max: the greatest element along some axes; NaN where there is one.

use super::axes::extremum_gradient;
use super::axes::{KeepDims, reduce_all_axes, reduction_op};
use super::number::Real;
use super::reduction::{Reduce, real_reductions};
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static MAX: OpEntry = OpEntry {
    def: OpDef {
        signature: "Max(input:T, reduction_indices:Tidx) -> (output:T)",
        attrs: "keep_dims:bool=false; T:type{float,double,int32,uint8,int16,int8,int64,bfloat16,uint16,half,uint32,uint64,qint8,quint8,qint32,qint16,quint16}; Tidx:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer: infer::reduction,
    },
    grad: Grad::Fn(grad),
    kernels: &real_reductions::<Max>(),
};

struct Max;

impl<T: Real> Reduce<T> for Max {
    type Acc = T;
    #[inline(always)]
    fn start() -> T {
        T::LOWEST
    }
    #[inline(always)]
    fn add(acc: T, x: T) -> T {
        if x > acc || x.is_nan() { x } else { acc }
    }
    #[inline(always)]
    fn merge(a: T, b: T) -> T {
        if b > a || b.is_nan() { b } else { a }
    }
    fn finish(acc: T, _: usize) -> T {
        acc
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    extremum_gradient(ctx)
}

impl<'g> Scope<'g> {
    /// The greatest element over these axes, which are then gone, or kept with size 1 (op `Max`).
    #[track_caller]
    pub fn max(
        self,
        input: impl Operand<'g>,
        axes: impl Operand<'g>,
        keep_dims: KeepDims,
    ) -> Output<'g> {
        reduction_op(self, "Max", input, axes, keep_dims)
    }
}

impl<'g> Output<'g> {
    /// The greatest element over all axes (op `Max`).
    #[track_caller]
    pub fn max(self) -> Output<'g> {
        reduce_all_axes(self, "Max")
    }
    /// The greatest element over these axes, which are then gone, or kept with size 1 (op `Max`).
    #[track_caller]
    pub fn max_axes(self, axes: &[i32], keep_dims: KeepDims) -> Output<'g> {
        reduction_op(self.scope(), "Max", self, axes, keep_dims)
    }
}
