//! Sigmoid: 1 / (1 + exp(-x)) of each element.

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

pub(crate) static SIGMOID: OpEntry = OpEntry {
    def: OpDef {
        signature: "Sigmoid(x:T) -> (y:T)",
        attrs: "T:type{bfloat16,half,float,double,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &unary_fields::<Sigmoid>(),
};

struct Sigmoid;

impl<T: Float> Unary<T> for Sigmoid {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        x.lift(elementary::sigmoid, |x| 1.0 / (1.0 + (-x).exp()))
    }
}

impl<P: Part> Unary<Complex<P>> for Sigmoid {
    type Out = Complex<P>;
    #[inline(always)]
    fn apply(x: Complex<P>) -> Complex<P> {
        (Complex::new(P::one(), P::zero()) + (-x).exp()).inv()
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.after_grad();
    let (g, y) = (ctx.grad(0).in_scope(s), conj(ctx.output(0).in_scope(s)));
    dense([Some(s.sigmoid_grad(y, g))])
}

impl<'g> Scope<'g> {
    /// 1 / (1 + exp(-x)) (op `Sigmoid`).
    #[track_caller]
    pub fn sigmoid(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("Sigmoid").input(x).out()
    }
}

impl<'g> Output<'g> {
    /// 1 / (1 + exp(-x)) (op `Sigmoid`).
    #[track_caller]
    pub fn sigmoid(self) -> Output<'g> {
        self.scope().sigmoid(self)
    }
}
