//! Square: each element times itself.

use super::elementwise::{Unary, unary_numbers};
use super::gradient::conj;
use super::number::Number;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static SQUARE: OpEntry = OpEntry {
    def: OpDef {
        signature: "Square(x:T) -> (y:T)",
        attrs: "T:type{bfloat16,half,float,double,int8,int16,int32,int64,uint8,uint16,uint32,uint64,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &unary_numbers::<Square>(),
};

struct Square;

impl<T: Number> Unary<T> for Square {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        x.times(x)
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.after_grad();
    let (g, x) = (ctx.grad(0).in_scope(s), conj(ctx.input(0).in_scope(s)));
    let two = 2.0f64.operand(s, Some(x.dtype()));
    dense([Some(s.mul(g, s.mul(x, two)))])
}

impl<'g> Scope<'g> {
    /// Each element times itself (op `Square`).
    #[track_caller]
    pub fn square(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("Square").input(x).out()
    }
}

impl<'g> Output<'g> {
    /// Each element times itself (op `Square`).
    #[track_caller]
    pub fn square(self) -> Output<'g> {
        self.scope().square(self)
    }
}
