//! EluGrad: the gradient of Elu, from its outputs.

use super::activation::paired_floats;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::ops::math::binary::Binary;
use crate::ops::math::number::Float;
use crate::registry::OpEntry;

pub(crate) static ELU_GRAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "EluGrad(gradients:T, outputs:T) -> (backprops:T)",
        attrs: "T:type{half,bfloat16,float,double}",
        flags: Flags::PURE,
        infer: infer::merged,
    },
    grad: Grad::Fn(grad),
    kernels: &paired_floats::<EluGrad>(),
};

struct EluGrad;

impl<T: Float> Binary<T> for EluGrad {
    type Out = T;
    #[inline(always)]
    fn apply(g: T, y: T) -> T {
        if y < T::ZERO {
            y.plus(T::ONE).times(g)
        } else {
            g
        }
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let (dy, y) = (ctx.input(0), ctx.input(1));
    let first = ctx.scope.elu_grad(ctx.grad(0), y);
    dense([Some(first), Some(below_zero(ctx, dy, y))])
}

/// The incoming gradient times `dy` where `y` is below 0, else 0.
pub(super) fn below_zero<'g>(ctx: &GradCtx<'g>, dy: Output<'g>, y: Output<'g>) -> Output<'g> {
    let s = ctx.scope;
    let less = s.op("Less").input(y).input_as(0i32, 0).out();
    let product = s
        .op("Mul")
        .default_name("mul")
        .input(ctx.grad(0))
        .input(dy)
        .out();
    let zeros = s.zeros_like(y);
    let select = s.op("SelectV2").input(less).input(product);
    select.input(zeros).out()
}

impl<'g> Scope<'g> {
    /// The gradient of Elu, from its outputs (op `EluGrad`).
    #[track_caller]
    pub fn elu_grad(self, gradients: impl Operand<'g>, outputs: impl Operand<'g>) -> Output<'g> {
        self.op("EluGrad").input(gradients).input(outputs).out()
    }
}
