//! Identity: passes its input through.

use super::cuda;
use super::stop_gradient::pass;
use crate::dtype::DType;
use crate::grad::{Grad, GradCtx, InputGradients};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::KernelDef;
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static IDENTITY: OpEntry = OpEntry {
    def: OpDef {
        signature: "Identity(input:T) -> (output:T)",
        attrs: "T:type",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[], pass),
        KernelDef::gpu(&[("T", cuda::ON_GPU)], pass),
        KernelDef::gpu_host(&[("T", cuda::INT32)], &["input", "output"], pass),
        KernelDef::gpu_host(
            &[("T", &[DType::Resource, DType::Variant, DType::String])],
            &["input", "output"],
            pass,
        ),
    ],
};

fn grad<'g>(ctx: &GradCtx<'g>) -> crate::Result<InputGradients<'g>> {
    Ok(vec![ctx.grads[0]])
}

impl<'g> Scope<'g> {
    /// The same tensor under another name (op `Identity`).
    ///
    /// ```
    /// let g = tensorloom::Graph::new();
    /// let x = g.root().constant([1.0f32, 2.0]);
    /// assert_eq!(g.root().named("y").identity(x).name(), "y:0");
    /// ```
    #[track_caller]
    pub fn identity(self, input: impl Operand<'g>) -> Output<'g> {
        self.op("Identity").input(input).out()
    }
}
