//! Image ops and the helpers composed from them.

mod adjust_contrast;
mod adjust_contrast_v2;
mod augment;
mod contrast;
#[cfg(test)]
mod tests;

use crate::registry::OpEntry;

/// The ops of this family.
pub(crate) static OPS: &[&OpEntry] = &[
    &adjust_contrast::ADJUST_CONTRAST,
    &adjust_contrast_v2::ADJUST_CONTRAST_V2,
];
