//! Log1p: the natural logarithm of one plus each element; exact near zero.

use super::elementwise::{Unary, unary_fields};
use super::gradient::conj;
use super::number::{Float, Part};
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use num_complex::Complex;

pub(crate) static LOG1P: OpEntry = OpEntry {
    def: OpDef {
        signature: "Log1p(x:T) -> (y:T)",
        attrs: "T:type{bfloat16,half,float,double,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &unary_fields::<Log1p>(),
};

struct Log1p;

impl<T: Float> Unary<T> for Log1p {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        x.lift(f32::ln_1p, f64::ln_1p)
    }
}

impl<P: Part> Unary<Complex<P>> for Log1p {
    type Out = Complex<P>;
    #[inline(always)]
    fn apply(x: Complex<P>) -> Complex<P> {
        let two = P::one() + P::one();
        let re = (x.re * (two + x.re) + x.im * x.im).ln_1p() / two;
        Complex::new(re, x.im.atan2(P::one() + x.re))
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.after_grad();
    let (g, x) = (ctx.grad(0).in_scope(s), conj(ctx.input(0).in_scope(s)));
    dense([Some(g * s.reciprocal(1.0 + x))])
}

impl<'g> Scope<'g> {
    /// The natural logarithm of one plus each element (op `Log1p`).
    #[track_caller]
    pub fn log1p(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("Log1p").input(x).out()
    }
}

impl<'g> Output<'g> {
    /// The natural logarithm of one plus each element (op `Log1p`).
    #[track_caller]
    pub fn log1p(self) -> Output<'g> {
        self.scope().log1p(self)
    }
}
