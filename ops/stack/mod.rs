//! Stacks: what forward loops keep for their backward loops, for the length of a step.

mod close;
mod create;
mod pop;
mod push;
#[cfg(test)]
mod tests;

use crate::registry::OpEntry;

/// The ops of this family.
pub(crate) static OPS: &[&OpEntry] = &[
    &close::STACK_CLOSE_V2,
    &create::STACK_V2,
    &pop::STACK_POP_V2,
    &push::STACK_PUSH_V2,
];
