//! ApplyRMSProp: steps scaled by a running mean square of the gradient.

use super::super::number::{FLOATS_AND_COMPLEX, Float, for_float};
use super::engine::{Layout, Sign};
use crate::error::Result;
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit};
use crate::op::{Flags, OpDef};
use crate::registry::OpEntry;

/// Where the inputs of the dense ops are.
const DENSE: Layout<3, 4> = Layout {
    vars: ["var", "ms", "mom"],
    scalars: [
        (3, "lr", Sign::Any),
        (4, "rho", Sign::Any),
        (5, "momentum", Sign::Any),
        (6, "epsilon", Sign::Any),
    ],
    grad: (7, "grad"),
    indices: None,
};

/// Where the inputs of the sparse ops are.
const SPARSE: Layout<3, 4> = Layout {
    vars: ["var", "ms", "mom"],
    scalars: [
        (3, "lr", Sign::Any),
        (4, "rho", Sign::Any),
        (5, "momentum", Sign::Any),
        (6, "epsilon", Sign::Any),
    ],
    grad: (7, "grad"),
    indices: Some(8),
};

pub(crate) static APPLY_RMS_PROP: OpEntry = OpEntry {
    def: OpDef {
        signature: "ApplyRMSProp(var:ref T, ms:ref T, mom:ref T, lr:T, rho:T, momentum:T, epsilon:T, grad:T) -> (out:ref T)",
        attrs: "T:type{number}; use_locking:bool=false",
        flags: Flags::PURE,
        infer: |ctx| DENSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", FLOATS_AND_COMPLEX)], |init| {
        new(init, DENSE)
    })],
};

pub(crate) static RESOURCE_APPLY_RMS_PROP: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceApplyRMSProp(var:resource, ms:resource, mom:resource, lr:T, rho:T, momentum:T, epsilon:T, grad:T) -> ()",
        attrs: "T:type{number}; use_locking:bool=false",
        flags: Flags::STATEFUL,
        infer: |ctx| DENSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", FLOATS_AND_COMPLEX)], |init| {
        new(init, DENSE)
    })],
};

pub(crate) static SPARSE_APPLY_RMS_PROP: OpEntry = OpEntry {
    def: OpDef {
        signature: "SparseApplyRMSProp(var:ref T, ms:ref T, mom:ref T, lr:T, rho:T, momentum:T, epsilon:T, grad:T, indices:Tindices) -> (out:ref T)",
        attrs: "T:type{number}; Tindices:type{int32,int64}; use_locking:bool=false",
        flags: Flags::PURE,
        infer: |ctx| SPARSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", FLOATS_AND_COMPLEX)], |init| {
        new_sparse(init, SPARSE)
    })],
};

pub(crate) static RESOURCE_SPARSE_APPLY_RMS_PROP: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceSparseApplyRMSProp(var:resource, ms:resource, mom:resource, lr:T, rho:T, momentum:T, epsilon:T, grad:T, indices:Tindices) -> ()",
        attrs: "T:type{number}; Tindices:type{int32,int64}; use_locking:bool=false",
        flags: Flags::STATEFUL,
        infer: |ctx| SPARSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", FLOATS_AND_COMPLEX)], |init| {
        new_sparse(init, SPARSE)
    })],
};

fn new(init: &KernelInit<'_>, layout: Layout<3, 4>) -> Result<AnyKernel> {
    for_float!(init.attrs.dtype("T")?, T => Ok(layout.kernel(rule::<T>)))
}

fn new_sparse(init: &KernelInit<'_>, layout: Layout<3, 4>) -> Result<AnyKernel> {
    for_float!(init.attrs.dtype("T")?, T => Ok(layout.kernel(sparse_rule::<T>)))
}

#[inline(always)]
fn rule<T: Float>([var, ms, mom]: [&mut [T]; 3], grad: &[T], [lr, rho, momentum, epsilon]: [T; 4]) {
    let fresh = T::of(1.0).minus(rho);
    for (((w, ms), mom), g) in var.iter_mut().zip(ms).zip(mom).zip(grad) {
        *ms = ms.plus(g.times(*g).minus(*ms).times(fresh));
        let denominator = ms.plus(epsilon);
        *mom = mom
            .times(momentum)
            .plus(g.times(lr).over(denominator.root()));
        *w = w.minus(*mom);
    }
}

// The same means in the order of operations of the sparse ops.
#[inline(always)]
fn sparse_rule<T: Float>(
    [var, ms, mom]: [&mut [T]; 3],
    grad: &[T],
    [lr, rho, momentum, epsilon]: [T; 4],
) {
    let fresh = T::of(1.0).minus(rho);
    for (((w, ms), mom), g) in var.iter_mut().zip(ms).zip(mom).zip(grad) {
        *ms = ms.times(rho).plus(g.times(*g).times(fresh));
        let denominator = ms.plus(epsilon);
        *mom = mom
            .times(momentum)
            .plus(g.times(lr).over(denominator.root()));
        *w = w.minus(*mom);
    }
}
