//! Arithmetic: elementwise, comparisons, reductions.

use crate::registry::OpEntry;

/// The ops of this family.
pub(crate) static OPS: &[&OpEntry] = &[];
