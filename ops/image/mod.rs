//! Image ops and the helpers composed from them.

mod adjust;
mod adjust_contrast;
mod adjust_contrast_v2;
mod bounding_box;
mod check;
mod contrast;
mod convert;
mod crop;
mod flip;
mod size;
mod standardize;
#[cfg(test)]
mod tests;

pub use bounding_box::BoundingBox;
pub use convert::Overflow;
pub use size::Size;

use crate::registry::OpEntry;

/// The ops of this family.
pub(crate) static OPS: &[&OpEntry] = &[
    &adjust_contrast::ADJUST_CONTRAST,
    &adjust_contrast_v2::ADJUST_CONTRAST_V2,
];
