//! ApplyAdagrad and ApplyAdagradV2: steps scaled by the sum of all squared gradients.

use super::super::number::{FLOATS_AND_COMPLEX, Float, for_float};
use super::engine::{Layout, Sign};
use crate::error::Result;
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit};
use crate::op::{Flags, OpDef};
use crate::registry::OpEntry;

/// Where the inputs of the dense ops are.
const DENSE: Layout<2, 1> = Layout {
    vars: ["var", "accum"],
    scalars: [(2, "lr", Sign::Any)],
    grad: (3, "grad"),
    indices: None,
};

/// Where the inputs of the sparse ops are.
const SPARSE: Layout<2, 1> = Layout {
    vars: ["var", "accum"],
    scalars: [(2, "lr", Sign::Any)],
    grad: (3, "grad"),
    indices: Some(4),
};

/// Where the inputs of the dense ops are, second version.
const DENSE_V2: Layout<2, 2> = Layout {
    vars: ["var", "accum"],
    scalars: [(2, "lr", Sign::Any), (3, "epsilon", Sign::Any)],
    grad: (4, "grad"),
    indices: None,
};

/// Where the inputs of the sparse ops are, second version.
const SPARSE_V2: Layout<2, 2> = Layout {
    vars: ["var", "accum"],
    scalars: [(2, "lr", Sign::Any), (3, "epsilon", Sign::Any)],
    grad: (4, "grad"),
    indices: Some(5),
};

pub(crate) static APPLY_ADAGRAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "ApplyAdagrad(var:ref T, accum:ref T, lr:T, grad:T) -> (out:ref T)",
        attrs: "T:type{number}; use_locking:bool=false; update_slots:bool=true",
        flags: Flags::PURE,
        infer: |ctx| DENSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", FLOATS_AND_COMPLEX)], |init| {
        new(init, DENSE)
    })],
};

pub(crate) static RESOURCE_APPLY_ADAGRAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceApplyAdagrad(var:resource, accum:resource, lr:T, grad:T) -> ()",
        attrs: "T:type{number}; use_locking:bool=false; update_slots:bool=true",
        flags: Flags::STATEFUL,
        infer: |ctx| DENSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", FLOATS_AND_COMPLEX)], |init| {
        new(init, DENSE)
    })],
};

pub(crate) static SPARSE_APPLY_ADAGRAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "SparseApplyAdagrad(var:ref T, accum:ref T, lr:T, grad:T, indices:Tindices) -> (out:ref T)",
        attrs: "T:type{number}; Tindices:type{int32,int64}; use_locking:bool=false; update_slots:bool=true",
        flags: Flags::PURE,
        infer: |ctx| SPARSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", FLOATS_AND_COMPLEX)], |init| {
        new(init, SPARSE)
    })],
};

pub(crate) static RESOURCE_SPARSE_APPLY_ADAGRAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceSparseApplyAdagrad(var:resource, accum:resource, lr:T, grad:T, indices:Tindices) -> ()",
        attrs: "T:type{number}; Tindices:type{int32,int64}; use_locking:bool=false; update_slots:bool=true",
        flags: Flags::STATEFUL,
        infer: |ctx| SPARSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", FLOATS_AND_COMPLEX)], |init| {
        new(init, SPARSE)
    })],
};

pub(crate) static APPLY_ADAGRAD_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "ApplyAdagradV2(var:ref T, accum:ref T, lr:T, epsilon:T, grad:T) -> (out:ref T)",
        attrs: "T:type{number}; use_locking:bool=false; update_slots:bool=true",
        flags: Flags::PURE,
        infer: |ctx| DENSE_V2.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", FLOATS_AND_COMPLEX)], |init| {
        new_v2(init, DENSE_V2)
    })],
};

pub(crate) static RESOURCE_APPLY_ADAGRAD_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceApplyAdagradV2(var:resource, accum:resource, lr:T, epsilon:T, grad:T) -> ()",
        attrs: "T:type{number}; use_locking:bool=false; update_slots:bool=true",
        flags: Flags::STATEFUL,
        infer: |ctx| DENSE_V2.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", FLOATS_AND_COMPLEX)], |init| {
        new_v2(init, DENSE_V2)
    })],
};

pub(crate) static SPARSE_APPLY_ADAGRAD_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "SparseApplyAdagradV2(var:ref T, accum:ref T, lr:T, epsilon:T, grad:T, indices:Tindices) -> (out:ref T)",
        attrs: "T:type{number}; Tindices:type{int32,int64}; use_locking:bool=false; update_slots:bool=true",
        flags: Flags::PURE,
        infer: |ctx| SPARSE_V2.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", FLOATS_AND_COMPLEX)], |init| {
        new_v2(init, SPARSE_V2)
    })],
};

pub(crate) static RESOURCE_SPARSE_APPLY_ADAGRAD_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceSparseApplyAdagradV2(var:resource, accum:resource, lr:T, epsilon:T, grad:T, indices:Tindices) -> ()",
        attrs: "T:type{number}; Tindices:type{int32,int64}; use_locking:bool=false; update_slots:bool=true",
        flags: Flags::STATEFUL,
        infer: |ctx| SPARSE_V2.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", FLOATS_AND_COMPLEX)], |init| {
        new_v2(init, SPARSE_V2)
    })],
};

fn new(init: &KernelInit<'_>, layout: Layout<2, 1>) -> Result<AnyKernel> {
    let update_slots = init.attrs.bool("update_slots")?;
    for_float!(init.attrs.dtype("T")?, T => Ok(if update_slots {
        layout.kernel(rule::<T, true>)
    } else {
        layout.kernel(rule::<T, false>)
    }))
}

fn new_v2(init: &KernelInit<'_>, layout: Layout<2, 2>) -> Result<AnyKernel> {
    let update_slots = init.attrs.bool("update_slots")?;
    for_float!(init.attrs.dtype("T")?, T => Ok(if update_slots {
        layout.kernel(rule_v2::<T, true>)
    } else {
        layout.kernel(rule_v2::<T, false>)
    }))
}

#[inline(always)]
fn rule<T: Float, const UPDATE: bool>([var, accum]: [&mut [T]; 2], grad: &[T], [lr]: [T; 1]) {
    let one = T::of(1.0);
    for ((w, a), g) in var.iter_mut().zip(accum).zip(grad) {
        if UPDATE {
            *a = a.plus(g.times(*g));
        }
        *w = w.minus(g.times(lr).times(one.over(a.root())));
    }
}

#[inline(always)]
fn rule_v2<T: Float, const UPDATE: bool>(
    [var, accum]: [&mut [T]; 2],
    grad: &[T],
    [lr, epsilon]: [T; 2],
) {
    for ((w, a), g) in var.iter_mut().zip(accum).zip(grad) {
        if UPDATE {
            *a = a.plus(g.times(*g));
        }
        *w = w.minus(g.times(lr).over(a.root().plus(epsilon)));
    }
}
