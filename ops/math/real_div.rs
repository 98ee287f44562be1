//! RealDiv: the quotient of two floats or complex numbers.

use super::binary::{Binary, binary_fields};
use super::gradient::{conj, reduce_to_inputs};
use super::number::Field;
use super::operators::binary_op;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static REAL_DIV: OpEntry = OpEntry {
    def: OpDef {
        signature: "RealDiv(x:T, y:T) -> (z:T)",
        attrs: "T:type{bfloat16,half,float,double,uint8,int8,uint16,int16,int32,uint32,uint64,int64,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::broadcast,
    },
    grad: Grad::Fn(grad),
    kernels: &binary_fields::<RealDiv>(),
};

struct RealDiv;

impl<T: Field> Binary<T> for RealDiv {
    type Out = T;
    #[inline(always)]
    fn apply(x: T, y: T) -> T {
        x.over(y)
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let g = ctx.grad(0);
    let (x, y) = (ctx.input(0), ctx.input(1));
    let s = ctx.scope;
    let (cx, cy) = (conj(x), conj(y));
    let gx = s.real_div(g, cy);
    let gy = g * s.real_div(s.real_div(-cx, cy), cy);
    dense(reduce_to_inputs(s, [x, y], [Some(gx), Some(gy)]))
}

impl<'g> Scope<'g> {
    /// The quotient of two floating-point or complex tensors (op `RealDiv`), with broadcasting.
    #[track_caller]
    pub fn real_div(self, x: impl Operand<'g>, y: impl Operand<'g>) -> Output<'g> {
        binary_op(self, "RealDiv", "RealDiv", x, y)
    }
}

impl<'g> Output<'g> {
    /// The quotient of two floating-point or complex tensors (op `RealDiv`), with broadcasting.
    #[track_caller]
    pub fn real_div(self, y: impl Operand<'g>) -> Output<'g> {
        self.scope().real_div(self, y)
    }
}
