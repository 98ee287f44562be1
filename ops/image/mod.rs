//! Image ops and the helpers composed from them.

use crate::registry::OpEntry;

/// The ops of this family.
pub(crate) static OPS: &[&OpEntry] = &[];
