//! Summaries for event files.

mod audio;
mod histogram;
mod image;
mod merge;
mod names;
mod scalar;
mod tensor;
#[cfg(test)]
mod tests;
mod values;

use crate::registry::OpEntry;

/// The ops of this family.
pub(crate) static OPS: &[&OpEntry] = &[
    &audio::AUDIO_SUMMARY,
    &audio::AUDIO_SUMMARY_V2,
    &histogram::HISTOGRAM_SUMMARY,
    &image::IMAGE_SUMMARY,
    &merge::MERGE_SUMMARY,
    &scalar::SCALAR_SUMMARY,
    &tensor::TENSOR_SUMMARY,
    &tensor::TENSOR_SUMMARY_V2,
];
