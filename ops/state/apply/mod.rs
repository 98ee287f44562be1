//! The update rules of optimizers: `Apply…`, `SparseApply…`, and the same on resource variables.

mod ada_max;
mod adadelta;
mod adagrad;
mod adam;
mod centered_rms_prop;
mod engine;
mod ftrl;
pub(crate) mod gradient_descent;
mod keras_momentum;
mod momentum;
mod proximal_adagrad;
mod proximal_gradient_descent;
mod rms_prop;
#[cfg(test)]
mod tests;

use crate::registry::OpEntry;

/// The update rules.
pub(super) static OPS: &[&OpEntry] = &[
    &ada_max::APPLY_ADA_MAX,
    &ada_max::RESOURCE_APPLY_ADA_MAX,
    &adadelta::APPLY_ADADELTA,
    &adadelta::RESOURCE_APPLY_ADADELTA,
    &adadelta::SPARSE_APPLY_ADADELTA,
    &adadelta::RESOURCE_SPARSE_APPLY_ADADELTA,
    &adagrad::APPLY_ADAGRAD,
    &adagrad::RESOURCE_APPLY_ADAGRAD,
    &adagrad::SPARSE_APPLY_ADAGRAD,
    &adagrad::RESOURCE_SPARSE_APPLY_ADAGRAD,
    &adagrad::APPLY_ADAGRAD_V2,
    &adagrad::RESOURCE_APPLY_ADAGRAD_V2,
    &adagrad::SPARSE_APPLY_ADAGRAD_V2,
    &adagrad::RESOURCE_SPARSE_APPLY_ADAGRAD_V2,
    &adam::APPLY_ADAM,
    &adam::RESOURCE_APPLY_ADAM,
    &centered_rms_prop::APPLY_CENTERED_RMS_PROP,
    &centered_rms_prop::RESOURCE_APPLY_CENTERED_RMS_PROP,
    &centered_rms_prop::SPARSE_APPLY_CENTERED_RMS_PROP,
    &centered_rms_prop::RESOURCE_SPARSE_APPLY_CENTERED_RMS_PROP,
    &ftrl::APPLY_FTRL,
    &ftrl::RESOURCE_APPLY_FTRL,
    &ftrl::SPARSE_APPLY_FTRL,
    &ftrl::RESOURCE_SPARSE_APPLY_FTRL,
    &ftrl::APPLY_FTRL_V2,
    &ftrl::RESOURCE_APPLY_FTRL_V2,
    &ftrl::SPARSE_APPLY_FTRL_V2,
    &ftrl::RESOURCE_SPARSE_APPLY_FTRL_V2,
    &gradient_descent::APPLY_GRADIENT_DESCENT,
    &gradient_descent::RESOURCE_APPLY_GRADIENT_DESCENT,
    &keras_momentum::RESOURCE_APPLY_KERAS_MOMENTUM,
    &keras_momentum::RESOURCE_SPARSE_APPLY_KERAS_MOMENTUM,
    &momentum::APPLY_MOMENTUM,
    &momentum::RESOURCE_APPLY_MOMENTUM,
    &momentum::SPARSE_APPLY_MOMENTUM,
    &momentum::RESOURCE_SPARSE_APPLY_MOMENTUM,
    &proximal_adagrad::APPLY_PROXIMAL_ADAGRAD,
    &proximal_adagrad::RESOURCE_APPLY_PROXIMAL_ADAGRAD,
    &proximal_adagrad::SPARSE_APPLY_PROXIMAL_ADAGRAD,
    &proximal_adagrad::RESOURCE_SPARSE_APPLY_PROXIMAL_ADAGRAD,
    &proximal_gradient_descent::APPLY_PROXIMAL_GRADIENT_DESCENT,
    &proximal_gradient_descent::RESOURCE_APPLY_PROXIMAL_GRADIENT_DESCENT,
    &proximal_gradient_descent::SPARSE_APPLY_PROXIMAL_GRADIENT_DESCENT,
    &proximal_gradient_descent::RESOURCE_SPARSE_APPLY_PROXIMAL_GRADIENT_DESCENT,
    &rms_prop::APPLY_RMS_PROP,
    &rms_prop::RESOURCE_APPLY_RMS_PROP,
    &rms_prop::SPARSE_APPLY_RMS_PROP,
    &rms_prop::RESOURCE_SPARSE_APPLY_RMS_PROP,
];
