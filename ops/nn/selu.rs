//! Selu: the scaled exponential linear unit of self-normalizing networks.

use crate::device::cpu::elementary;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::ops::math::elementwise::{Unary, unary_floats};
use crate::ops::math::number::Float;
use crate::registry::OpEntry;

pub(crate) static SELU: OpEntry = OpEntry {
    def: OpDef {
        signature: "Selu(features:T) -> (activations:T)",
        attrs: "T:type{half,bfloat16,float,double}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &unary_floats::<Selu>(),
};

/// The slope above 0.
pub(super) const SCALE: f64 = 1.050_700_987_355_480_5;
/// The (negated) limit far below 0.
pub(super) const SCALE_ALPHA: f64 = 1.758_099_340_847_376_9;

struct Selu;

impl<T: Float> Unary<T> for Selu {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        let below = x.lift(elementary::exp, f64::exp).minus(T::ONE);
        let below = below.times(T::of(SCALE_ALPHA));
        if x < T::ZERO {
            below
        } else {
            x.times(T::of(SCALE))
        }
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    dense([Some(ctx.scope.selu_grad(ctx.grad(0), ctx.output(0)))])
}

impl<'g> Scope<'g> {
    /// 1.7581 · (exp(x) − 1) below 0, else 1.0507 · x (op `Selu`).
    #[track_caller]
    pub fn selu(self, features: impl Operand<'g>) -> Output<'g> {
        self.op("Selu").input(features).out()
    }
}

impl<'g> Output<'g> {
    /// 1.7581 · (exp(x) − 1) below 0, else 1.0507 · x (op `Selu`).
    #[track_caller]
    pub fn selu(self) -> Output<'g> {
        self.scope().selu(self)
    }
}
