//! All: whether all elements are true, along some axes.

use super::axes::{KeepDims, reduce_all_axes, reduction_op};
use super::reduction::{Reduce, on_gpu, reduction};
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::KernelDef;
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static ALL: OpEntry = OpEntry {
    def: OpDef {
        signature: "All(input:bool, reduction_indices:Tidx) -> (output:bool)",
        attrs: "keep_dims:bool=false; Tidx:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer: infer::reduction,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], reduction::<All, bool>), on_gpu(&[])],
};

struct All;

impl Reduce<bool> for All {
    type Acc = bool;
    #[inline(always)]
    fn start() -> bool {
        true
    }
    #[inline(always)]
    fn add(acc: bool, x: bool) -> bool {
        acc & x
    }
    #[inline(always)]
    fn merge(a: bool, b: bool) -> bool {
        a & b
    }
    fn finish(acc: bool, _: usize) -> bool {
        acc
    }
}

impl<'g> Scope<'g> {
    /// Whether all elements are true over these axes, which are then gone, or kept with size 1 (op `All`).
    #[track_caller]
    pub fn all(
        self,
        input: impl Operand<'g>,
        axes: impl Operand<'g>,
        keep_dims: KeepDims,
    ) -> Output<'g> {
        reduction_op(self, "All", input, axes, keep_dims)
    }
}

impl<'g> Output<'g> {
    /// Whether all elements are true over all axes (op `All`).
    #[track_caller]
    pub fn all(self) -> Output<'g> {
        reduce_all_axes(self, "All")
    }
    /// Whether all elements are true over these axes, which are then gone, or kept with size 1 (op `All`).
    #[track_caller]
    pub fn all_axes(self, axes: &[i32], keep_dims: KeepDims) -> Output<'g> {
        reduction_op(self.scope(), "All", self, axes, keep_dims)
    }
}
