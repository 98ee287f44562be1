//! Elu: exp(x) − 1 below 0, else x.

use crate::device::cpu::elementary;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::ops::math::elementwise::{Unary, unary_floats};
use crate::ops::math::number::Float;
use crate::registry::OpEntry;

pub(crate) static ELU: OpEntry = OpEntry {
    def: OpDef {
        signature: "Elu(features:T) -> (activations:T)",
        attrs: "T:type{half,bfloat16,float,double}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &unary_floats::<Elu>(),
};

struct Elu;

impl<T: Float> Unary<T> for Elu {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        let below = x.lift(elementary::exp, f64::exp).minus(T::ONE);
        if x < T::ZERO { below } else { x }
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    dense([Some(ctx.scope.elu_grad(ctx.grad(0), ctx.output(0)))])
}

impl<'g> Scope<'g> {
    /// exp(x) − 1 below 0, else x (op `Elu`).
    #[track_caller]
    pub fn elu(self, features: impl Operand<'g>) -> Output<'g> {
        self.op("Elu").input(features).out()
    }
}

impl<'g> Output<'g> {
    /// exp(x) − 1 below 0, else x (op `Elu`).
    #[track_caller]
    pub fn elu(self) -> Output<'g> {
        self.scope().elu(self)
    }
}
