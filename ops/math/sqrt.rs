//! Sqrt: the square root of each element.

use super::elementwise::{Unary, unary_fields};
use super::number::{Float, Part};
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use num_complex::Complex;

pub(crate) static SQRT: OpEntry = OpEntry {
    def: OpDef {
        signature: "Sqrt(x:T) -> (y:T)",
        attrs: "T:type{bfloat16,half,float,double,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &unary_fields::<Sqrt>(),
};

struct Sqrt;

impl<T: Float> Unary<T> for Sqrt {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        x.lift(f32::sqrt, f64::sqrt)
    }
}

impl<P: Part> Unary<Complex<P>> for Sqrt {
    type Out = Complex<P>;
    #[inline(always)]
    fn apply(x: Complex<P>) -> Complex<P> {
        x.sqrt()
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    dense([Some(ctx.scope.sqrt_grad(ctx.output(0), ctx.grad(0)))])
}

impl<'g> Scope<'g> {
    /// The square root (op `Sqrt`).
    #[track_caller]
    pub fn sqrt(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("Sqrt").input(x).out()
    }
}

impl<'g> Output<'g> {
    /// The square root (op `Sqrt`).
    #[track_caller]
    pub fn sqrt(self) -> Output<'g> {
        self.scope().sqrt(self)
    }
}
