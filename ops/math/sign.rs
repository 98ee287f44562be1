//! Sign: -1, 0 or 1 for each element; a complex one is divided by its absolute value.

use super::elementwise::{Unary, unary_signed_fields};
use super::number::{Number, Signed};
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use half::{bf16, f16};
use num_complex::Complex;

pub(crate) static SIGN: OpEntry = OpEntry {
    def: OpDef {
        signature: "Sign(x:T) -> (y:T)",
        attrs: "T:type{bfloat16,half,float,double,int8,int16,int32,int64,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &unary_signed_fields::<Sign>(),
};

struct Sign;

/// A number that points somewhere.
trait Direction: Signed {
    fn direction(self) -> Self;
}

macro_rules! directions {
    ($($t:ty),*) => { $(
        impl Direction for $t {
            #[inline(always)]
            fn direction(self) -> $t {
                if self > <$t>::ZERO {
                    <$t>::ONE
                } else if self < <$t>::ZERO {
                    <$t>::ONE.negated()
                } else if self == <$t>::ZERO {
                    // Also of minus zero.
                    <$t>::ZERO
                } else {
                    self
                }
            }
        }
    )* };
}
directions!(f32, f64, f16, bf16, i8, i16, i32, i64);

macro_rules! complex_directions {
    ($($t:ty),*) => { $(
        impl Direction for Complex<$t> {
            #[inline(always)]
            fn direction(self) -> Self {
                if self == Self::ZERO { self } else { self / self.norm() }
            }
        }
    )* };
}
complex_directions!(f32, f64);

impl<T: Direction> Unary<T> for Sign {
    type Out = T;
    #[inline(always)]
    fn apply(x: T) -> T {
        x.direction()
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let zeros = ctx.scope.op("ZerosLike").name("zeros_like");
    dense([Some(zeros.input(ctx.input(0)).out())])
}

impl<'g> Scope<'g> {
    /// -1, 0 or 1 for each element (op `Sign`).
    #[track_caller]
    pub fn sign(self, x: impl Operand<'g>) -> Output<'g> {
        self.op("Sign").input(x).out()
    }
}

impl<'g> Output<'g> {
    /// -1, 0 or 1 for each element (op `Sign`).
    #[track_caller]
    pub fn sign(self) -> Output<'g> {
        self.scope().sign(self)
    }
}
