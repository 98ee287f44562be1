//! Mul: the product of two tensors.

use super::binary::{Binary, binary_numbers};
use super::gradient::{conj, reduce_to_inputs, same_known_shape};
use super::number::Number;
use super::operators::binary_op;
use crate::dtype::DType;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static MUL: OpEntry = OpEntry {
    def: OpDef {
        signature: "Mul(x:T, y:T) -> (z:T)",
        attrs: "T:type{bfloat16,half,float,double,uint8,int8,uint16,int16,int32,uint32,uint64,int64,complex64,complex128}",
        flags: Flags::COMMUTATIVE,
        infer: infer::broadcast,
    },
    grad: Grad::Fn(grad),
    kernels: &binary_numbers::<Mul>(),
};

struct Mul;

impl<T: Number> Binary<T> for Mul {
    type Out = T;
    #[inline(always)]
    fn apply(x: T, y: T) -> T {
        x.times(y)
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let g = ctx.grad(0);
    let (x, y) = (ctx.input(0), ctx.input(1));
    let s = ctx.scope;
    let equal = same_known_shape(x, y) && same_known_shape(x, g);
    if equal && matches!(g.dtype(), DType::F32 | DType::I32) {
        return dense([Some(s.mul(g, y)), Some(s.mul(g, x))]);
    }
    let gx = s.mul(g, conj(y));
    let gy = s.mul(conj(x), g);
    dense(reduce_to_inputs(s, [x, y], [Some(gx), Some(gy)]))
}

impl<'g> Scope<'g> {
    /// The product of two tensors (op `Mul`), with broadcasting.
    #[track_caller]
    pub fn mul(self, x: impl Operand<'g>, y: impl Operand<'g>) -> Output<'g> {
        binary_op(self, "Mul", "Mul", x, y)
    }
}
