//! ZerosLike: zeros (false, empty strings) of the input's shape and type.

use super::cuda;
use super::zeros::filled_constant;
use super::zeros::number;
use crate::dtype::{DType, sets::PODS_AND_STRING};
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use crate::tensor::Tensor;

pub(crate) static ZEROS_LIKE: OpEntry = OpEntry {
    def: OpDef {
        signature: "ZerosLike(x:T) -> (y:T)",
        attrs: "T:type",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[("T", PODS_AND_STRING)], new),
        KernelDef::cpu(&[("T", &[DType::Variant])], |_| {
            Ok(AnyKernel::new(crate::ops::list::arithmetic::zeros_like))
        }),
        KernelDef::gpu(&[("T", cuda::ON_GPU)], new),
        KernelDef::gpu_host(&[("T", cuda::INT32)], &["x", "y"], new),
    ],
};

fn new(_: &KernelInit<'_>) -> crate::Result<AnyKernel> {
    Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
        let (dtype, shape) = (ctx.input(0)?.dtype(), ctx.input(0)?.shape().clone());
        if !dtype.is_pod() {
            return ctx.set(0, Tensor::zeros(dtype, shape)?);
        }
        if let Some(gpu) = ctx.input(0)?.gpu().cloned() {
            return ctx.set(0, cuda::filled(&gpu, shape, &number(dtype, 0)?)?);
        }
        let (mut y, _) = ctx.forward_or_alloc(&[0], dtype, &shape)?;
        y.bytes_mut()?.fill(0);
        ctx.set(0, y)
    }))
}

impl<'g> Scope<'g> {
    /// Zeros of the shape and type of `x`: a constant where the shape is known, else op `ZerosLike`.
    #[track_caller]
    pub fn zeros_like(self, x: impl Operand<'g>) -> Output<'g> {
        let x = x.operand(self, None);
        if x.is_valid()
            && let Some(shape) = x.shape().to_shape()
            && let Some(zeros) = filled_constant(self, "zeros_like", x.dtype(), &shape, 0)
        {
            return zeros;
        }
        self.op("ZerosLike")
            .default_name("zeros_like")
            .input(x)
            .out()
    }
}

impl<'g> Output<'g> {
    /// Zeros of this shape and type (see [`Scope::zeros_like`]).
    #[track_caller]
    pub fn zeros_like(self) -> Output<'g> {
        self.scope().zeros_like(self)
    }
}
