//! Tan: the tangent of each element.

use super::elementwise::{Unary, unary_fields};
use super::gradient::conj;
use super::number::{Float, Part};
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use num_complex::Complex;

pub(crate) static TAN: OpEntry = OpEntry {
    def: OpDef {
        signature: "Tan(x:T) -> (y:T)",
        attrs: "T:type{bfloat16,half,float,double,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &unary_fields::<Tan>(),
};

struct Tan;

impl<T: Float> Unary<T> for Tan {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        x.lift(f32::tan, f64::tan)
    }
}

impl<P: Part> Unary<Complex<P>> for Tan {
    type Out = Complex<P>;
    #[inline(always)]
    fn apply(x: Complex<P>) -> Complex<P> {
        x.tan()
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.after_grad();
    let (g, x) = (ctx.grad(0).in_scope(s), conj(ctx.input(0).in_scope(s)));
    let secant = s.reciprocal(s.cos(x));
    dense([Some(s.square(secant) * g)])
}

impl<'g> Scope<'g> {
    /// The tangent (op `Tan`).
    #[track_caller]
    pub fn tan(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("Tan").input(x).out()
    }
}

impl<'g> Output<'g> {
    /// The tangent (op `Tan`).
    #[track_caller]
    pub fn tan(self) -> Output<'g> {
        self.scope().tan(self)
    }
}
