//! ReciprocalGrad (also under its old name InvGrad): the gradient of 1/x from y = 1/x.

use super::binary::{Binary, pairwise_fields};
use super::gradient::conj;
use super::number::Field;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static RECIPROCAL_GRAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "ReciprocalGrad(y:T, dy:T) -> (z:T)",
        attrs: "T:type{bfloat16,half,float,double,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &pairwise_fields::<ReciprocalGrad>(),
};

pub(crate) static INV_GRAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "InvGrad(y:T, dy:T) -> (z:T)",
        attrs: "T:type{bfloat16,half,float,double,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &pairwise_fields::<ReciprocalGrad>(),
};

struct ReciprocalGrad;

impl<T: Field> Binary<T> for ReciprocalGrad {
    type Out = T;
    #[inline(always)]
    fn apply(y: T, dy: T) -> T {
        if dy == T::ZERO {
            return T::ZERO;
        }
        let y = y.conjugate();
        y.negated().times(dy.times(y))
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.after_grad();
    let [a, b, g] = [ctx.input(0), ctx.input(1), ctx.grad(0)].map(|x| x.in_scope(s));
    let a = conj(a);
    dense([Some(conj(g) * -2.0 * b * a), Some(s.reciprocal_grad(a, g))])
}

impl<'g> Scope<'g> {
    /// -dy · y²: the gradient of 1/x from y = 1/x (op `ReciprocalGrad`).
    #[track_caller]
    pub fn reciprocal_grad(self, y: impl Operand<'g>, dy: impl Operand<'g>) -> Output<'g> {
        self.op("ReciprocalGrad").input(y).input(dy).out()
    }
}
