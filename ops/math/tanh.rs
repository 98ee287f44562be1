//! Tanh: the hyperbolic tangent of each element.

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

pub(crate) static TANH: OpEntry = OpEntry {
    def: OpDef {
        signature: "Tanh(x:T) -> (y:T)",
        attrs: "T:type{bfloat16,half,float,double,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &unary_fields::<Tanh>(),
};

struct Tanh;

impl<T: Float> Unary<T> for Tanh {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        x.lift(elementary::tanh, f64::tanh)
    }
}

impl<P: Part> Unary<Complex<P>> for Tanh {
    type Out = Complex<P>;
    #[inline(always)]
    fn apply(x: Complex<P>) -> Complex<P> {
        x.tanh()
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.after_grad();
    let (g, y) = (ctx.grad(0).in_scope(s), conj(ctx.output(0).in_scope(s)));
    dense([Some(s.tanh_grad(y, g))])
}

impl<'g> Scope<'g> {
    /// The hyperbolic tangent (op `Tanh`).
    #[track_caller]
    pub fn tanh(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("Tanh").input(x).out()
    }
}

impl<'g> Output<'g> {
    /// The hyperbolic tangent (op `Tanh`).
    #[track_caller]
    pub fn tanh(self) -> Output<'g> {
        self.scope().tanh(self)
    }
}
