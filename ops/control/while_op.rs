//! While, StatelessWhile: a function called as long as another one says so. The session compiles them to a loop.

use super::{forward, inline};
use crate::grad::Grad;
use crate::op::{Flags, OpDef};
use crate::registry::OpEntry;

pub(crate) static WHILE: OpEntry = OpEntry {
    def: OpDef {
        signature: "While(input:T) -> (output:T)",
        attrs: "T:list(type)>=0; cond:func; body:func; output_shapes:list(shape)=[]; parallel_iterations:int=10",
        flags: Flags::STATEFUL,
        infer: forward::output_shapes,
    },
    grad: Grad::Inline(inline::inline),
    kernels: &[],
};

pub(crate) static STATELESS_WHILE: OpEntry = OpEntry {
    def: OpDef {
        signature: "StatelessWhile(input:T) -> (output:T)",
        attrs: "T:list(type)>=0; cond:func; body:func; output_shapes:list(shape)=[]; parallel_iterations:int=10",
        flags: Flags::PURE,
        infer: forward::output_shapes,
    },
    grad: Grad::Inline(inline::inline),
    kernels: &[],
};
