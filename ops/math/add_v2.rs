//! AddV2: the sum of two tensors.

use super::binary::{Binary, binary_numbers};
use super::gradient::{reduce_to_inputs, same_known_shape};
use super::number::Number;
use super::operators::{add_op, binary_op};
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static ADD_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "AddV2(x:T, y:T) -> (z:T)",
        attrs: "T:type{bfloat16,half,float,double,uint8,uint16,uint32,uint64,int8,int16,int32,int64,complex64,complex128}",
        flags: Flags::AGGREGATE,
        infer: infer::broadcast,
    },
    grad: Grad::Fn(grad),
    kernels: &binary_numbers::<AddV2>(),
};

pub(crate) struct AddV2;

impl<T: Number> Binary<T> for AddV2 {
    type Out = T;
    #[inline(always)]
    fn apply(x: T, y: T) -> T {
        x.plus(y)
    }
}

pub(crate) fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let g = ctx.grad(0);
    let (x, y) = (ctx.input(0), ctx.input(1));
    if same_known_shape(x, y) && same_known_shape(x, g) {
        return dense([Some(g), Some(g)]);
    }
    dense(reduce_to_inputs(ctx.scope, [x, y], [Some(g), Some(g)]))
}

impl<'g> Scope<'g> {
    /// The sum of two tensors; strings are joined (op `AddV2`), with broadcasting.
    #[track_caller]
    pub fn add(self, x: impl Operand<'g>, y: impl Operand<'g>) -> Output<'g> {
        if x.output().is_some() {
            let x = x.operand(self, None);
            return binary_op(self, add_op(x.dtype()), "Add", x, y);
        }
        if y.output().is_some() {
            let y = y.operand(self, None);
            return binary_op(self, add_op(y.dtype()), "Add", x, y);
        }
        binary_op(self, "AddV2", "Add", x, y)
    }
}
