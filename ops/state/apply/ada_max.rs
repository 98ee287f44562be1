//! ApplyAdaMax: Adam with the largest gradient in place of the mean square.

use super::super::number::{Real, for_real};
use super::engine::{Layout, Sign};
use crate::dtype::sets;
use crate::error::Result;
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit};
use crate::op::{Flags, OpDef};
use crate::registry::OpEntry;

/// Where the inputs are.
const LAYOUT: Layout<3, 5> = Layout {
    vars: ["var", "m", "v"],
    scalars: [
        (3, "beta1_power", Sign::Any),
        (4, "lr", Sign::Any),
        (5, "beta1", Sign::Any),
        (6, "beta2", Sign::Any),
        (7, "epsilon", Sign::Any),
    ],
    grad: (8, "grad"),
    indices: None,
};

pub(crate) static APPLY_ADA_MAX: OpEntry = OpEntry {
    def: OpDef {
        signature: "ApplyAdaMax(var:ref T, m:ref T, v:ref T, beta1_power:T, lr:T, beta1:T, beta2:T, epsilon:T, grad:T) -> (out:ref T)",
        attrs: "T:type{number}; use_locking:bool=false",
        flags: Flags::PURE,
        infer: |ctx| LAYOUT.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::FLOATS)], |init| {
        new(init, LAYOUT)
    })],
};

pub(crate) static RESOURCE_APPLY_ADA_MAX: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceApplyAdaMax(var:resource, m:resource, v:resource, beta1_power:T, lr:T, beta1:T, beta2:T, epsilon:T, grad:T) -> ()",
        attrs: "T:type{number}; use_locking:bool=false",
        flags: Flags::STATEFUL,
        infer: |ctx| LAYOUT.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::FLOATS)], |init| {
        new(init, LAYOUT)
    })],
};

fn new(init: &KernelInit<'_>, layout: Layout<3, 5>) -> Result<AnyKernel> {
    for_real!(init.attrs.dtype("T")?, T => Ok(layout.kernel(rule::<T>)))
}

#[inline(always)]
fn rule<T: Real>(
    [var, m, v]: [&mut [T]; 3],
    grad: &[T],
    [beta1_power, lr, beta1, beta2, epsilon]: [T; 5],
) {
    let one = T::of(1.0);
    let rate = lr.over(one.minus(beta1_power));
    for (((w, m), v), g) in var.iter_mut().zip(m).zip(v).zip(grad) {
        *m = m.plus(g.minus(*m).times(one.minus(beta1)));
        let (kept, size) = (beta2.times(*v), g.magnitude());
        *v = if size > kept { size } else { kept };
        *w = w.minus(rate.times(m.over(v.plus(epsilon))));
    }
}
