//! Sinh: the hyperbolic sine of each element.

use super::elementwise::{Unary, unary_fields};
use super::gradient::conj;
use super::number::{Float, Part};
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use num_complex::Complex;

pub(crate) static SINH: OpEntry = OpEntry {
    def: OpDef {
        signature: "Sinh(x:T) -> (y:T)",
        attrs: "T:type{bfloat16,half,float,double,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &unary_fields::<Sinh>(),
};

struct Sinh;

impl<T: Float> Unary<T> for Sinh {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        x.lift(f32::sinh, f64::sinh)
    }
}

impl<P: Part> Unary<Complex<P>> for Sinh {
    type Out = Complex<P>;
    #[inline(always)]
    fn apply(x: Complex<P>) -> Complex<P> {
        x.sinh()
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.after_grad();
    let (g, x) = (ctx.grad(0).in_scope(s), conj(ctx.input(0).in_scope(s)));
    dense([Some(g * s.cosh(x))])
}

impl<'g> Scope<'g> {
    /// The hyperbolic sine (op `Sinh`).
    #[track_caller]
    pub fn sinh(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("Sinh").input(x).out()
    }
}

impl<'g> Output<'g> {
    /// The hyperbolic sine (op `Sinh`).
    #[track_caller]
    pub fn sinh(self) -> Output<'g> {
        self.scope().sinh(self)
    }
}
