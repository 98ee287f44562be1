//! SigmoidGrad: the gradient of the sigmoid from y = sigmoid x.

use super::binary::{Binary, pairwise_fields};
use super::gradient::conj;
use super::number::Field;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static SIGMOID_GRAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "SigmoidGrad(y:T, dy:T) -> (z:T)",
        attrs: "T:type{bfloat16,half,float,double,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &pairwise_fields::<SigmoidGrad>(),
};

struct SigmoidGrad;

impl<T: Field> Binary<T> for SigmoidGrad {
    type Out = T;
    #[inline(always)]
    fn apply(y: T, dy: T) -> T {
        dy.times(T::ONE.minus(y)).times(y)
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.after_grad();
    let [a, b, g] = [ctx.input(0), ctx.input(1), ctx.grad(0)].map(|x| x.in_scope(s));
    let (a, b) = (conj(a), conj(b));
    let gb = g * b;
    dense([Some(gb - 2.0 * gb * a), Some(s.sigmoid_grad(a, g))])
}

impl<'g> Scope<'g> {
    /// dy · y · (1 − y): the gradient of the sigmoid from y = sigmoid x (op `SigmoidGrad`).
    #[track_caller]
    pub fn sigmoid_grad(self, y: impl Operand<'g>, dy: impl Operand<'g>) -> Output<'g> {
        self.op("SigmoidGrad").input(y).input(dy).out()
    }
}
