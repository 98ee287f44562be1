//! TanhGrad: the gradient of tanh x from y = tanh x.

use super::binary::{Binary, pairwise_fields};
use super::gradient::conj;
use super::number::Field;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static TANH_GRAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "TanhGrad(y:T, dy:T) -> (z:T)",
        attrs: "T:type{bfloat16,half,float,double,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &pairwise_fields::<TanhGrad>(),
};

struct TanhGrad;

impl<T: Field> Binary<T> for TanhGrad {
    type Out = T;
    #[inline(always)]
    fn apply(y: T, dy: T) -> T {
        dy.times(T::ONE.minus(y.times(y)))
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.after_grad();
    let [a, b, g] = [ctx.input(0), ctx.input(1), ctx.grad(0)].map(|x| x.in_scope(s));
    let (a, b) = (conj(a), conj(b));
    dense([Some(g * -2.0 * b * a), Some(s.tanh_grad(a, g))])
}

impl<'g> Scope<'g> {
    /// dy · (1 − y²): the gradient of tanh x from y = tanh x (op `TanhGrad`).
    #[track_caller]
    pub fn tanh_grad(self, y: impl Operand<'g>, dy: impl Operand<'g>) -> Output<'g> {
        self.op("TanhGrad").input(y).input(dy).out()
    }
}
