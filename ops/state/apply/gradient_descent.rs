//! ApplyGradientDescent: plain gradient descent.

use super::super::number::{FLOATS_AND_COMPLEX, Float, for_float};
use super::engine::{Layout, Sign};
use crate::error::Result;
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit};
use crate::op::{Flags, OpDef};
use crate::registry::OpEntry;

/// Where the inputs are.
const DENSE: Layout<1, 1> = Layout {
    vars: ["var"],
    scalars: [(1, "alpha", Sign::Any)],
    grad: (2, "delta"),
    indices: None,
};

pub(crate) static APPLY_GRADIENT_DESCENT: OpEntry = OpEntry {
    def: OpDef {
        signature: "ApplyGradientDescent(var:ref T, alpha:T, delta:T) -> (out:ref T)",
        attrs: "T:type{number}; use_locking:bool=false",
        flags: Flags::PURE,
        infer: |ctx| DENSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", FLOATS_AND_COMPLEX)], |init| {
        new(init, DENSE)
    })],
};

pub(crate) static RESOURCE_APPLY_GRADIENT_DESCENT: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceApplyGradientDescent(var:resource, alpha:T, delta:T) -> ()",
        attrs: "T:type{number}; use_locking:bool=false",
        flags: Flags::STATEFUL,
        infer: |ctx| DENSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", FLOATS_AND_COMPLEX)], |init| {
        new(init, DENSE)
    })],
};

fn new(init: &KernelInit<'_>, layout: Layout<1, 1>) -> Result<AnyKernel> {
    for_float!(init.attrs.dtype("T")?, T => Ok(layout.kernel(rule::<T>)))
}

#[inline(always)]
fn rule<T: Float>([var]: [&mut [T]; 1], grad: &[T], [alpha]: [T; 1]) {
    for (w, g) in var.iter_mut().zip(grad) {
        *w = w.minus(g.times(alpha));
    }
}
