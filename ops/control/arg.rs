//! _Arg: stands for an argument within the body of a function.

use crate::grad::Grad;
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static ARG: OpEntry = OpEntry {
    def: OpDef {
        signature: "_Arg() -> (output:T)",
        attrs: "T:type; index:int>=0",
        flags: Flags::STATEFUL,
        infer: infer::unknown,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[],
};
