//! Case, StatelessCase: one of several functions called, the last one when the index fits none.

use super::{forward, inline};
use crate::grad::Grad;
use crate::op::{Flags, OpDef};
use crate::registry::OpEntry;

pub(crate) static CASE: OpEntry = OpEntry {
    def: OpDef {
        signature: "Case(branch_index:int32, input:Tin) -> (output:Tout)",
        attrs: "Tin:list(type)>=0; Tout:list(type)>=0; branches:list(func)>=1; output_shapes:list(shape)=[]",
        flags: Flags::STATEFUL,
        infer: forward::output_shapes,
    },
    grad: Grad::Inline(inline::inline),
    kernels: &[],
};

pub(crate) static STATELESS_CASE: OpEntry = OpEntry {
    def: OpDef {
        signature: "StatelessCase(branch_index:int32, input:Tin) -> (output:Tout)",
        attrs: "Tin:list(type)>=0; Tout:list(type)>=0; branches:list(func)>=1; output_shapes:list(shape)=[]",
        flags: Flags::PURE,
        infer: forward::output_shapes,
    },
    grad: Grad::Inline(inline::inline),
    kernels: &[],
};
