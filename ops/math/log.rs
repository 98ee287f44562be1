//! Log: the natural logarithm of each element.

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

pub(crate) static LOG: OpEntry = OpEntry {
    def: OpDef {
        signature: "Log(x:T) -> (y:T)",
        attrs: "T:type{bfloat16,half,float,double,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &unary_fields::<Log>(),
};

struct Log;

impl<T: Float> Unary<T> for Log {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        x.lift(elementary::ln, f64::ln)
    }
}

impl<P: Part> Unary<Complex<P>> for Log {
    type Out = Complex<P>;
    #[inline(always)]
    fn apply(x: Complex<P>) -> Complex<P> {
        x.ln()
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.after_grad();
    let (g, x) = (ctx.grad(0).in_scope(s), conj(ctx.input(0).in_scope(s)));
    dense([Some(g * s.reciprocal(x))])
}

impl<'g> Scope<'g> {
    /// The natural logarithm (op `Log`).
    #[track_caller]
    pub fn log(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("Log").input(x).out()
    }
}

impl<'g> Output<'g> {
    /// The natural logarithm (op `Log`).
    #[track_caller]
    pub fn log(self) -> Output<'g> {
        self.scope().log(self)
    }
}
