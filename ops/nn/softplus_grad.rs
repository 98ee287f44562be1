//! SoftplusGrad: the gradient of log(exp(x) + 1).

use super::activation::paired_floats;
use crate::device::cpu::elementary;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::ops::math::binary::Binary;
use crate::ops::math::number::Float;
use crate::registry::OpEntry;

pub(crate) static SOFTPLUS_GRAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "SoftplusGrad(gradients:T, features:T) -> (backprops:T)",
        attrs: "T:type{half,bfloat16,float,double}",
        flags: Flags::PURE,
        infer: infer::merged,
    },
    grad: Grad::Fn(grad),
    kernels: &paired_floats::<SoftplusGrad>(),
};

struct SoftplusGrad;

impl<T: Float> Binary<T> for SoftplusGrad {
    type Out = T;
    #[inline(always)]
    fn apply(g: T, x: T) -> T {
        g.lift2(
            x,
            |g, x| g / (elementary::exp(-x) + 1.0),
            |g, x| g / ((-x).exp() + 1.0),
        )
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.after_grad();
    let [dy, x, g] = [ctx.input(0), ctx.input(1), ctx.grad(0)].map(|x| x.in_scope(s));
    let ddy = s.softplus_grad(g, x);
    let d2x = g * dy / ((-x).exp() + 2.0 + x.exp());
    dense([Some(ddy), Some(d2x)])
}

impl<'g> Scope<'g> {
    /// gradients / (exp(−features) + 1) (op `SoftplusGrad`).
    #[track_caller]
    pub fn softplus_grad(
        self,
        gradients: impl Operand<'g>,
        features: impl Operand<'g>,
    ) -> Output<'g> {
        self.op("SoftplusGrad")
            .input(gradients)
            .input(features)
            .out()
    }
}
