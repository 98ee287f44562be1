//! Expm1: e to the power of each element, minus one; exact near zero.

use super::elementwise::{Unary, unary_fields};
use super::gradient::conj;
use super::number::{Float, Part};
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use num_complex::Complex;

pub(crate) static EXPM1: OpEntry = OpEntry {
    def: OpDef {
        signature: "Expm1(x:T) -> (y:T)",
        attrs: "T:type{bfloat16,half,float,double,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &unary_fields::<Expm1>(),
};

struct Expm1;

impl<T: Float> Unary<T> for Expm1 {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        x.lift(f32::exp_m1, f64::exp_m1)
    }
}

impl<P: Part> Unary<Complex<P>> for Expm1 {
    type Out = Complex<P>;
    #[inline(always)]
    fn apply(x: Complex<P>) -> Complex<P> {
        let two = P::one() + P::one();
        let half = (x.im / two).sin();
        let re = x.re.exp_m1() * x.im.cos() - two * half * half;
        Complex::new(re, x.re.exp() * x.im.sin())
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.after_grad();
    let (g, x) = (ctx.grad(0).in_scope(s), conj(ctx.input(0).in_scope(s)));
    dense([Some(g * s.exp(x))])
}

impl<'g> Scope<'g> {
    /// e to the power of each element, minus one (op `Expm1`).
    #[track_caller]
    pub fn expm1(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("Expm1").input(x).out()
    }
}

impl<'g> Output<'g> {
    /// e to the power of each element, minus one (op `Expm1`).
    #[track_caller]
    pub fn expm1(self) -> Output<'g> {
        self.scope().expm1(self)
    }
}
