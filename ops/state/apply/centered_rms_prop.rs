//! ApplyCenteredRMSProp: steps scaled by a running variance of the gradient.

use super::super::number::{FLOATS_AND_COMPLEX, Float, for_float};
use super::engine::{Layout, Sign};
use crate::error::Result;
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit};
use crate::op::{Flags, OpDef};
use crate::registry::OpEntry;

/// Where the inputs of the dense ops are.
const DENSE: Layout<4, 4> = Layout {
    vars: ["var", "mg", "ms", "mom"],
    scalars: [
        (4, "lr", Sign::Any),
        (5, "rho", Sign::Any),
        (6, "momentum", Sign::Any),
        (7, "epsilon", Sign::Any),
    ],
    grad: (8, "grad"),
    indices: None,
};

/// Where the inputs of the sparse ops are.
const SPARSE: Layout<4, 4> = Layout {
    vars: ["var", "mg", "ms", "mom"],
    scalars: [
        (4, "lr", Sign::Any),
        (5, "rho", Sign::Any),
        (6, "momentum", Sign::Any),
        (7, "epsilon", Sign::Any),
    ],
    grad: (8, "grad"),
    indices: Some(9),
};

pub(crate) static APPLY_CENTERED_RMS_PROP: OpEntry = OpEntry {
    def: OpDef {
        signature: "ApplyCenteredRMSProp(var:ref T, mg:ref T, ms:ref T, mom:ref T, lr:T, rho:T, momentum:T, epsilon:T, grad:T) -> (out:ref T)",
        attrs: "T:type{number}; use_locking:bool=false",
        flags: Flags::PURE,
        infer: |ctx| DENSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", FLOATS_AND_COMPLEX)], |init| {
        new(init, DENSE)
    })],
};

pub(crate) static RESOURCE_APPLY_CENTERED_RMS_PROP: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceApplyCenteredRMSProp(var:resource, mg:resource, ms:resource, mom:resource, lr:T, rho:T, momentum:T, epsilon:T, grad:T) -> ()",
        attrs: "T:type{number}; use_locking:bool=false",
        flags: Flags::STATEFUL,
        infer: |ctx| DENSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", FLOATS_AND_COMPLEX)], |init| {
        new(init, DENSE)
    })],
};

pub(crate) static SPARSE_APPLY_CENTERED_RMS_PROP: OpEntry = OpEntry {
    def: OpDef {
        signature: "SparseApplyCenteredRMSProp(var:ref T, mg:ref T, ms:ref T, mom:ref T, lr:T, rho:T, momentum:T, epsilon:T, grad:T, indices:Tindices) -> (out:ref T)",
        attrs: "T:type{number}; Tindices:type{int32,int64}; use_locking:bool=false",
        flags: Flags::PURE,
        infer: |ctx| SPARSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", FLOATS_AND_COMPLEX)], |init| {
        new_sparse(init, SPARSE)
    })],
};

pub(crate) static RESOURCE_SPARSE_APPLY_CENTERED_RMS_PROP: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceSparseApplyCenteredRMSProp(var:resource, mg:resource, ms:resource, mom:resource, lr:T, rho:T, momentum:T, epsilon:T, grad:T, indices:Tindices) -> ()",
        attrs: "T:type{number}; Tindices:type{int32,int64}; use_locking:bool=false",
        flags: Flags::STATEFUL,
        infer: |ctx| SPARSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", FLOATS_AND_COMPLEX)], |init| {
        new_sparse(init, SPARSE)
    })],
};

fn new(init: &KernelInit<'_>, layout: Layout<4, 4>) -> Result<AnyKernel> {
    for_float!(init.attrs.dtype("T")?, T => Ok(layout.kernel(rule::<T>)))
}

fn new_sparse(init: &KernelInit<'_>, layout: Layout<4, 4>) -> Result<AnyKernel> {
    for_float!(init.attrs.dtype("T")?, T => Ok(layout.kernel(sparse_rule::<T>)))
}

#[inline(always)]
fn rule<T: Float>(
    [var, mg, ms, mom]: [&mut [T]; 4],
    grad: &[T],
    [lr, rho, momentum, epsilon]: [T; 4],
) {
    let fresh = T::of(1.0).minus(rho);
    for ((((w, mg), ms), mom), g) in var.iter_mut().zip(mg).zip(ms).zip(mom).zip(grad) {
        *ms = ms.plus(g.times(*g).minus(*ms).times(fresh));
        *mg = mg.plus(g.minus(*mg).times(fresh));
        let denominator = ms.minus(mg.times(*mg)).plus(epsilon);
        *mom = mom
            .times(momentum)
            .plus(g.times(lr).over(denominator.root()));
        *w = w.minus(*mom);
    }
}

// The same means in the order of operations of the sparse ops.
#[inline(always)]
fn sparse_rule<T: Float>(
    [var, mg, ms, mom]: [&mut [T]; 4],
    grad: &[T],
    [lr, rho, momentum, epsilon]: [T; 4],
) {
    let fresh = T::of(1.0).minus(rho);
    for ((((w, mg), ms), mom), g) in var.iter_mut().zip(mg).zip(ms).zip(mom).zip(grad) {
        *ms = ms.times(rho).plus(g.times(*g).times(fresh));
        *mg = mg.times(rho).plus(g.times(fresh));
        let denominator = ms.minus(mg.times(*mg)).plus(epsilon);
        *mom = mom
            .times(momentum)
            .plus(g.times(lr).over(denominator.root()));
        *w = w.minus(*mom);
    }
}
