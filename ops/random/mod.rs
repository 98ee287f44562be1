//! Random ops, on TensorFlow's Philox streams.

use crate::registry::OpEntry;

/// The ops of this family.
pub(crate) static OPS: &[&OpEntry] = &[];
