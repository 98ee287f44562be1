//! PartitionedCall, StatefulPartitionedCall: a function called. The session compiles the call away.

use super::inline;
use crate::grad::Grad;
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static PARTITIONED_CALL: OpEntry = OpEntry {
    def: OpDef {
        signature: "PartitionedCall(args:Tin) -> (output:Tout)",
        attrs: "Tin:list(type)>=0; Tout:list(type)>=0; f:func; config:string=\"\"; config_proto:string=\"\"; executor_type:string=\"\"",
        flags: Flags::PURE,
        infer: infer::unknown,
    },
    grad: Grad::Inline(inline::inline),
    kernels: &[],
};

pub(crate) static STATEFUL_PARTITIONED_CALL: OpEntry = OpEntry {
    def: OpDef {
        signature: "StatefulPartitionedCall(args:Tin) -> (output:Tout)",
        attrs: "Tin:list(type)>=0; Tout:list(type)>=0; f:func; config:string=\"\"; config_proto:string=\"\"; executor_type:string=\"\"",
        flags: Flags::STATEFUL,
        infer: infer::unknown,
    },
    grad: Grad::Inline(inline::inline),
    kernels: &[],
};
