//! Neg: minus each element.

use super::elementwise::{Unary, unary_signed_fields};
use super::number::Signed;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static NEG: OpEntry = OpEntry {
    def: OpDef {
        signature: "Neg(x:T) -> (y:T)",
        attrs: "T:type{bfloat16,half,float,double,int8,int16,int32,int64,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &unary_signed_fields::<Neg>(),
};

struct Neg;

impl<T: Signed> Unary<T> for Neg {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        x.negated()
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    dense([Some(-ctx.grad(0))])
}

impl<'g> Scope<'g> {
    /// Minus `x` (op `Neg`).
    #[track_caller]
    pub fn neg(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("Neg").input(x).out()
    }
}
