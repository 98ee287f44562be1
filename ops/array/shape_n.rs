//! ShapeN: the sizes of several tensors.

use super::cuda;
use super::shape_op;
use crate::dtype::{DType, sets::INDEX};
use crate::grad::Grad;
use crate::graph::{Output, Scope};
use crate::kernel::KernelDef;
use crate::op::{Flags, OpDef};
use crate::registry::OpEntry;

pub(crate) static SHAPE_N: OpEntry = OpEntry {
    def: OpDef {
        signature: "ShapeN(input:N*T) -> (output:N*out_type)",
        attrs: "N:int>=1; T:type; out_type:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer: shape_op::infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[("out_type", INDEX)], shape_op::new),
        KernelDef::gpu_host(
            &[("T", cuda::ON_GPU), ("out_type", INDEX)],
            &["output"],
            shape_op::new,
        ),
        KernelDef::gpu_host(
            &[("T", cuda::INT32), ("out_type", INDEX)],
            &["input", "output"],
            shape_op::new,
        ),
    ],
};

impl<'g> Scope<'g> {
    /// The sizes of tensors of one type, int32 vectors (op `ShapeN`).
    #[track_caller]
    pub fn shape_n(self, inputs: &[Output<'g>]) -> Vec<Output<'g>> {
        let made = self
            .op("ShapeN")
            .list(inputs.iter().copied())
            .attr("out_type", DType::I32)
            .finish();
        (0..inputs.len()).map(|i| made.output(i)).collect()
    }
}
