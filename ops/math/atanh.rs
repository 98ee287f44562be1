//! Atanh: the inverse hyperbolic tangent of each element.

use super::elementwise::{Unary, unary_fields};
use super::gradient::conj;
use super::inverse;
use super::number::{Float, Part};
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use num_complex::Complex;

pub(crate) static ATANH: OpEntry = OpEntry {
    def: OpDef {
        signature: "Atanh(x:T) -> (y:T)",
        attrs: "T:type{bfloat16,half,float,double,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &unary_fields::<Atanh>(),
};

struct Atanh;

impl<T: Float> Unary<T> for Atanh {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        x.lift(|x| f64::from(x).atanh() as f32, f64::atanh)
    }
}

impl<P: Part> Unary<Complex<P>> for Atanh {
    type Out = Complex<P>;
    #[inline(always)]
    fn apply(x: Complex<P>) -> Complex<P> {
        inverse::complex_atanh(x)
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.after_grad();
    let (g, x) = (ctx.grad(0).in_scope(s), conj(ctx.input(0).in_scope(s)));
    let square = s.square(x);
    let one = 1.0f64.operand(s, Some(g.dtype()));
    let inverse = s.reciprocal(s.sub(one, square));
    dense([Some(g * inverse)])
}

impl<'g> Scope<'g> {
    /// The inverse hyperbolic tangent (op `Atanh`).
    #[track_caller]
    pub fn atanh(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("Atanh").input(x).out()
    }
}

impl<'g> Output<'g> {
    /// The inverse hyperbolic tangent (op `Atanh`).
    #[track_caller]
    pub fn atanh(self) -> Output<'g> {
        self.scope().atanh(self)
    }
}
