//! Scatter ops: some rows of a variable are replaced by, or combined with, rows of updates.

mod engine;
mod nd;
mod rows;
#[cfg(test)]
mod tests;

use crate::registry::OpEntry;

/// The scatter ops.
pub(super) static OPS: &[&OpEntry] = &[
    &nd::SCATTER_ND_UPDATE,
    &nd::SCATTER_ND_ADD,
    &nd::SCATTER_ND_SUB,
    &nd::RESOURCE_SCATTER_ND_UPDATE,
    &nd::RESOURCE_SCATTER_ND_ADD,
    &nd::RESOURCE_SCATTER_ND_SUB,
    &rows::SCATTER_UPDATE,
    &rows::SCATTER_ADD,
    &rows::SCATTER_SUB,
    &rows::SCATTER_MUL,
    &rows::SCATTER_DIV,
    &rows::SCATTER_MIN,
    &rows::SCATTER_MAX,
    &rows::RESOURCE_SCATTER_UPDATE,
    &rows::RESOURCE_SCATTER_ADD,
    &rows::RESOURCE_SCATTER_SUB,
    &rows::RESOURCE_SCATTER_MUL,
    &rows::RESOURCE_SCATTER_DIV,
    &rows::RESOURCE_SCATTER_MIN,
    &rows::RESOURCE_SCATTER_MAX,
];

pub(super) use engine::over_rows;
pub(super) use rows::rows_of;
