//! If, StatelessIf: one of two functions called. The session compiles them to Switch and Merge.

use super::{forward, inline};
use crate::grad::Grad;
use crate::op::{Flags, OpDef};
use crate::registry::OpEntry;

pub(crate) static IF: OpEntry = OpEntry {
    def: OpDef {
        signature: "If(cond:Tcond, input:Tin) -> (output:Tout)",
        attrs: "Tcond:type; Tin:list(type)>=0; Tout:list(type)>=0; then_branch:func; else_branch:func; output_shapes:list(shape)=[]",
        flags: Flags::STATEFUL,
        infer: forward::output_shapes,
    },
    grad: Grad::Inline(inline::inline),
    kernels: &[],
};

pub(crate) static STATELESS_IF: OpEntry = OpEntry {
    def: OpDef {
        signature: "StatelessIf(cond:Tcond, input:Tin) -> (output:Tout)",
        attrs: "Tcond:type; Tin:list(type)>=0; Tout:list(type)>=0; then_branch:func; else_branch:func; output_shapes:list(shape)=[]",
        flags: Flags::PURE,
        infer: forward::output_shapes,
    },
    grad: Grad::Inline(inline::inline),
    kernels: &[],
};
