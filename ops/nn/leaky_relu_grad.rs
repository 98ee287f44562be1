//! LeakyReluGrad: the gradient of LeakyRelu.

use super::leaky_relu::KERNELS;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static LEAKY_RELU_GRAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "LeakyReluGrad(gradients:T, features:T) -> (backprops:T)",
        attrs: "alpha:float=0.2; T:type{half,bfloat16,float,double}=float",
        flags: Flags::PURE,
        infer: infer::merged,
    },
    grad: Grad::Fn(grad),
    kernels: KERNELS,
};

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let (x, alpha) = (ctx.input(1), ctx.attrs().float("alpha")?);
    let g = ctx.scope.leaky_relu_grad(ctx.grad(0), x, alpha);
    dense([Some(g), Some(ctx.scope.zeros_like(x))])
}

impl<'g> Scope<'g> {
    /// `gradients` where `features` is above 0, else alpha · gradients (op `LeakyReluGrad`).
    #[track_caller]
    pub fn leaky_relu_grad(
        self,
        gradients: impl Operand<'g>,
        features: impl Operand<'g>,
        alpha: f32,
    ) -> Output<'g> {
        self.op("LeakyReluGrad")
            .input(gradients)
            .input(features)
            .attr("alpha", alpha)
            .out()
    }
}
