//! Cos: the cosine of each element.

use super::elementwise::{Unary, unary_fields};
use super::gradient::conj;
use super::number::{Float, Part};
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use num_complex::Complex;

pub(crate) static COS: OpEntry = OpEntry {
    def: OpDef {
        signature: "Cos(x:T) -> (y:T)",
        attrs: "T:type{bfloat16,half,float,double,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &unary_fields::<Cos>(),
};

struct Cos;

impl<T: Float> Unary<T> for Cos {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        x.lift(f32::cos, f64::cos)
    }
}

impl<P: Part> Unary<Complex<P>> for Cos {
    type Out = Complex<P>;
    #[inline(always)]
    fn apply(x: Complex<P>) -> Complex<P> {
        x.cos()
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.after_grad();
    let (g, x) = (ctx.grad(0).in_scope(s), conj(ctx.input(0).in_scope(s)));
    dense([Some(-g * s.sin(x))])
}

impl<'g> Scope<'g> {
    /// The cosine (op `Cos`).
    #[track_caller]
    pub fn cos(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("Cos").input(x).out()
    }
}

impl<'g> Output<'g> {
    /// The cosine (op `Cos`).
    #[track_caller]
    pub fn cos(self) -> Output<'g> {
        self.scope().cos(self)
    }
}
