//! Control flow and ordering: NoOp, Switch, Merge, Assert, Print.

mod abort;
mod arg;
mod assert;
mod case;
mod cond;
mod control_trigger;
mod enter;
mod exit;
mod forward;
mod if_op;
mod inline;
mod loop_cond;
mod merge;
mod next_iteration;
mod no_op;
mod order;
mod partitioned_call;
mod print;
mod ref_identity;
mod ref_select;
mod switch;
mod switch_n;
#[cfg(test)]
mod tests;
mod to_bool;
mod transfer;
mod while_loop;
mod while_op;

pub use assert::AssertData;
pub use cond::Branch;
pub use enter::EnterOptions;
pub use print::PrintOptions;
pub use while_loop::{Iterations, LoopVars, WhileOptions};

use crate::registry::OpEntry;

/// The ops of this family.
pub(crate) static OPS: &[&OpEntry] = &[
    &abort::ABORT,
    &arg::ARG,
    &assert::ASSERT,
    &case::CASE,
    &case::STATELESS_CASE,
    &control_trigger::CONTROL_TRIGGER,
    &enter::ENTER,
    &enter::REF_ENTER,
    &exit::EXIT,
    &exit::REF_EXIT,
    &if_op::IF,
    &if_op::STATELESS_IF,
    &loop_cond::LOOP_COND,
    &merge::MERGE,
    &merge::REF_MERGE,
    &next_iteration::NEXT_ITERATION,
    &next_iteration::REF_NEXT_ITERATION,
    &no_op::NO_OP,
    &partitioned_call::PARTITIONED_CALL,
    &partitioned_call::STATEFUL_PARTITIONED_CALL,
    &print::PRINT,
    &ref_identity::REF_IDENTITY,
    &ref_select::REF_SELECT,
    &switch::REF_SWITCH,
    &switch::SWITCH,
    &switch_n::SWITCH_N,
    &to_bool::TO_BOOL,
    &transfer::HOST_RECV,
    &transfer::HOST_SEND,
    &transfer::RECV,
    &transfer::SEND,
    &while_op::STATELESS_WHILE,
    &while_op::WHILE,
];
