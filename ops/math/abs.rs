//! Abs: the absolute value of each element.

use super::elementwise::{Unary, unary_signed};
use super::number::Real;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static ABS: OpEntry = OpEntry {
    def: OpDef {
        signature: "Abs(x:T) -> (y:T)",
        attrs: "T:type{bfloat16,half,float,double,int8,int16,int32,int64}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &unary_signed::<Abs>(),
};

struct Abs;

impl<T: Real> Unary<T> for Abs {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        x.magnitude()
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    dense([Some(ctx.grad(0) * ctx.scope.sign(ctx.input(0)))])
}

impl<'g> Scope<'g> {
    /// The absolute value (op `Abs`).
    #[track_caller]
    pub fn abs(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("Abs").input(x).out()
    }
}

impl<'g> Output<'g> {
    /// The absolute value (op `Abs`).
    #[track_caller]
    pub fn abs(self) -> Output<'g> {
        self.scope().abs(self)
    }
}
