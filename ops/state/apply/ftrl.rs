//! ApplyFtrl and ApplyFtrlV2: follow the regularized leader.

use super::super::number::{Real, for_real};
use super::engine::{Layout, Sign};
use crate::dtype::sets;
use crate::error::Result;
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit};
use crate::op::{Flags, OpDef};
use crate::registry::OpEntry;

/// Where the inputs of the dense ops are.
const DENSE: Layout<3, 4> = Layout {
    vars: ["var", "accum", "linear"],
    scalars: [
        (4, "lr", Sign::Positive),
        (5, "l1 regularization strength", Sign::NotNegative),
        (6, "l2 regularization strength", Sign::NotNegative),
        (7, "lr_power", Sign::NotPositive),
    ],
    grad: (3, "grad"),
    indices: None,
};

/// Where the inputs of the sparse ops are.
const SPARSE: Layout<3, 4> = Layout {
    vars: ["var", "accum", "linear"],
    scalars: [
        (5, "lr", Sign::Positive),
        (6, "l1 regularization strength", Sign::NotNegative),
        (7, "l2 regularization strength", Sign::NotNegative),
        (8, "lr_power", Sign::NotPositive),
    ],
    grad: (3, "grad"),
    indices: Some(4),
};

/// Where the inputs of the dense ops are, second version.
const DENSE_V2: Layout<3, 5> = Layout {
    vars: ["var", "accum", "linear"],
    scalars: [
        (4, "lr", Sign::Positive),
        (5, "l1 regularization strength", Sign::NotNegative),
        (6, "l2 regularization strength", Sign::NotNegative),
        (7, "l2 shrinkage regularization strength", Sign::NotNegative),
        (8, "lr_power", Sign::NotPositive),
    ],
    grad: (3, "grad"),
    indices: None,
};

/// Where the inputs of the sparse ops are, second version.
const SPARSE_V2: Layout<3, 5> = Layout {
    vars: ["var", "accum", "linear"],
    scalars: [
        (5, "lr", Sign::Positive),
        (6, "l1 regularization strength", Sign::NotNegative),
        (7, "l2 regularization strength", Sign::NotNegative),
        (8, "l2 shrinkage regularization strength", Sign::NotNegative),
        (9, "lr_power", Sign::NotPositive),
    ],
    grad: (3, "grad"),
    indices: Some(4),
};

pub(crate) static APPLY_FTRL: OpEntry = OpEntry {
    def: OpDef {
        signature: "ApplyFtrl(var:ref T, accum:ref T, linear:ref T, grad:T, lr:T, l1:T, l2:T, lr_power:T) -> (out:ref T)",
        attrs: "T:type{number}; use_locking:bool=false; multiply_linear_by_lr:bool=false",
        flags: Flags::PURE,
        infer: |ctx| DENSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::FLOATS)], |init| {
        new(init, DENSE)
    })],
};

pub(crate) static RESOURCE_APPLY_FTRL: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceApplyFtrl(var:resource, accum:resource, linear:resource, grad:T, lr:T, l1:T, l2:T, lr_power:T) -> ()",
        attrs: "T:type{number}; use_locking:bool=false; multiply_linear_by_lr:bool=false",
        flags: Flags::STATEFUL,
        infer: |ctx| DENSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::FLOATS)], |init| {
        new(init, DENSE)
    })],
};

pub(crate) static SPARSE_APPLY_FTRL: OpEntry = OpEntry {
    def: OpDef {
        signature: "SparseApplyFtrl(var:ref T, accum:ref T, linear:ref T, grad:T, indices:Tindices, lr:T, l1:T, l2:T, lr_power:T) -> (out:ref T)",
        attrs: "T:type{number}; Tindices:type{int32,int64}; use_locking:bool=false; multiply_linear_by_lr:bool=false",
        flags: Flags::PURE,
        infer: |ctx| SPARSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::FLOATS)], |init| {
        new(init, SPARSE)
    })],
};

pub(crate) static RESOURCE_SPARSE_APPLY_FTRL: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceSparseApplyFtrl(var:resource, accum:resource, linear:resource, grad:T, indices:Tindices, lr:T, l1:T, l2:T, lr_power:T) -> ()",
        attrs: "T:type{number}; Tindices:type{int32,int64}; use_locking:bool=false; multiply_linear_by_lr:bool=false",
        flags: Flags::STATEFUL,
        infer: |ctx| SPARSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::FLOATS)], |init| {
        new(init, SPARSE)
    })],
};

pub(crate) static APPLY_FTRL_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "ApplyFtrlV2(var:ref T, accum:ref T, linear:ref T, grad:T, lr:T, l1:T, l2:T, l2_shrinkage:T, lr_power:T) -> (out:ref T)",
        attrs: "T:type{number}; use_locking:bool=false; multiply_linear_by_lr:bool=false",
        flags: Flags::PURE,
        infer: |ctx| DENSE_V2.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::FLOATS)], |init| {
        new_v2(init, DENSE_V2)
    })],
};

