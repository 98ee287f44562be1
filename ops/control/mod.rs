//! Control flow and ordering: NoOp, Switch, Merge, Assert, Print.

mod abort;
mod assert;
mod cond;
mod control_trigger;
mod enter;
mod exit;
mod forward;
mod loop_cond;
mod merge;
mod next_iteration;
mod no_op;
mod order;
mod print;
mod ref_identity;
mod ref_select;
mod switch;
#[cfg(test)]
mod tests;

pub use assert::AssertData;
pub use cond::Branch;
pub use enter::EnterOptions;
pub use print::PrintOptions;

use crate::registry::OpEntry;

/// The ops of this family.
pub(crate) static OPS: &[&OpEntry] = &[
    &abort::ABORT,
    &assert::ASSERT,
    &control_trigger::CONTROL_TRIGGER,
    &enter::ENTER,
    &enter::REF_ENTER,
    &exit::EXIT,
    &exit::REF_EXIT,
    &loop_cond::LOOP_COND,
    &merge::MERGE,
    &merge::REF_MERGE,
    &next_iteration::NEXT_ITERATION,
    &next_iteration::REF_NEXT_ITERATION,
    &no_op::NO_OP,
    &print::PRINT,
    &ref_identity::REF_IDENTITY,
    &ref_select::REF_SELECT,
    &switch::REF_SWITCH,
    &switch::SWITCH,
];
