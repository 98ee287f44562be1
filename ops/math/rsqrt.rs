//! Rsqrt: one divided by the square root of each element.

use super::elementwise::{Unary, unary_fields};
use super::number::{Float, Part};
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use num_complex::Complex;

pub(crate) static RSQRT: OpEntry = OpEntry {
    def: OpDef {
        signature: "Rsqrt(x:T) -> (y:T)",
        attrs: "T:type{bfloat16,half,float,double,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &unary_fields::<Rsqrt>(),
};

struct Rsqrt;

impl<T: Float> Unary<T> for Rsqrt {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        x.lift(|x| 1.0 / x.sqrt(), |x| 1.0 / x.sqrt())
    }
}

impl<P: Part> Unary<Complex<P>> for Rsqrt {
    type Out = Complex<P>;
    #[inline(always)]
    fn apply(x: Complex<P>) -> Complex<P> {
        x.sqrt().inv()
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    dense([Some(ctx.scope.rsqrt_grad(ctx.output(0), ctx.grad(0)))])
}

impl<'g> Scope<'g> {
    /// One divided by the square root (op `Rsqrt`).
    #[track_caller]
    pub fn rsqrt(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("Rsqrt").input(x).out()
    }
}

impl<'g> Output<'g> {
    /// One divided by the square root (op `Rsqrt`).
    #[track_caller]
    pub fn rsqrt(self) -> Output<'g> {
        self.scope().rsqrt(self)
    }
}
