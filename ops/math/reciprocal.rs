//! Reciprocal (also under its old name Inv): one divided by each element.

use super::elementwise::{Unary, unary_fields};
use super::number::Field;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static RECIPROCAL: OpEntry = OpEntry {
    def: OpDef {
        signature: "Reciprocal(x:T) -> (y:T)",
        attrs: "T:type{bfloat16,half,float,double,int8,int16,int32,int64,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &unary_fields::<Reciprocal>(),
};

pub(crate) static INV: OpEntry = OpEntry {
    def: OpDef {
        signature: "Inv(x:T) -> (y:T)",
        attrs: "T:type{bfloat16,half,float,double,int8,int16,int32,int64,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &unary_fields::<Reciprocal>(),
};

struct Reciprocal;

impl<T: Field> Unary<T> for Reciprocal {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        T::ONE.over(x)
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    dense([Some(ctx.scope.reciprocal_grad(ctx.output(0), ctx.grad(0)))])
}

impl<'g> Scope<'g> {
    /// One divided by each element (op `Reciprocal`).
    #[track_caller]
    pub fn reciprocal(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("Reciprocal").input(x).out()
    }
}

impl<'g> Output<'g> {
    /// One divided by each element (op `Reciprocal`).
    #[track_caller]
    pub fn reciprocal(self) -> Output<'g> {
        self.scope().reciprocal(self)
    }
}
