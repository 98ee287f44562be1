//! ResourceApplyKerasMomentum: momentum where the learning rate is part of the accumulator.

use super::super::number::{FLOATS_AND_COMPLEX, Float, for_float};
use super::engine::{Layout, Sign};
use crate::error::Result;
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit};
use crate::op::{Flags, OpDef};
use crate::registry::OpEntry;

/// Where the inputs of the dense ops are.
const DENSE: Layout<2, 2> = Layout {
    vars: ["var", "accum"],
    scalars: [(2, "lr", Sign::Any), (4, "momentum", Sign::Any)],
    grad: (3, "grad"),
    indices: None,
};

/// Where the inputs of the sparse ops are.
const SPARSE: Layout<2, 2> = Layout {
    vars: ["var", "accum"],
    scalars: [(2, "lr", Sign::Any), (5, "momentum", Sign::Any)],
    grad: (3, "grad"),
    indices: Some(4),
};

pub(crate) static RESOURCE_APPLY_KERAS_MOMENTUM: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceApplyKerasMomentum(var:resource, accum:resource, lr:T, grad:T, momentum:T) -> ()",
        attrs: "T:type{number}; use_locking:bool=false; use_nesterov:bool=false",
        flags: Flags::STATEFUL,
        infer: |ctx| DENSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", FLOATS_AND_COMPLEX)], |init| {
        new(init, DENSE)
    })],
};

pub(crate) static RESOURCE_SPARSE_APPLY_KERAS_MOMENTUM: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceSparseApplyKerasMomentum(var:resource, accum:resource, lr:T, grad:T, indices:Tindices, momentum:T) -> ()",
        attrs: "T:type{number}; Tindices:type{int32,int64}; use_locking:bool=false; use_nesterov:bool=false",
        flags: Flags::STATEFUL,
        infer: |ctx| SPARSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", FLOATS_AND_COMPLEX)], |init| {
        new(init, SPARSE)
    })],
};

fn new(init: &KernelInit<'_>, layout: Layout<2, 2>) -> Result<AnyKernel> {
    let is_nesterov = init.attrs.bool("use_nesterov")?;
    for_float!(init.attrs.dtype("T")?, T => Ok(if is_nesterov {
        layout.kernel(nesterov::<T>)
    } else {
        layout.kernel(plain::<T>)
    }))
}

#[inline(always)]
fn plain<T: Float>([var, accum]: [&mut [T]; 2], grad: &[T], [lr, momentum]: [T; 2]) {
    for ((w, a), g) in var.iter_mut().zip(accum).zip(grad) {
        *a = a.times(momentum).minus(g.times(lr));
        *w = w.plus(*a);
    }
}

#[inline(always)]
fn nesterov<T: Float>([var, accum]: [&mut [T]; 2], grad: &[T], [lr, momentum]: [T; 2]) {
    for ((w, a), g) in var.iter_mut().zip(accum).zip(grad) {
        *a = a.times(momentum).minus(g.times(lr));
        *w = w.plus(a.times(momentum).minus(g.times(lr)));
    }
}
