//! Control flow and ordering: NoOp, Switch, Merge, Assert, Print.

mod no_op;

use crate::registry::OpEntry;

/// The ops of this family.
pub(crate) static OPS: &[&OpEntry] = &[&no_op::NO_OP];
