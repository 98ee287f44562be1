//! Random numbers, with TensorFlow's streams: the same seeds draw the same values.

mod builders;
mod distributions;
mod floats;
mod generator;
mod multinomial;
mod parameterized_truncated_normal;
mod per_parameter;
mod random_crop;
mod random_gamma;
mod random_gamma_grad;
mod random_poisson;
mod random_shuffle;
mod random_uniform_int;
mod stateless;
mod stateless_floats;
mod stateless_ints;
mod stateless_key;
#[cfg(test)]
mod tests;

pub use builders::{NormalOptions, UniformOptions};
pub use parameterized_truncated_normal::TruncatedNormalParameters;

use crate::registry::OpEntry;

/// The ops of this family.
pub(crate) static OPS: &[&OpEntry] = &[
    &floats::RANDOM_STANDARD_NORMAL,
    &floats::RANDOM_UNIFORM,
    &floats::TRUNCATED_NORMAL,
    &multinomial::MULTINOMIAL,
    &multinomial::STATELESS_MULTINOMIAL,
    &parameterized_truncated_normal::PARAMETERIZED_TRUNCATED_NORMAL,
    &random_crop::RANDOM_CROP,
    &random_gamma::RANDOM_GAMMA,
    &random_gamma::STATELESS_GAMMA_V2,
    &random_gamma::STATELESS_GAMMA_V3,
    &random_gamma_grad::RANDOM_GAMMA_GRAD,
    &random_poisson::RANDOM_POISSON,
    &random_poisson::RANDOM_POISSON_V2,
    &random_poisson::STATELESS_POISSON,
    &random_shuffle::RANDOM_SHUFFLE,
    &random_shuffle::STATELESS_SHUFFLE,
    &random_uniform_int::RANDOM_UNIFORM_INT,
    &stateless_floats::STATELESS_NORMAL,
    &stateless_floats::STATELESS_NORMAL_V2,
    &stateless_floats::STATELESS_TRUNCATED_NORMAL,
    &stateless_floats::STATELESS_TRUNCATED_NORMAL_V2,
    &stateless_floats::STATELESS_UNIFORM,
    &stateless_floats::STATELESS_UNIFORM_V2,
    &stateless_ints::STATELESS_FULL_INT,
    &stateless_ints::STATELESS_FULL_INT_V2,
    &stateless_ints::STATELESS_UNIFORM_INT,
    &stateless_ints::STATELESS_UNIFORM_INT_V2,
    &stateless_key::GET_ALG,
    &stateless_key::GET_KEY_COUNTER,
    &stateless_key::GET_KEY_COUNTER_ALG,
];
