//! Relu6Grad: the gradient of min(max(x, 0), 6).

use super::activation::paired_reals;
use super::relu6::six;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::ops::math::binary::Binary;
use crate::ops::math::number::Real;
use crate::registry::OpEntry;

pub(crate) static RELU6_GRAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "Relu6Grad(gradients:T, features:T) -> (backprops:T)",
        attrs: "T:type{realnumber}",
        flags: Flags::PURE,
        infer: infer::merged,
    },
    grad: Grad::Fn(grad),
    kernels: &paired_reals::<Relu6Grad>(),
};

struct Relu6Grad;

impl<T: Real> Binary<T> for Relu6Grad {
    type Out = T;
    #[inline(always)]
    fn apply(g: T, x: T) -> T {
        // A product, so that a NaN that arrives is not lost.
        g.times(if x > T::ZERO && x < six() {
            T::ONE
        } else {
            T::ZERO
        })
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let x = ctx.input(1);
    let g = ctx.scope.relu6_grad(ctx.grad(0), x);
    dense([Some(g), Some(ctx.scope.zeros_like(x))])
}

impl<'g> Scope<'g> {
    /// `gradients` where `features` lies between 0 and 6, else 0 (op `Relu6Grad`).
    #[track_caller]
    pub fn relu6_grad(self, gradients: impl Operand<'g>, features: impl Operand<'g>) -> Output<'g> {
        self.op("Relu6Grad").input(gradients).input(features).out()
    }
}
