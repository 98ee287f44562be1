//! Sub: the difference of two tensors.

use super::binary::{Binary, binary_numbers};
use super::gradient::{reduce_to_inputs, same_known_shape};
use super::number::Number;
use super::operators::binary_op;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static SUB: OpEntry = OpEntry {
    def: OpDef {
        signature: "Sub(x:T, y:T) -> (z:T)",
        attrs: "T:type{bfloat16,half,float,double,uint8,int8,uint16,int16,int32,int64,complex64,complex128,uint32,uint64}",
        flags: Flags::PURE,
        infer: infer::broadcast,
    },
    grad: Grad::Fn(grad),
    kernels: &binary_numbers::<Sub>(),
};

struct Sub;

impl<T: Number> Binary<T> for Sub {
    type Out = T;
    #[inline(always)]
    fn apply(x: T, y: T) -> T {
        x.minus(y)
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let g = ctx.grad(0);
    let (x, y) = (ctx.input(0), ctx.input(1));
    if same_known_shape(x, y) && same_known_shape(x, g) {
        return dense([Some(g), Some(-g)]);
    }
    dense(reduce_to_inputs(ctx.scope, [x, y], [Some(g), Some(-g)]))
}

impl<'g> Scope<'g> {
    /// The difference of two tensors (op `Sub`), with broadcasting.
    #[track_caller]
    pub fn sub(self, x: impl Operand<'g>, y: impl Operand<'g>) -> Output<'g> {
        binary_op(self, "Sub", "Sub", x, y)
    }
}
