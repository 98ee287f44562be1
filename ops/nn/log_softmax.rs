//! LogSoftmax: the logarithm of Softmax, without its loss of digits.

use super::cuda;
use super::rows::{RowElement, log_softmax};
use super::softmax::{by_rows, infer};
use crate::dtype::{DType, sets::FLOATS};
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit};
use crate::op::{Flags, OpDef};
use crate::registry::OpEntry;
use half::{bf16, f16};

pub(crate) static LOG_SOFTMAX: OpEntry = OpEntry {
    def: OpDef {
        signature: "LogSoftmax(logits:T) -> (logsoftmax:T)",
        attrs: "T:type{half,bfloat16,float,double}",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", &[DType::F32])], new::<f32>),
        KernelDef::cpu(&[("T", &[DType::F64])], new::<f64>),
        KernelDef::cpu(&[("T", &[DType::F16])], new::<f16>),
        KernelDef::cpu(&[("T", &[DType::BF16])], new::<bf16>),
        KernelDef::gpu(&[("T", FLOATS)], cuda::log_softmax),
    ],
};

fn new<T: RowElement>(_: &KernelInit<'_>) -> Result<AnyKernel> {
    by_rows::<T>(log_softmax)
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let g = ctx.grad(0);
    let softmax = ctx.output(0).exp();
    dense([Some(g - g.sum_of_rows() * softmax)])
}

impl<'g> Scope<'g> {
    /// x − ln Σ exp(x) along the last dimension (op `LogSoftmax`).
    #[track_caller]
    pub fn log_softmax(self, logits: impl Operand<'g>) -> Output<'g> {
        self.op("LogSoftmax").input(logits).out()
    }
}

impl<'g> Output<'g> {
    /// x − ln Σ exp(x) along the last dimension (op `LogSoftmax`).
    #[track_caller]
    pub fn log_softmax(self) -> Output<'g> {
        self.scope().log_softmax(self)
    }
}
