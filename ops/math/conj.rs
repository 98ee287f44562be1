//! Conj: the complex conjugate of each element.

use super::elementwise::{Unary, unary_for};
use super::gradient::conj;
use super::number::Part;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use num_complex::Complex;

pub(crate) static CONJ: OpEntry = OpEntry {
    def: OpDef {
        signature: "Conj(input:T) -> (output:T)",
        attrs: "T:type{complex64,complex128,variant}=complex64",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        unary_for::<Conj, Complex<f32>>(),
        unary_for::<Conj, Complex<f64>>(),
    ],
};

struct Conj;

impl<P: Part> Unary<Complex<P>> for Conj {
    type Out = Complex<P>;
    #[inline(always)]
    fn apply(x: Complex<P>) -> Complex<P> {
        x.conj()
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    dense([Some(conj(ctx.grad(0)))])
}

impl<'g> Scope<'g> {
    /// The complex conjugate (op `Conj`); a real tensor is given back as it is.
    #[track_caller]
    pub fn conj(self, input: impl Operand<'g>) -> Output<'g> {
        if input.output().is_some() {
            let x = input.operand(self, None);
            return if x.dtype().is_complex() {
                self.op("Conj").input(x).out()
            } else {
                x
            };
        }
        self.op("Conj").input(input).out()
    }
}

impl<'g> Output<'g> {
    /// The complex conjugate (op `Conj`); a real tensor is given back as it is.
    #[track_caller]
    pub fn conj(self) -> Output<'g> {
        self.scope().conj(self)
    }
}
