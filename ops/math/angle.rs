//! Angle: the angle of each complex number, from −π to π.

use super::complex::part_kernels;
use super::elementwise::Unary;
use super::number::Part;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use num_complex::Complex;

pub(crate) static ANGLE: OpEntry = OpEntry {
    def: OpDef {
        signature: "Angle(input:T) -> (output:Tout)",
        attrs: "T:type{complex64,complex128}=complex64; Tout:type{float,double}=float",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &part_kernels::<Angle>(),
};

struct Angle;

impl<P: Part> Unary<Complex<P>> for Angle {
    type Out = P;
    #[inline(always)]
    fn apply(x: Complex<P>) -> P {
        x.arg()
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.after_grad();
    let (g, x) = (ctx.grad(0).in_scope(s), ctx.input(0).in_scope(s));
    let z = s.reciprocal(s.complex(s.imag(x), s.real(x)));
    let zero = 0.0f64.operand(s, Some(g.dtype()));
    let g = s.complex(g, zero);
    dense([Some(-g * z)])
}

impl<'g> Scope<'g> {
    /// The angle of each complex number, from −π to π (op `Angle`).
    #[track_caller]
    pub fn angle(self, input: impl Operand<'g>) -> Output<'g> {
        super::complex::part(self, "Angle", input)
    }
}

impl<'g> Output<'g> {
    /// The angle of each complex number, from −π to π (op `Angle`).
    #[track_caller]
    pub fn angle(self) -> Output<'g> {
        self.scope().angle(self)
    }
}
