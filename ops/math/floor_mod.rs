//! FloorMod: the rest of a division rounded down; it has the sign of the divisor.

use super::binary::{Binary, binary_reals};
use super::division::Quotient;
use super::gradient::reduce_to_inputs;
use super::operators::binary_op;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static FLOOR_MOD: OpEntry = OpEntry {
    def: OpDef {
        signature: "FloorMod(x:T, y:T) -> (z:T)",
        attrs: "T:type{realnumber}",
        flags: Flags::PURE,
        infer: infer::broadcast,
    },
    grad: Grad::Fn(grad),
    kernels: &binary_reals::<FloorMod>(),
};

struct FloorMod;

impl<T: Quotient> Binary<T> for FloorMod {
    type Out = T;
    #[inline(always)]
    fn apply(x: T, y: T) -> T {
        x.floored_rest(y)
    }

    fn check(y: &[T]) -> Result<()> {
        T::check_divisors(y)
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let g = ctx.grad(0);
    let (x, y) = (ctx.input(0), ctx.input(1));
    let gy = g * -ctx.scope.floor_div(x, y);
    dense(reduce_to_inputs(ctx.scope, [x, y], [Some(g), Some(gy)]))
}

impl<'g> Scope<'g> {
    /// The rest of a division rounded down (op `FloorMod`), with broadcasting.
    #[track_caller]
    pub fn floor_mod(self, x: impl Operand<'g>, y: impl Operand<'g>) -> Output<'g> {
        binary_op(self, "FloorMod", "FloorMod", x, y)
    }
}

impl<'g> Output<'g> {
    /// The rest of a division rounded down (op `FloorMod`), with broadcasting.
    #[track_caller]
    pub fn floor_mod(self, y: impl Operand<'g>) -> Output<'g> {
        self.scope().floor_mod(self, y)
    }
}
