//! Exp: e to the power of each element.

use super::elementwise::{Unary, unary_fields};
use super::gradient::conj;
use super::number::{Float, Part};
use crate::device::cpu::elementary;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use num_complex::Complex;

pub(crate) static EXP: OpEntry = OpEntry {
    def: OpDef {
        signature: "Exp(x:T) -> (y:T)",
        attrs: "T:type{bfloat16,half,float,double,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &unary_fields::<Exp>(),
};

struct Exp;

impl<T: Float> Unary<T> for Exp {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        x.lift(elementary::exp, f64::exp)
    }
}

impl<P: Part> Unary<Complex<P>> for Exp {
    type Out = Complex<P>;
    #[inline(always)]
    fn apply(x: Complex<P>) -> Complex<P> {
        x.exp()
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.after_grad();
    let (g, y) = (ctx.grad(0).in_scope(s), conj(ctx.output(0).in_scope(s)));
    dense([Some(g * y)])
}

impl<'g> Scope<'g> {
    /// e to the power of each element (op `Exp`).
    #[track_caller]
    pub fn exp(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("Exp").input(x).out()
    }
}

impl<'g> Output<'g> {
    /// e to the power of each element (op `Exp`).
    #[track_caller]
    pub fn exp(self) -> Output<'g> {
        self.scope().exp(self)
    }
}
