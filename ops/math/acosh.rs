//! Acosh: the inverse hyperbolic cosine of each element.

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

pub(crate) static ACOSH: OpEntry = OpEntry {
    def: OpDef {
        signature: "Acosh(x:T) -> (y:T)",
        attrs: "T:type{bfloat16,half,float,double,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &unary_fields::<Acosh>(),
};

struct Acosh;

impl<T: Float> Unary<T> for Acosh {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        x.lift(|x| inverse::acosh(x.into()) as f32, inverse::acosh)
    }
}

impl<P: Part> Unary<Complex<P>> for Acosh {
    type Out = Complex<P>;
    #[inline(always)]
    fn apply(x: Complex<P>) -> Complex<P> {
        inverse::complex_acosh(x)
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.after_grad();
    let (g, y) = (ctx.grad(0).in_scope(s), conj(ctx.output(0).in_scope(s)));
    dense([Some(s.true_div(g, s.sinh(y)))])
}

impl<'g> Scope<'g> {
    /// The inverse hyperbolic cosine (op `Acosh`).
    #[track_caller]
    pub fn acosh(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("Acosh").input(x).out()
    }
}

impl<'g> Output<'g> {
    /// The inverse hyperbolic cosine (op `Acosh`).
    #[track_caller]
    pub fn acosh(self) -> Output<'g> {
        self.scope().acosh(self)
    }
}
