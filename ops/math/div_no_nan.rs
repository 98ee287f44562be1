//! DivNoNan: the quotient of two tensors, 0 where the divisor is 0.

use super::binary::{Binary, binary_fields};
use super::gradient::{conj, reduce_to_inputs};
use super::number::Field;
use super::operators::binary_op;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static DIV_NO_NAN: OpEntry = OpEntry {
    def: OpDef {
        signature: "DivNoNan(x:T, y:T) -> (z:T)",
        attrs: "T:type{half,float,bfloat16,double,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::broadcast,
    },
    grad: Grad::Fn(grad),
    kernels: &binary_fields::<DivNoNan>(),
};

struct DivNoNan;

impl<T: Field> Binary<T> for DivNoNan {
    type Out = T;
    #[inline(always)]
    fn apply(x: T, y: T) -> T {
        if y == T::ZERO { T::ZERO } else { x.over(y) }
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let g = ctx.grad(0);
    let (x, y) = (ctx.input(0), ctx.input(1));
    let s = ctx.scope;
    let (cx, cy) = (conj(x), conj(y));
    let gx = s.div_no_nan(g, cy);
    let gy = g * s.div_no_nan(s.div_no_nan(-cx, cy), cy);
    dense(reduce_to_inputs(s, [x, y], [Some(gx), Some(gy)]))
}

impl<'g> Scope<'g> {
    /// The quotient of two tensors, 0 where the divisor is 0 (op `DivNoNan`), with broadcasting.
    #[track_caller]
    pub fn div_no_nan(self, x: impl Operand<'g>, y: impl Operand<'g>) -> Output<'g> {
        binary_op(self, "DivNoNan", "DivNoNan", x, y)
    }
}

impl<'g> Output<'g> {
    /// The quotient of two tensors, 0 where the divisor is 0 (op `DivNoNan`), with broadcasting.
    #[track_caller]
    pub fn div_no_nan(self, y: impl Operand<'g>) -> Output<'g> {
        self.scope().div_no_nan(self, y)
    }
}
