//! ReluGrad: the gradient of max(x, 0).

use super::activation::paired_reals;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::ops::math::binary::Binary;
use crate::ops::math::number::Real;
use crate::registry::OpEntry;

pub(crate) static RELU_GRAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "ReluGrad(gradients:T, features:T) -> (backprops:T)",
        attrs: "T:type{realnumber}",
        flags: Flags::PURE,
        infer: infer::merged,
    },
    grad: Grad::Fn(grad),
    kernels: &paired_reals::<ReluGrad>(),
};

struct ReluGrad;

impl<T: Real> Binary<T> for ReluGrad {
    type Out = T;
    #[inline(always)]
    fn apply(g: T, x: T) -> T {
        // A product, so that a NaN that arrives is not lost.
        g.times(if x > T::ZERO { T::ONE } else { T::ZERO })
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let x = ctx.input(1);
    let g = ctx.scope.relu_grad(ctx.grad(0), x);
    dense([Some(g), Some(ctx.scope.zeros_like(x))])
}

impl<'g> Scope<'g> {
    /// `gradients` where `features` (or max(features, 0)) is above 0, else 0 (op `ReluGrad`).
    #[track_caller]
    pub fn relu_grad(self, gradients: impl Operand<'g>, features: impl Operand<'g>) -> Output<'g> {
        self.op("ReluGrad").input(gradients).input(features).out()
    }
}
