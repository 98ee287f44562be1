//! Acos: the angle whose cosine is each element.

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

pub(crate) static ACOS: OpEntry = OpEntry {
    def: OpDef {
        signature: "Acos(x:T) -> (y:T)",
        attrs: "T:type{bfloat16,half,float,double,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &unary_fields::<Acos>(),
};

struct Acos;

impl<T: Float> Unary<T> for Acos {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        x.lift(f32::acos, f64::acos)
    }
}

impl<P: Part> Unary<Complex<P>> for Acos {
    type Out = Complex<P>;
    #[inline(always)]
    fn apply(x: Complex<P>) -> Complex<P> {
        inverse::complex_acos(x)
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.after_grad();
    let (g, x) = (ctx.grad(0).in_scope(s), conj(ctx.input(0).in_scope(s)));
    let square = s.square(x);
    let one = 1.0f64.operand(s, Some(g.dtype()));
    let root = s.sqrt(s.sub(one, square));
    let inverse = s.reciprocal(root);
    dense([Some(-g * inverse)])
}

impl<'g> Scope<'g> {
    /// The angle whose cosine is given (op `Acos`).
    #[track_caller]
    pub fn acos(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("Acos").input(x).out()
    }
}

impl<'g> Output<'g> {
    /// The angle whose cosine is given (op `Acos`).
    #[track_caller]
    pub fn acos(self) -> Output<'g> {
        self.scope().acos(self)
    }
}
