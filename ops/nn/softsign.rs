//! Softsign: x / (|x| + 1).

use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::ops::math::elementwise::{Unary, unary_floats};
use crate::ops::math::number::Float;
use crate::registry::OpEntry;

pub(crate) static SOFTSIGN: OpEntry = OpEntry {
    def: OpDef {
        signature: "Softsign(features:T) -> (activations:T)",
        attrs: "T:type{half,bfloat16,float,double}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &unary_floats::<Softsign>(),
};

struct Softsign;

impl<T: Float> Unary<T> for Softsign {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        x.over(x.magnitude().plus(T::ONE))
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    dense([Some(ctx.scope.softsign_grad(ctx.grad(0), ctx.input(0)))])
}

impl<'g> Scope<'g> {
    /// x / (|x| + 1) (op `Softsign`).
    #[track_caller]
    pub fn softsign(self, features: impl Operand<'g>) -> Output<'g> {
        self.op("Softsign").input(features).out()
    }
}

impl<'g> Output<'g> {
    /// x / (|x| + 1) (op `Softsign`).
    #[track_caller]
    pub fn softsign(self) -> Output<'g> {
        self.scope().softsign(self)
    }
}
