//! ApplyProximalAdagrad: Adagrad with soft thresholds.

use super::super::number::{Real, for_real};
use super::engine::{Layout, Sign};
use crate::dtype::sets;
use crate::error::Result;
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit};
use crate::op::{Flags, OpDef};
use crate::registry::OpEntry;

/// Where the inputs of the dense ops are.
const DENSE: Layout<2, 3> = Layout {
    vars: ["var", "accum"],
    scalars: [
        (2, "lr", Sign::Any),
        (3, "l1 regularization strength", Sign::Any),
        (4, "l2 regularization strength", Sign::Any),
    ],
    grad: (5, "grad"),
    indices: None,
};

/// Where the inputs of the sparse ops are.
const SPARSE: Layout<2, 3> = Layout {
    vars: ["var", "accum"],
    scalars: [
        (2, "lr", Sign::Any),
        (3, "l1 regularization strength", Sign::Any),
        (4, "l2 regularization strength", Sign::Any),
    ],
    grad: (5, "grad"),
    indices: Some(6),
};

pub(crate) static APPLY_PROXIMAL_ADAGRAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "ApplyProximalAdagrad(var:ref T, accum:ref T, lr:T, l1:T, l2:T, grad:T) -> (out:ref T)",
        attrs: "T:type{number}; use_locking:bool=false",
        flags: Flags::PURE,
        infer: |ctx| DENSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::FLOATS)], |init| {
        new(init, DENSE)
    })],
};

pub(crate) static RESOURCE_APPLY_PROXIMAL_ADAGRAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceApplyProximalAdagrad(var:resource, accum:resource, lr:T, l1:T, l2:T, grad:T) -> ()",
        attrs: "T:type{number}; use_locking:bool=false",
        flags: Flags::STATEFUL,
        infer: |ctx| DENSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::FLOATS)], |init| {
        new(init, DENSE)
    })],
};

pub(crate) static SPARSE_APPLY_PROXIMAL_ADAGRAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "SparseApplyProximalAdagrad(var:ref T, accum:ref T, lr:T, l1:T, l2:T, grad:T, indices:Tindices) -> (out:ref T)",
        attrs: "T:type{number}; Tindices:type{int32,int64}; use_locking:bool=false",
        flags: Flags::PURE,
        infer: |ctx| SPARSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::FLOATS)], |init| {
        new(init, SPARSE)
    })],
};

pub(crate) static RESOURCE_SPARSE_APPLY_PROXIMAL_ADAGRAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceSparseApplyProximalAdagrad(var:resource, accum:resource, lr:T, l1:T, l2:T, grad:T, indices:Tindices) -> ()",
        attrs: "T:type{number}; Tindices:type{int32,int64}; use_locking:bool=false",
        flags: Flags::STATEFUL,
        infer: |ctx| SPARSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::FLOATS)], |init| {
        new(init, SPARSE)
    })],
};

fn new(init: &KernelInit<'_>, layout: Layout<2, 3>) -> Result<AnyKernel> {
    for_real!(init.attrs.dtype("T")?, T => Ok(layout.kernel(rule::<T>)))
}

#[inline(always)]
fn rule<T: Real>([var, accum]: [&mut [T]; 2], grad: &[T], [lr, l1, l2]: [T; 3]) {
    let one = T::of(1.0);
    for ((w, a), g) in var.iter_mut().zip(accum).zip(grad) {
        *a = a.plus(g.times(*g));
        let rate = lr.times(one.over(a.root()));
        let shrink = one.plus(l2.times(rate));
        *w = super::proximal_gradient_descent::proximal(
            w.minus(g.times(rate)),
            rate.times(l1),
            l1,
            shrink,
        );
    }
}
