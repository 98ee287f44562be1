//! ApplyAdam: steps scaled by running means of the gradient and of its square.

use super::super::number::{FLOATS_AND_COMPLEX, Float, for_float};
use super::engine::{Layout, Sign};
use crate::error::Result;
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit};
use crate::op::{Flags, OpDef};
use crate::registry::OpEntry;

/// Where the inputs are.
const LAYOUT: Layout<3, 6> = Layout {
    vars: ["var", "m", "v"],
    scalars: [
        (3, "beta1_power", Sign::Any),
        (4, "beta2_power", Sign::Any),
        (5, "lr", Sign::Any),
        (6, "beta1", Sign::Any),
        (7, "beta2", Sign::Any),
        (8, "epsilon", Sign::Any),
    ],
    grad: (9, "grad"),
    indices: None,
};

pub(crate) static APPLY_ADAM: OpEntry = OpEntry {
    def: OpDef {
        signature: "ApplyAdam(var:ref T, m:ref T, v:ref T, beta1_power:T, beta2_power:T, lr:T, beta1:T, beta2:T, epsilon:T, grad:T) -> (out:ref T)",
        attrs: "T:type{number}; use_locking:bool=false; use_nesterov:bool=false",
        flags: Flags::PURE,
        infer: |ctx| LAYOUT.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", FLOATS_AND_COMPLEX)], |init| {
        new(init, LAYOUT)
    })],
};

pub(crate) static RESOURCE_APPLY_ADAM: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceApplyAdam(var:resource, m:resource, v:resource, beta1_power:T, beta2_power:T, lr:T, beta1:T, beta2:T, epsilon:T, grad:T) -> ()",
        attrs: "T:type{number}; use_locking:bool=false; use_nesterov:bool=false",
        flags: Flags::STATEFUL,
        infer: |ctx| LAYOUT.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", FLOATS_AND_COMPLEX)], |init| {
        new(init, LAYOUT)
    })],
};

fn new(init: &KernelInit<'_>, layout: Layout<3, 6>) -> Result<AnyKernel> {
    let is_nesterov = init.attrs.bool("use_nesterov")?;
    for_float!(init.attrs.dtype("T")?, T => Ok(if is_nesterov {
        layout.kernel(rule::<T, true>)
    } else {
        layout.kernel(rule::<T, false>)
    }))
}

#[inline(always)]
fn rule<T: Float, const NESTEROV: bool>(
    [var, m, v]: [&mut [T]; 3],
    grad: &[T],
    [beta1_power, beta2_power, lr, beta1, beta2, epsilon]: [T; 6],
) {
    let one = T::of(1.0);
    let alpha = lr
        .times(one.minus(beta2_power).root())
        .over(one.minus(beta1_power));
    let (new1, new2) = (one.minus(beta1), one.minus(beta2));
    for (((w, m), v), g) in var.iter_mut().zip(m).zip(v).zip(grad) {
        *m = m.plus(g.minus(*m).times(new1));
        *v = v.plus(g.times(*g).minus(*v).times(new2));
        let mean = if NESTEROV {
            g.times(new1).plus(beta1.times(*m))
        } else {
            *m
        };
        *w = w.minus(mean.times(alpha).over(v.root().plus(epsilon)));
    }
}
