//! Div: the quotient of two tensors; that of integers is rounded towards zero.

use super::binary::{Binary, binary_numbers};
use super::division::Divide;
use super::gradient::{conj, reduce_to_inputs};
use super::operators::binary_op;
use super::operators::true_divide;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static DIV: OpEntry = OpEntry {
    def: OpDef {
        signature: "Div(x:T, y:T) -> (z:T)",
        attrs: "T:type{bfloat16,half,float,double,uint8,int8,uint16,int16,int32,uint32,uint64,int64,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::broadcast,
    },
    grad: Grad::Fn(grad),
    kernels: &binary_numbers::<Div>(),
};

struct Div;

impl<T: Divide> Binary<T> for Div {
    type Out = T;
    #[inline(always)]
    fn apply(x: T, y: T) -> T {
        x.divided(y)
    }

    fn check(y: &[T]) -> Result<()> {
        T::check_divisors(y)
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let g = ctx.grad(0);
    let (x, y) = (ctx.input(0), ctx.input(1));
    let s = ctx.scope;
    let (cx, cy) = (conj(x), conj(y));
    let gx = true_divide(s, g, cy);
    let gy = g * true_divide(s, true_divide(s, -cx, cy), cy);
    dense(reduce_to_inputs(s, [x, y], [Some(gx), Some(gy)]))
}

impl<'g> Scope<'g> {
    /// The quotient of two tensors, rounded towards zero for integers (op `Div`), with broadcasting.
    #[track_caller]
    pub fn div(self, x: impl Operand<'g>, y: impl Operand<'g>) -> Output<'g> {
        binary_op(self, "Div", "Div", x, y)
    }
}

impl<'g> Output<'g> {
    /// The quotient of two tensors, rounded towards zero for integers (op `Div`), with broadcasting.
    #[track_caller]
    pub fn div(self, y: impl Operand<'g>) -> Output<'g> {
        self.scope().div(self, y)
    }
}
