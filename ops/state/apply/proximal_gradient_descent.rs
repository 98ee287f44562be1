//! ApplyProximalGradientDescent: gradient descent with soft thresholds (forward-backward splitting).

use super::super::number::{Real, for_real};
use super::engine::{Layout, Sign};
use crate::dtype::sets;
use crate::error::Result;
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit};
use crate::op::{Flags, OpDef};
use crate::registry::OpEntry;

/// Where the inputs of the dense ops are.
const DENSE: Layout<1, 3> = Layout {
    vars: ["var"],
    scalars: [
        (1, "alpha", Sign::Any),
        (2, "l1 regularization strength", Sign::Any),
        (3, "l2 regularization strength", Sign::Any),
    ],
    grad: (4, "delta"),
    indices: None,
};

/// Where the inputs of the sparse ops are.
const SPARSE: Layout<1, 3> = Layout {
    vars: ["var"],
    scalars: [
        (1, "alpha", Sign::Any),
        (2, "l1 regularization strength", Sign::Any),
        (3, "l2 regularization strength", Sign::Any),
    ],
    grad: (4, "grad"),
    indices: Some(5),
};

pub(crate) static APPLY_PROXIMAL_GRADIENT_DESCENT: OpEntry = OpEntry {
    def: OpDef {
        signature: "ApplyProximalGradientDescent(var:ref T, alpha:T, l1:T, l2:T, delta:T) -> (out:ref T)",
        attrs: "T:type{number}; use_locking:bool=false",
        flags: Flags::PURE,
        infer: |ctx| DENSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::FLOATS)], |init| {
        new(init, DENSE)
    })],
};

pub(crate) static RESOURCE_APPLY_PROXIMAL_GRADIENT_DESCENT: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceApplyProximalGradientDescent(var:resource, alpha:T, l1:T, l2:T, delta:T) -> ()",
        attrs: "T:type{number}; use_locking:bool=false",
        flags: Flags::STATEFUL,
        infer: |ctx| DENSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::FLOATS)], |init| {
        new(init, DENSE)
    })],
};

pub(crate) static SPARSE_APPLY_PROXIMAL_GRADIENT_DESCENT: OpEntry = OpEntry {
    def: OpDef {
        signature: "SparseApplyProximalGradientDescent(var:ref T, alpha:T, l1:T, l2:T, grad:T, indices:Tindices) -> (out:ref T)",
        attrs: "T:type{number}; Tindices:type{int32,int64}; use_locking:bool=false",
        flags: Flags::PURE,
        infer: |ctx| SPARSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::FLOATS)], |init| {
        new(init, SPARSE)
    })],
};

pub(crate) static RESOURCE_SPARSE_APPLY_PROXIMAL_GRADIENT_DESCENT: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceSparseApplyProximalGradientDescent(var:resource, alpha:T, l1:T, l2:T, grad:T, indices:Tindices) -> ()",
        attrs: "T:type{number}; Tindices:type{int32,int64}; use_locking:bool=false",
        flags: Flags::STATEFUL,
        infer: |ctx| SPARSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::FLOATS)], |init| {
        new(init, SPARSE)
    })],
};

fn new(init: &KernelInit<'_>, layout: Layout<1, 3>) -> Result<AnyKernel> {
    for_real!(init.attrs.dtype("T")?, T => Ok(layout.kernel(rule::<T>)))
}

#[inline(always)]
fn rule<T: Real>([var]: [&mut [T]; 1], grad: &[T], [lr, l1, l2]: [T; 3]) {
    let shrink = T::of(1.0).plus(l2.times(lr));
    for (w, g) in var.iter_mut().zip(grad) {
        *w = proximal(w.minus(g.times(lr)), lr.times(l1), l1, shrink);
    }
}

/// The proximal step: moves towards zero by `threshold` when there is an L1 term, then shrinks.
#[inline(always)]
pub(super) fn proximal<T: Real>(w: T, threshold: T, l1: T, shrink: T) -> T {
    let zero = T::of(0.0);
    if l1 > zero {
        let rest = w.magnitude().minus(threshold);
        let rest = if rest > zero { rest } else { zero };
        w.signum0().times(rest).over(shrink)
    } else {
        w.over(shrink)
    }
}
