//! Digamma: the derivative of the logarithm of the gamma function.

use super::elementwise::{Unary, unary_for};
use super::gradient::conj;
use super::number::Float;
use super::special;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use half::f16;

pub(crate) static DIGAMMA: OpEntry = OpEntry {
    def: OpDef {
        signature: "Digamma(x:T) -> (y:T)",
        attrs: "T:type{bfloat16,half,float,double}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        unary_for::<Digamma, f32>(),
        unary_for::<Digamma, f64>(),
        unary_for::<Digamma, f16>(),
    ],
};

struct Digamma;

impl<T: Float> Unary<T> for Digamma {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        x.lift(|x| special::digamma(f64::from(x)) as f32, special::digamma)
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.after_grad();
    let (g, x) = (ctx.grad(0).in_scope(s), conj(ctx.input(0).in_scope(s)));
    let one = 1.0f64.operand(s, Some(x.dtype()));
    dense([Some(g * s.polygamma(one, x))])
}

impl<'g> Scope<'g> {
    /// The derivative of the logarithm of the gamma function (op `Digamma`).
    #[track_caller]
    pub fn digamma(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("Digamma").input(x).out()
    }
}

impl<'g> Output<'g> {
    /// The derivative of the logarithm of the gamma function (op `Digamma`).
    #[track_caller]
    pub fn digamma(self) -> Output<'g> {
        self.scope().digamma(self)
    }
}
