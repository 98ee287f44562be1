//! Polygamma: the a-th derivative of the digamma function at x.

use super::binary::{Binary, binary_for};
use super::gradient::reduce_to_inputs;
use super::number::Float;
use super::operators::binary_op;
use super::special;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static POLYGAMMA: OpEntry = OpEntry {
    def: OpDef {
        signature: "Polygamma(a:T, x:T) -> (z:T)",
        attrs: "T:type{float,double}",
        flags: Flags::PURE,
        infer: infer::broadcast,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        binary_for::<Polygamma, f32>(),
        binary_for::<Polygamma, f64>(),
    ],
};

struct Polygamma;

impl<T: Float> Binary<T> for Polygamma {
    type Out = T;
    #[inline(always)]
    fn apply(x: T, y: T) -> T {
        x.lift2(
            y,
            |a, x| special::polygamma(f64::from(a), f64::from(x)) as f32,
            special::polygamma,
        )
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.after_grad();
    let [g, a, x] = [ctx.grad(0), ctx.input(0), ctx.input(1)].map(|v| v.in_scope(s));
    let gx = s.polygamma(a + 1, x) * g;
    // The order has no gradient.
    dense(reduce_to_inputs(ctx.scope, [a, x], [None, Some(gx)]))
}

impl<'g> Scope<'g> {
    /// The x-th derivative of the digamma function at y (op `Polygamma`), with broadcasting.
    #[track_caller]
    pub fn polygamma(self, x: impl Operand<'g>, y: impl Operand<'g>) -> Output<'g> {
        binary_op(self, "Polygamma", "Polygamma", x, y)
    }
}

impl<'g> Output<'g> {
    /// This derivative of the digamma function at y (op `Polygamma`), with broadcasting.
    #[track_caller]
    pub fn polygamma(self, y: impl Operand<'g>) -> Output<'g> {
        self.scope().polygamma(self, y)
    }
}
