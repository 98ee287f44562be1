//! Relu: the larger of each element and 0.

use super::activation::unary_reals;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::ops::math::elementwise::Unary;
use crate::ops::math::number::Real;
use crate::registry::OpEntry;

pub(crate) static RELU: OpEntry = OpEntry {
    def: OpDef {
        signature: "Relu(features:T) -> (activations:T)",
        attrs: "T:type{float,double,int32,uint8,int16,int8,int64,bfloat16,uint16,half,uint32,uint64,qint8}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &unary_reals::<Relu>(),
};

struct Relu;

impl<T: Real> Unary<T> for Relu {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        positive(x)
    }
}

/// max(x, 0); NaN stays NaN. As in TensorFlow, −0 becomes 0, but not that of halves.
#[inline(always)]
pub(super) fn positive<T: Real>(x: T) -> T {
    let x = if size_of::<T>() > 2 {
        x.plus(T::ZERO)
    } else {
        x
    };
    if x < T::ZERO { T::ZERO } else { x }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    dense([Some(ctx.scope.relu_grad(ctx.grad(0), ctx.output(0)))])
}

impl<'g> Scope<'g> {
    /// max(x, 0) (op `Relu`).
    #[track_caller]
    pub fn relu(self, features: impl Operand<'g>) -> Output<'g> {
        self.op("Relu").input(features).out()
    }
}

impl<'g> Output<'g> {
    /// max(x, 0) (op `Relu`).
    #[track_caller]
    pub fn relu(self) -> Output<'g> {
        self.scope().relu(self)
    }
}
