//! Softplus: log(exp(x) + 1).

use crate::device::cpu::elementary;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::ops::math::elementwise::{Unary, unary_floats};
use crate::ops::math::number::Float;
use crate::registry::OpEntry;

pub(crate) static SOFTPLUS: OpEntry = OpEntry {
    def: OpDef {
        signature: "Softplus(features:T) -> (activations:T)",
        attrs: "T:type{half,bfloat16,float,double}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &unary_floats::<Softplus>(),
};

struct Softplus;

/// ln(1 + u) for 0 ≤ u ≤ 1, exact also for small u: the rounding of 1 + u is made good.
#[inline(always)]
fn ln_1p(u: f32) -> f32 {
    let w = 1.0 + u;
    let d = w - 1.0;
    // Both sides are computed, so that loops over this stay free of branches.
    let made_good = elementary::ln(w) * (u / if d == 0.0 { 1.0 } else { d });
    if d == 0.0 { u } else { made_good }
}

impl<T: Float> Unary<T> for Softplus {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        // Without overflow for large |x|; NaN stays NaN.
        x.lift(
            |x| ln_1p(elementary::exp(-x.abs())) + if x < 0.0 { 0.0 } else { x },
            |x| (-x.abs()).exp().ln_1p() + if x < 0.0 { 0.0 } else { x },
        )
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    dense([Some(ctx.scope.softplus_grad(ctx.grad(0), ctx.input(0)))])
}

impl<'g> Scope<'g> {
    /// log(exp(x) + 1) (op `Softplus`).
    #[track_caller]
    pub fn softplus(self, features: impl Operand<'g>) -> Output<'g> {
        self.op("Softplus").input(features).out()
    }
}

impl<'g> Output<'g> {
    /// log(exp(x) + 1) (op `Softplus`).
    #[track_caller]
    pub fn softplus(self) -> Output<'g> {
        self.scope().softplus(self)
    }
}
