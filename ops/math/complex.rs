//! Complex: complex numbers from their real and imaginary parts.

use super::binary::{Binary, binary};
use super::elementwise::{Unary, unary};
use super::gradient::reduce_to_inputs;
use super::number::Part;
use crate::dtype::DType;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::KernelDef;
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use num_complex::Complex as Number;

pub(crate) static COMPLEX: OpEntry = OpEntry {
    def: OpDef {
        signature: "Complex(real:T, imag:T) -> (out:Tout)",
        attrs: "T:type{float,double}=float; Tout:type{complex64,complex128}=complex64",
        flags: Flags::PURE,
        infer: infer::broadcast,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(
            &[("T", &[DType::F32]), ("Tout", &[DType::C64])],
            binary::<Complex, f32>,
        ),
        KernelDef::cpu(
            &[("T", &[DType::F64]), ("Tout", &[DType::C128])],
            binary::<Complex, f64>,
        ),
    ],
};

struct Complex;

impl<P: Part> Binary<P> for Complex {
    type Out = Number<P>;
    #[inline(always)]
    fn apply(x: P, y: P) -> Number<P> {
        Number::new(x, y)
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let (s, g) = (ctx.scope, ctx.grad(0));
    let (gx, gy) = (s.real(g), s.imag(g));
    dense(reduce_to_inputs(
        s,
        [ctx.input(0), ctx.input(1)],
        [Some(gx), Some(gy)],
    ))
}

/// The kernels of a function from complex to real numbers.
pub(crate) const fn part_kernels<F>() -> [KernelDef; 2]
where
    F: Unary<Number<f32>, Out = f32> + Unary<Number<f64>, Out = f64>,
{
    [
        KernelDef::cpu(
            &[("T", &[DType::C64]), ("Tout", &[DType::F32])],
            unary::<F, Number<f32>>,
        ),
        KernelDef::cpu(
            &[("T", &[DType::C128]), ("Tout", &[DType::F64])],
            unary::<F, Number<f64>>,
        ),
    ]
}

/// A node of an op from complex to real numbers, with the output type that belongs to the input's.
#[track_caller]
pub(crate) fn part<'g>(scope: Scope<'g>, op: &'g str, x: impl Operand<'g>) -> Output<'g> {
    let builder = scope.op(op).input(x);
    let out = match builder.latest_dtype() {
        Some(DType::C128) => DType::F64,
        _ => DType::F32,
    };
    builder.attr("Tout", out).out()
}

impl<'g> Scope<'g> {
    /// Complex numbers from real and imaginary parts (op `Complex`), with broadcasting.
    #[track_caller]
    pub fn complex(self, real: impl Operand<'g>, imag: impl Operand<'g>) -> Output<'g> {
        let builder = self.op("Complex").input(real);
        let part = builder.latest_dtype();
        let builder = match part {
            Some(d) => builder.input_like(imag, d),
            None => builder.input(imag),
        };
        let out = match part {
            Some(DType::F64) => DType::C128,
            _ => DType::C64,
        };
        builder.attr("Tout", out).out()
    }
}