pub(crate) static RESOURCE_APPLY_FTRL_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceApplyFtrlV2(var:resource, accum:resource, linear:resource, grad:T, lr:T, l1:T, l2:T, l2_shrinkage:T, lr_power:T) -> ()",
        attrs: "T:type{number}; use_locking:bool=false; multiply_linear_by_lr:bool=false",
        flags: Flags::STATEFUL,
        infer: |ctx| DENSE_V2.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::FLOATS)], |init| {
        new_v2(init, DENSE_V2)
    })],
};

pub(crate) static SPARSE_APPLY_FTRL_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "SparseApplyFtrlV2(var:ref T, accum:ref T, linear:ref T, grad:T, indices:Tindices, lr:T, l1:T, l2:T, l2_shrinkage:T, lr_power:T) -> (out:ref T)",
        attrs: "T:type{number}; Tindices:type{int32,int64}; use_locking:bool=false; multiply_linear_by_lr:bool=false",
        flags: Flags::PURE,
        infer: |ctx| SPARSE_V2.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::FLOATS)], |init| {
        new_v2(init, SPARSE_V2)
    })],
};

pub(crate) static RESOURCE_SPARSE_APPLY_FTRL_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceSparseApplyFtrlV2(var:resource, accum:resource, linear:resource, grad:T, indices:Tindices, lr:T, l1:T, l2:T, l2_shrinkage:T, lr_power:T) -> ()",
        attrs: "T:type{number}; Tindices:type{int32,int64}; use_locking:bool=false; multiply_linear_by_lr:bool=false",
        flags: Flags::STATEFUL,
        infer: |ctx| SPARSE_V2.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::FLOATS)], |init| {
        new_v2(init, SPARSE_V2)
    })],
};

/// When the linear term holds the learning rate, that may be zero.
fn by_lr<const H: usize>(
    init: &KernelInit<'_>,
    mut layout: Layout<3, H>,
) -> Result<(bool, Layout<3, H>)> {
    let multiply = init.attrs.bool("multiply_linear_by_lr")?;
    if multiply && let Some((_, _, sign)) = layout.scalars.first_mut() {
        *sign = Sign::NotNegative;
    }
    Ok((multiply, layout))
}

fn new(init: &KernelInit<'_>, layout: Layout<3, 4>) -> Result<AnyKernel> {
    let (multiply, layout) = by_lr(init, layout)?;
    for_real!(init.attrs.dtype("T")?, T => Ok(if multiply {
        layout.kernel(rule::<T, true>)
    } else {
        layout.kernel(rule::<T, false>)
    }))
}

fn new_v2(init: &KernelInit<'_>, layout: Layout<3, 5>) -> Result<AnyKernel> {
    let (multiply, layout) = by_lr(init, layout)?;
    for_real!(init.attrs.dtype("T")?, T => Ok(if multiply {
        layout.kernel(rule_v2::<T, true>)
    } else {
        layout.kernel(rule_v2::<T, false>)
    }))
}

#[inline(always)]
fn rule<T: Real, const BY_LR: bool>(
    vars: [&mut [T]; 3],
    grad: &[T],
    [lr, l1, l2, lr_power]: [T; 4],
) {
    rule_v2::<T, BY_LR>(vars, grad, [lr, l1, l2, T::of(0.0), lr_power]);
}

#[inline(always)]
fn rule_v2<T: Real, const BY_LR: bool>(
    [var, accum, linear]: [&mut [T]; 3],
    grad: &[T],
    [lr, l1, l2, l2_shrinkage, lr_power]: [T; 5],
) {
    let zero = T::of(0.0);
    let two = T::of(2.0);
    let by_root = lr_power == T::of(-0.5);
    let scale = |n: T| {
        if by_root {
            n.root()
        } else {
            n.power(zero.minus(lr_power))
        }
    };
    // With the linear term multiplied by the learning rate, so are the regularization strengths.
    let (l1, l2) = if BY_LR {
        (l1.times(lr), two.times(l2).times(lr))
    } else {
        (l1, two.times(l2))
    };
    for (((w, n), z), g) in var.iter_mut().zip(accum).zip(linear).zip(grad) {
        let shrunk = if l2_shrinkage == zero {
            *g
        } else {
            g.plus(two.times(l2_shrinkage).times(*w))
        };
        let sum = n.plus(g.times(*g));
        let (new, old) = (scale(sum), scale(*n));
        let quadratic = if BY_LR {
            *z = z.plus(shrunk.times(lr).minus(new.minus(old).times(*w)));
            new.plus(l2)
        } else {
            *z = z.plus(shrunk.minus(new.minus(old).over(lr).times(*w)));
            new.over(lr).plus(l2)
        };
        *w = if z.magnitude() > l1 {
            l1.times(z.signum0()).minus(*z).over(quadratic)
        } else {
            zero
        };
        *n = sum;
    }
}
