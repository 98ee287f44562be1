//! PlaceholderV2: a placeholder of old graphs whose shape must be given.

use super::cuda;
use super::placeholder;
use crate::grad::Grad;
use crate::kernel::KernelDef;
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static PLACEHOLDER_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "PlaceholderV2() -> (output:dtype)",
        attrs: "dtype:type; shape:shape",
        flags: Flags::PURE,
        infer: infer::shape_attr,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[], placeholder::new),
        KernelDef::gpu(&[("dtype", cuda::ON_GPU)], placeholder::new),
    ],
};
