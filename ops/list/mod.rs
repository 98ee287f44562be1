//! Lists of tensors, held in variants: what the loops of TensorFlow 2 collect their results in.

pub(crate) mod arithmetic;
mod concat;
mod create;
pub(crate) mod engine;
mod gather;
mod items;
#[cfg(test)]
mod tests;
mod whole;

use crate::registry::OpEntry;

/// The ops of this family.
pub(crate) static OPS: &[&OpEntry] = &[
    &concat::TENSOR_LIST_CONCAT,
    &concat::TENSOR_LIST_CONCAT_V2,
    &concat::TENSOR_LIST_SPLIT,
    &create::EMPTY_TENSOR_LIST,
    &create::TENSOR_LIST_FROM_TENSOR,
    &create::TENSOR_LIST_RESERVE,
    &gather::TENSOR_LIST_GATHER,
    &gather::TENSOR_LIST_SCATTER,
    &gather::TENSOR_LIST_SCATTER_INTO_EXISTING_LIST,
    &gather::TENSOR_LIST_SCATTER_V2,
    &items::TENSOR_LIST_GET_ITEM,
    &items::TENSOR_LIST_POP_BACK,
    &items::TENSOR_LIST_PUSH_BACK,
    &items::TENSOR_LIST_PUSH_BACK_BATCH,
    &items::TENSOR_LIST_SET_ITEM,
    &whole::TENSOR_LIST_CONCAT_LISTS,
    &whole::TENSOR_LIST_ELEMENT_SHAPE,
    &whole::TENSOR_LIST_LENGTH,
    &whole::TENSOR_LIST_RESIZE,
    &whole::TENSOR_LIST_STACK,
];
