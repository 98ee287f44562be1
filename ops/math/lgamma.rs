//! Lgamma: the logarithm of the absolute value of the gamma function.

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

pub(crate) static LGAMMA: OpEntry = OpEntry {
    def: OpDef {
        signature: "Lgamma(x:T) -> (y:T)",
        attrs: "T:type{bfloat16,half,float,double}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        unary_for::<Lgamma, f32>(),
        unary_for::<Lgamma, f64>(),
        unary_for::<Lgamma, f16>(),
    ],
};

struct Lgamma;

impl<T: Float> Unary<T> for Lgamma {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        x.lift(|x| special::lgamma(f64::from(x)) as f32, special::lgamma)
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.after_grad();
    let (g, x) = (ctx.grad(0).in_scope(s), conj(ctx.input(0).in_scope(s)));
    dense([Some(g * s.digamma(x))])
}

impl<'g> Scope<'g> {
    /// The logarithm of the absolute value of the gamma function (op `Lgamma`).
    #[track_caller]
    pub fn lgamma(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("Lgamma").input(x).out()
    }
}

impl<'g> Output<'g> {
    /// The logarithm of the absolute value of the gamma function (op `Lgamma`).
    #[track_caller]
    pub fn lgamma(self) -> Output<'g> {
        self.scope().lgamma(self)
    }
}
