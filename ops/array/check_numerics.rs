//! CheckNumerics: passes its input through, or fails when it holds NaN or infinities.

use crate::dtype::{DType, Element};
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use half::{bf16, f16};

pub(crate) static CHECK_NUMERICS: OpEntry = OpEntry {
    def: OpDef {
        signature: "CheckNumerics(tensor:T) -> (output:T)",
        attrs: "T:type{bfloat16,half,float,double}; message:string",
        flags: Flags::STATEFUL,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", &[DType::F32])], |i| {
            new(i, f32::is_nan, f32::is_infinite)
        }),
        KernelDef::cpu(&[("T", &[DType::F64])], |i| {
            new(i, f64::is_nan, f64::is_infinite)
        }),
        KernelDef::cpu(&[("T", &[DType::F16])], |i| {
            new(i, f16::is_nan, f16::is_infinite)
        }),
        KernelDef::cpu(&[("T", &[DType::BF16])], |i| {
            new(i, bf16::is_nan, bf16::is_infinite)
        }),
    ],
};

fn new<T: Element>(
    init: &KernelInit<'_>,
    is_nan: fn(T) -> bool,
    is_infinite: fn(T) -> bool,
) -> Result<AnyKernel> {
    let message = String::from_utf8_lossy(init.attrs.bytes("message")?).into_owned();
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let data = ctx.data::<T>(0)?;
        let nan = data.iter().any(|v| is_nan(*v));
        let infinite = data.iter().any(|v| is_infinite(*v));
        let found = match (nan, infinite) {
            (true, true) => "Inf and NaN",
            (true, false) => "NaN",
            (false, true) => "Inf",
            (false, false) => {
                let x = ctx.take_input(0)?;
                return ctx.set(0, x);
            }
        };
        Err(Error::invalid_argument(format!(
            "{message} : Tensor had {found} values"
        )))
    }))
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let message = String::from_utf8_lossy(ctx.attrs().bytes("message")?).into_owned();
    let text =
        format!("Not a number (NaN) or infinity (Inf) values detected in gradient. {message}");
    dense([Some(ctx.scope.check_numerics(ctx.grad(0), &text))])
}

impl<'g> Scope<'g> {
    /// `x`, or an error with that message when it holds NaN or infinities (op `CheckNumerics`).
    #[track_caller]
    pub fn check_numerics(self, x: impl Operand<'g>, message: &str) -> Output<'g> {
        self.op("CheckNumerics")
            .input(x)
            .attr("message", message)
            .out()
    }
}
