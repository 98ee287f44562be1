//! Atan: the angle whose tangent is each element.

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

pub(crate) static ATAN: OpEntry = OpEntry {
    def: OpDef {
        signature: "Atan(x:T) -> (y:T)",
        attrs: "T:type{bfloat16,half,float,double,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &unary_fields::<Atan>(),
};

struct Atan;

impl<T: Float> Unary<T> for Atan {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        x.lift(f32::atan, f64::atan)
    }
}

impl<P: Part> Unary<Complex<P>> for Atan {
    type Out = Complex<P>;
    #[inline(always)]
    fn apply(x: Complex<P>) -> Complex<P> {
        inverse::complex_atan(x)
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.after_grad();
    let (g, x) = (ctx.grad(0).in_scope(s), conj(ctx.input(0).in_scope(s)));
    let square = s.square(x);
    let one = 1.0f64.operand(s, Some(g.dtype()));
    let inverse = s.reciprocal(s.add(one, square));
    dense([Some(g * inverse)])
}

impl<'g> Scope<'g> {
    /// The angle whose tangent is given (op `Atan`).
    #[track_caller]
    pub fn atan(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("Atan").input(x).out()
    }
}

impl<'g> Output<'g> {
    /// The angle whose tangent is given (op `Atan`).
    #[track_caller]
    pub fn atan(self) -> Output<'g> {
        self.scope().atan(self)
    }
}
