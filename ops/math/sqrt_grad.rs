//! SqrtGrad: the gradient of √x from y = √x.

use super::binary::{Binary, pairwise_fields};
use super::gradient::conj;
use super::number::Field;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static SQRT_GRAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "SqrtGrad(y:T, dy:T) -> (z:T)",
        attrs: "T:type{bfloat16,half,float,double,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &pairwise_fields::<SqrtGrad>(),
};

struct SqrtGrad;

impl<T: Field> Binary<T> for SqrtGrad {
    type Out = T;
    #[inline(always)]
    fn apply(y: T, dy: T) -> T {
        if dy == T::ZERO {
            return T::ZERO;
        }
        T::of(0.5).times(dy).over(y.conjugate())
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.after_grad();
    let [a, y, g] = [ctx.input(0), ctx.output(0), ctx.grad(0)].map(|x| x.in_scope(s));
    let ga = s.true_div(g, a);
    dense([Some(-conj(ga) * y), Some(0.5 * ga)])
}

impl<'g> Scope<'g> {
    /// ½ · dy / y: the gradient of √x from y = √x (op `SqrtGrad`).
    #[track_caller]
    pub fn sqrt_grad(self, y: impl Operand<'g>, dy: impl Operand<'g>) -> Output<'g> {
        self.op("SqrtGrad").input(y).input(dy).out()
    }
}
