//! Variables and what changes them.

pub(crate) mod apply;
mod assign;
mod assign_update;
mod count_up_to;
mod elementwise;
mod guard;
mod handle;
mod initialization;
mod initializer;
mod is_initialized;
mod make;
mod number;
mod resource_gather;
mod scatter;
mod temporary_variable;
#[cfg(test)]
mod tests;
mod var_handle;
mod variable;
mod variable_v2;

pub use initializer::{Fan, Initializer, Spread, VarianceScaling, init};
pub use make::VariableOptions;
pub(crate) use make::{Initial, Name};
pub use variable::Variable;

use crate::registry::OpEntry;

/// The ops of this family but for the scatter and apply ops, which have lists of their own.
pub(crate) static OPS: &[&OpEntry] = &[
    &assign::ASSIGN,
    &assign_update::ASSIGN_ADD,
    &assign_update::ASSIGN_SUB,
    &assign_update::ASSIGN_ADD_VARIABLE,
    &assign_update::ASSIGN_SUB_VARIABLE,
    &count_up_to::COUNT_UP_TO,
    &count_up_to::RESOURCE_COUNT_UP_TO,
    &is_initialized::IS_VARIABLE_INITIALIZED,
    &is_initialized::VAR_IS_INITIALIZED_OP,
    &resource_gather::RESOURCE_GATHER,
    &resource_gather::RESOURCE_GATHER_ND,
    &temporary_variable::TEMPORARY_VARIABLE,
    &temporary_variable::DESTROY_TEMPORARY_VARIABLE,
    &var_handle::VAR_HANDLE_OP,
    &var_handle::READ_VARIABLE_OP,
    &var_handle::ASSIGN_VARIABLE_OP,
    &var_handle::VARIABLE_SHAPE,
    &var_handle::DESTROY_RESOURCE_OP,
    &var_handle::DISABLE_COPY_ON_READ,
    &variable_v2::VARIABLE,
    &variable_v2::VARIABLE_V2,
];
/// The ops that change rows of a variable.
pub(crate) static SCATTER_OPS: &[&OpEntry] = scatter::OPS;
/// The update rules of optimizers.
pub(crate) static APPLY_OPS: &[&OpEntry] = apply::OPS;
