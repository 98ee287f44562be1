//! Ops that make, move and inspect tensors without arithmetic.

mod constant;
mod identity;
mod placeholder;

use crate::registry::OpEntry;

/// The ops of this family.
pub(crate) static OPS: &[&OpEntry] = &[
    &constant::CONST,
    &identity::IDENTITY,
    &placeholder::PLACEHOLDER,
];
