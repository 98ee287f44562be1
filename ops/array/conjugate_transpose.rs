//! ConjugateTranspose: dimensions in another order, complex numbers conjugated.

use super::items::MOVABLE;
use super::transpose::{checked_perm, infer, transposed};
use crate::dtype::DType;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef};
use crate::registry::OpEntry;
use crate::tensor::Tensor;
use num_complex::Complex;

pub(crate) static CONJUGATE_TRANSPOSE: OpEntry = OpEntry {
    def: OpDef {
        signature: "ConjugateTranspose(x:T, perm:Tperm) -> (y:T)",
        attrs: "T:type; Tperm:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[KernelDef::cpu(&[("T", MOVABLE)], new)],
};

fn new(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
        let perm = checked_perm(ctx)?;
        let x = ctx.take_input(0)?;
        let y = transposed(ctx.pool(), x, &perm)?;
        ctx.set(0, conjugated(y)?)
    }))
}

fn conjugated(mut x: Tensor) -> Result<Tensor> {
    match x.dtype() {
        DType::C64 => {
            for v in x.make_mut::<Complex<f32>>()? {
                *v = v.conj();
            }
        }
        DType::C128 => {
            for v in x.make_mut::<Complex<f64>>()? {
                *v = v.conj();
            }
        }
        _ => {}
    }
    Ok(x)
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let inverse = ctx.scope.invert_permutation(ctx.input(1));
    let g = ctx.scope.conjugate_transpose(ctx.grad(0), inverse);
    dense([Some(g), None])
}

impl<'g> Scope<'g> {
    /// `x` with its dimensions in the order of `perm` and its numbers conjugated (op `ConjugateTranspose`).
    #[track_caller]
    pub fn conjugate_transpose(self, x: impl Operand<'g>, perm: impl Operand<'g>) -> Output<'g> {
        self.op("ConjugateTranspose")
            .default_name("transpose")
            .input(x)
            .input(perm)
            .out()
    }
}
