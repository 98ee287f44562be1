//! Erfc: one minus the error function of each element.

use super::elementwise::{Unary, unary_floats};
use super::gradient::conj;
use super::number::Float;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static ERFC: OpEntry = OpEntry {
    def: OpDef {
        signature: "Erfc(x:T) -> (y:T)",
        attrs: "T:type{bfloat16,half,float,double}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &unary_floats::<Erfc>(),
};

struct Erfc;

impl<T: Float> Unary<T> for Erfc {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        x.lift(libm::erfcf, libm::erfc)
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let scale = (-std::f64::consts::FRAC_2_SQRT_PI).operand(ctx.scope, Some(ctx.input(0).dtype()));
    let s = ctx.after_grad();
    let (g, x) = (ctx.grad(0).in_scope(s), conj(ctx.input(0).in_scope(s)));
    dense([Some(g * scale * s.exp(-s.square(x)))])
}

impl<'g> Scope<'g> {
    /// One minus the error function (op `Erfc`).
    #[track_caller]
    pub fn erfc(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("Erfc").input(x).out()
    }
}

impl<'g> Output<'g> {
    /// One minus the error function (op `Erfc`).
    #[track_caller]
    pub fn erfc(self) -> Output<'g> {
        self.scope().erfc(self)
    }
}
