//! Minimum: the smaller of two numbers; NaN where either is.

use super::binary::{Binary, binary_reals};
use super::gradient::reduce_to_inputs;
use super::number::Real;
use super::operators::binary_op;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static MINIMUM: OpEntry = OpEntry {
    def: OpDef {
        signature: "Minimum(x:T, y:T) -> (z:T)",
        attrs: "T:type{realnumber}",
        flags: Flags::PURE,
        infer: infer::broadcast,
    },
    grad: Grad::Fn(grad),
    kernels: &binary_reals::<Minimum>(),
};

struct Minimum;

impl<T: Real> Binary<T> for Minimum {
    type Out = T;
    #[inline(always)]
    fn apply(x: T, y: T) -> T {
        if x < y || x.is_nan() { x } else { y }
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let g = ctx.grad(0);
    let (x, y) = (ctx.input(0), ctx.input(1));
    let s = ctx.scope;
    let zeros = s.op("ZerosLike").name("zeros_like").input(g).out();
    // On ties the gradient goes to x.
    let mask = s.less_equal(x, y);
    let gx = s.select_v2(mask, g, zeros);
    let gy = s.select_v2(mask, zeros, g);
    dense(reduce_to_inputs(s, [x, y], [Some(gx), Some(gy)]))
}

impl<'g> Scope<'g> {
    /// The smaller of two numbers (op `Minimum`), with broadcasting.
    #[track_caller]
    pub fn minimum(self, x: impl Operand<'g>, y: impl Operand<'g>) -> Output<'g> {
        binary_op(self, "Minimum", "Minimum", x, y)
    }
}

impl<'g> Output<'g> {
    /// The smaller of two numbers (op `Minimum`), with broadcasting.
    #[track_caller]
    pub fn minimum(self, y: impl Operand<'g>) -> Output<'g> {
        self.scope().minimum(self, y)
    }
}
