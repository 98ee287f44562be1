//! Cosh: the hyperbolic cosine of each element.

use super::elementwise::{Unary, unary_fields};
use super::gradient::conj;
use super::number::{Float, Part};
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use num_complex::Complex;

pub(crate) static COSH: OpEntry = OpEntry {
    def: OpDef {
        signature: "Cosh(x:T) -> (y:T)",
        attrs: "T:type{bfloat16,half,float,double,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &unary_fields::<Cosh>(),
};

struct Cosh;

impl<T: Float> Unary<T> for Cosh {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        x.lift(f32::cosh, f64::cosh)
    }
}

impl<P: Part> Unary<Complex<P>> for Cosh {
    type Out = Complex<P>;
    #[inline(always)]
    fn apply(x: Complex<P>) -> Complex<P> {
        x.cosh()
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.after_grad();
    let (g, x) = (ctx.grad(0).in_scope(s), conj(ctx.input(0).in_scope(s)));
    dense([Some(g * s.sinh(x))])
}

impl<'g> Scope<'g> {
    /// The hyperbolic cosine (op `Cosh`).
    #[track_caller]
    pub fn cosh(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("Cosh").input(x).out()
    }
}

impl<'g> Output<'g> {
    /// The hyperbolic cosine (op `Cosh`).
    #[track_caller]
    pub fn cosh(self) -> Output<'g> {
        self.scope().cosh(self)
    }
}
