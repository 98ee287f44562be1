//! NoOp: does nothing, after everything that it depends on.

use crate::grad::Grad;
use crate::graph::{NodeRef, Scope};
use crate::kernel::{AnyKernel, KernelDef, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static NO_OP: OpEntry = OpEntry {
    def: OpDef {
        signature: "NoOp() -> ()",
        attrs: "",
        flags: Flags::PURE,
        infer: infer::unknown,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[], |_| {
            Ok(AnyKernel::cheap(|_: &mut OpContext<'_>| Ok(())))
        }),
        KernelDef::gpu(&[], |_| {
            Ok(AnyKernel::cheap(|_: &mut OpContext<'_>| Ok(())))
        }),
    ],
};

impl<'g> Scope<'g> {
    /// A node that runs after all of these (op `NoOp`).
    #[track_caller]
    pub fn group<N: Into<NodeRef<'g>>>(self, nodes: impl IntoIterator<Item = N>) -> NodeRef<'g> {
        let nodes: Vec<NodeRef<'g>> = nodes.into_iter().map(Into::into).collect();
        nodes
            .into_iter()
            .fold(self.op("NoOp"), |b, n| b.after(n))
            .finish()
    }
}
