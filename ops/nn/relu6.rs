//! Relu6: each element cut to between 0 and 6.

use super::activation::unary_reals;
use super::relu::positive;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::ops::math::elementwise::Unary;
use crate::ops::math::number::Real;
use crate::registry::OpEntry;

pub(crate) static RELU6: OpEntry = OpEntry {
    def: OpDef {
        signature: "Relu6(features:T) -> (activations:T)",
        attrs: "T:type{realnumber}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &unary_reals::<Relu6>(),
};

struct Relu6;

/// 6 as a sum, since integers have no conversion in common with floats.
#[inline(always)]
pub(super) fn six<T: Real>() -> T {
    let two = T::ONE.plus(T::ONE);
    two.plus(two).plus(two)
}

impl<T: Real> Unary<T> for Relu6 {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        let x = positive(x);
        if x > six() { six() } else { x }
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    dense([Some(ctx.scope.relu6_grad(ctx.grad(0), ctx.output(0)))])
}

impl<'g> Scope<'g> {
    /// min(max(x, 0), 6) (op `Relu6`).
    #[track_caller]
    pub fn relu6(self, features: impl Operand<'g>) -> Output<'g> {
        self.op("Relu6").input(features).out()
    }
}

impl<'g> Output<'g> {
    /// min(max(x, 0), 6) (op `Relu6`).
    #[track_caller]
    pub fn relu6(self) -> Output<'g> {
        self.scope().relu6(self)
    }
}
