//! SeluGrad: the gradient of Selu, from its outputs.

use super::activation::paired_floats;
use super::elu_grad::below_zero;
use super::selu::{SCALE, SCALE_ALPHA};
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::ops::math::binary::Binary;
use crate::ops::math::number::Float;
use crate::registry::OpEntry;

pub(crate) static SELU_GRAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "SeluGrad(gradients:T, outputs:T) -> (backprops:T)",
        attrs: "T:type{half,bfloat16,float,double}",
        flags: Flags::PURE,
        infer: infer::merged,
    },
    grad: Grad::Fn(grad),
    kernels: &paired_floats::<SeluGrad>(),
};

struct SeluGrad;

impl<T: Float> Binary<T> for SeluGrad {
    type Out = T;
    #[inline(always)]
    fn apply(g: T, y: T) -> T {
        if y < T::ZERO {
            y.plus(T::of(SCALE_ALPHA)).times(g)
        } else {
            g.times(T::of(SCALE))
        }
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let (dy, y) = (ctx.input(0), ctx.input(1));
    let first = ctx.scope.selu_grad(ctx.grad(0), y);
    dense([Some(first), Some(below_zero(ctx, dy, y))])
}

impl<'g> Scope<'g> {
    /// The gradient of Selu, from its outputs (op `SeluGrad`).
    #[track_caller]
    pub fn selu_grad(self, gradients: impl Operand<'g>, outputs: impl Operand<'g>) -> Output<'g> {
        self.op("SeluGrad").input(gradients).input(outputs).out()
    }
}
