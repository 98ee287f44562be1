//! Real: the real part of each element.

use super::complex::part_kernels;
use super::elementwise::Unary;
use super::number::Part;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use num_complex::Complex;

pub(crate) static REAL: OpEntry = OpEntry {
    def: OpDef {
        signature: "Real(input:T) -> (output:Tout)",
        attrs: "T:type{complex64,complex128}=complex64; Tout:type{float,double}=float",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &part_kernels::<Real>(),
};

struct Real;

impl<P: Part> Unary<Complex<P>> for Real {
    type Out = P;
    #[inline(always)]
    fn apply(x: Complex<P>) -> P {
        x.re
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let g = ctx.grad(0);
    let zero = 0.0f64.operand(ctx.scope, Some(g.dtype()));
    dense([Some(ctx.scope.complex(g, zero))])
}

impl<'g> Scope<'g> {
    /// The real part of each element (op `Real`).
    #[track_caller]
    pub fn real(self, input: impl Operand<'g>) -> Output<'g> {
        super::complex::part(self, "Real", input)
    }
}

impl<'g> Output<'g> {
    /// The real part of each element (op `Real`).
    #[track_caller]
    pub fn real(self) -> Output<'g> {
        self.scope().real(self)
    }
}
