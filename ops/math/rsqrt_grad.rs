//! RsqrtGrad: the gradient of 1/√x from y = 1/√x.

use super::binary::{Binary, pairwise_fields};
use super::gradient::conj;
use super::number::Field;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static RSQRT_GRAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "RsqrtGrad(y:T, dy:T) -> (z:T)",
        attrs: "T:type{bfloat16,half,float,double,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &pairwise_fields::<RsqrtGrad>(),
};

struct RsqrtGrad;

impl<T: Field> Binary<T> for RsqrtGrad {
    type Out = T;
    #[inline(always)]
    fn apply(y: T, dy: T) -> T {
        if dy == T::ZERO {
            return T::ZERO;
        }
        let y = y.conjugate();
        T::of(-0.5).times(dy.times(y)).times(y.times(y))
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.after_grad();
    let [a, b, g] = [ctx.input(0), ctx.input(1), ctx.grad(0)].map(|x| x.in_scope(s));
    let a = conj(a);
    dense([
        Some(-1.5 * conj(g) * b * s.square(a)),
        Some(s.rsqrt_grad(a, g)),
    ])
}

impl<'g> Scope<'g> {
    /// -½ · dy · y³: the gradient of 1/√x from y = 1/√x (op `RsqrtGrad`).
    #[track_caller]
    pub fn rsqrt_grad(self, y: impl Operand<'g>, dy: impl Operand<'g>) -> Output<'g> {
        self.op("RsqrtGrad").input(y).input(dy).out()
    }
}
