//! Rank: the number of dimensions of a tensor.

use super::cuda;
use crate::dtype::DType;
use crate::error::Result;
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use crate::tensor::Tensor;

pub(crate) static RANK: OpEntry = OpEntry {
    def: OpDef {
        signature: "Rank(input:T) -> (output:int32)",
        attrs: "T:type",
        flags: Flags::PURE,
        infer: infer::scalar,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[], new),
        KernelDef::gpu_host(&[("T", cuda::ON_GPU)], &["output"], new),
        KernelDef::gpu_host(&[("T", cuda::INT32)], &["input", "output"], new),
    ],
};

fn new(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
        // A rank is at most 254.
        let rank = ctx.input(0)?.shape().rank() as i32;
        ctx.set(0, Tensor::from(rank))
    }))
}

impl<'g> Scope<'g> {
    /// The number of dimensions of `x`, an int32 scalar: a constant where it is known, else op `Rank`.
    #[track_caller]
    pub fn rank(self, x: impl Operand<'g>) -> Output<'g> {
        let x = x.operand(self, None);
        if x.is_valid()
            && let Some(rank) = x.shape().rank()
        {
            let constant = self.op("Const").default_name("Rank");
            let value = Tensor::from(rank as i32);
            return constant
                .attr("dtype", DType::I32)
                .attr("value", value)
                .out();
        }
        self.op("Rank").input(x).out()
    }
}
