//! ComplexAbs: the absolute value of each complex number.

use super::complex::part_kernels;
use super::elementwise::Unary;
use super::number::Part;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use num_complex::Complex;

pub(crate) static COMPLEX_ABS: OpEntry = OpEntry {
    def: OpDef {
        signature: "ComplexAbs(x:T) -> (y:Tout)",
        attrs: "T:type{complex64,complex128}=complex64; Tout:type{float,double}=float",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &part_kernels::<ComplexAbs>(),
};

struct ComplexAbs;

impl<P: Part> Unary<Complex<P>> for ComplexAbs {
    type Out = P;
    #[inline(always)]
    fn apply(x: Complex<P>) -> P {
        x.norm()
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let (s, g, y) = (ctx.scope, ctx.grad(0), ctx.output(0));
    let zeros = |like| s.op("ZerosLike").name("zeros_like").input(like).out();
    let product = s.complex(g, zeros(g)) * ctx.input(0);
    dense([Some(s.div_no_nan(product, s.complex(y, zeros(y))))])
}

impl<'g> Scope<'g> {
    /// The absolute value of each complex number (op `ComplexAbs`).
    #[track_caller]
    pub fn complex_abs(self, x: impl Operand<'g>) -> Output<'g> {
        super::complex::part(self, "ComplexAbs", x)
    }
}

impl<'g> Output<'g> {
    /// The absolute value of each complex number (op `ComplexAbs`).
    #[track_caller]
    pub fn complex_abs(self) -> Output<'g> {
        self.scope().complex_abs(self)
    }
}
