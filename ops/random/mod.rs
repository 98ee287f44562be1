//! Random numbers, with TensorFlow's streams: the same seeds draw the same values.

mod builders;
mod distributions;
mod floats;
mod generator;
mod multinomial;
mod random_shuffle;
mod random_uniform_int;
#[cfg(test)]
mod tests;

pub use builders::{NormalOptions, UniformOptions};

use crate::registry::OpEntry;

/// The ops of this family.
pub(crate) static OPS: &[&OpEntry] = &[
    &floats::RANDOM_STANDARD_NORMAL,
    &floats::RANDOM_UNIFORM,
    &floats::TRUNCATED_NORMAL,
    &multinomial::MULTINOMIAL,
    &random_shuffle::RANDOM_SHUFFLE,
    &random_uniform_int::RANDOM_UNIFORM_INT,
];
