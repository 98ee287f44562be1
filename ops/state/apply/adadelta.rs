//! ApplyAdadelta: steps in the ratio of the mean square of past updates to that of past gradients.

use super::super::number::{FLOATS_AND_COMPLEX, Float, for_float};
use super::engine::{Layout, Sign};
use crate::error::Result;
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit};
use crate::op::{Flags, OpDef};
use crate::registry::OpEntry;

/// Where the inputs of the dense ops are.
const DENSE: Layout<3, 3> = Layout {
    vars: ["var", "accum", "accum_update"],
    scalars: [
        (3, "lr", Sign::Any),
        (4, "rho", Sign::Any),
        (5, "epsilon", Sign::Any),
    ],
    grad: (6, "grad"),
    indices: None,
};

/// Where the inputs of the sparse ops are.
const SPARSE: Layout<3, 3> = Layout {
    vars: ["var", "accum", "accum_update"],
    scalars: [
        (3, "lr", Sign::Any),
        (4, "rho", Sign::Any),
        (5, "epsilon", Sign::Any),
    ],
    grad: (6, "grad"),
    indices: Some(7),
};

pub(crate) static APPLY_ADADELTA: OpEntry = OpEntry {
    def: OpDef {
        signature: "ApplyAdadelta(var:ref T, accum:ref T, accum_update:ref T, lr:T, rho:T, epsilon:T, grad:T) -> (out:ref T)",
        attrs: "T:type{number}; use_locking:bool=false",
        flags: Flags::PURE,
        infer: |ctx| DENSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", FLOATS_AND_COMPLEX)], |init| {
        new(init, DENSE)
    })],
};

pub(crate) static RESOURCE_APPLY_ADADELTA: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceApplyAdadelta(var:resource, accum:resource, accum_update:resource, lr:T, rho:T, epsilon:T, grad:T) -> ()",
        attrs: "T:type{number}; use_locking:bool=false",
        flags: Flags::STATEFUL,
        infer: |ctx| DENSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", FLOATS_AND_COMPLEX)], |init| {
        new(init, DENSE)
    })],
};

pub(crate) static SPARSE_APPLY_ADADELTA: OpEntry = OpEntry {
    def: OpDef {
        signature: "SparseApplyAdadelta(var:ref T, accum:ref T, accum_update:ref T, lr:T, rho:T, epsilon:T, grad:T, indices:Tindices) -> (out:ref T)",
        attrs: "T:type{number}; Tindices:type{int32,int64}; use_locking:bool=false",
        flags: Flags::PURE,
        infer: |ctx| SPARSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", FLOATS_AND_COMPLEX)], |init| {
        new(init, SPARSE)
    })],
};

pub(crate) static RESOURCE_SPARSE_APPLY_ADADELTA: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceSparseApplyAdadelta(var:resource, accum:resource, accum_update:resource, lr:T, rho:T, epsilon:T, grad:T, indices:Tindices) -> ()",
        attrs: "T:type{number}; Tindices:type{int32,int64}; use_locking:bool=false",
        flags: Flags::STATEFUL,
        infer: |ctx| SPARSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", FLOATS_AND_COMPLEX)], |init| {
        new(init, SPARSE)
    })],
};

fn new(init: &KernelInit<'_>, layout: Layout<3, 3>) -> Result<AnyKernel> {
    for_float!(init.attrs.dtype("T")?, T => Ok(layout.kernel(rule::<T>)))
}

#[inline(always)]
fn rule<T: Float>(
    [var, accum, accum_update]: [&mut [T]; 3],
    grad: &[T],
    [lr, rho, epsilon]: [T; 3],
) {
    let one = T::of(1.0);
    let fresh = one.minus(rho);
    for (((w, a), u), g) in var.iter_mut().zip(accum).zip(accum_update).zip(grad) {
        *a = a.times(rho).plus(g.times(*g).times(fresh));
        let update = u
            .plus(epsilon)
            .root()
            .times(one.over(a.plus(epsilon).root()))
            .times(*g);
        *w = w.minus(update.times(lr));
        *u = u.times(rho).plus(update.times(update).times(fresh));
    }
}
