//! Ops that make, move and inspect tensors without arithmetic.

mod concat;
mod concat_offset;
mod conjugate_transpose;
mod constant;
mod expand_dims;
mod fill;
mod identity;
mod identity_n;
mod invert_permutation;
pub(crate) mod items;
mod ones_like;
mod pack;
mod pad;
mod placeholder;
mod placeholder_v2;
mod placeholder_with_default;
mod prevent_gradient;
mod range;
mod rank;
mod reshape;
mod reverse;
mod reverse_v2;
pub(crate) mod runs;
mod shape_n;
mod shape_op;
mod size;
mod slice;
mod split;
mod squeeze;
mod stop_gradient;
pub(crate) mod strided;
mod strided_slice;
mod tile;
mod transpose;
mod unpack;
mod zeros;
mod zeros_like;

pub(crate) use concat::joined;
pub(crate) use pack::stacked;
pub use strided_slice::{DenseSlice, Index, Masks, SliceSpec};
pub(crate) use transpose::transposed;
pub use zeros::Sizes;
pub(crate) use zeros::number;

use crate::registry::OpEntry;

/// The ops of this family.
pub(crate) static OPS: &[&OpEntry] = &[
    &concat::CONCAT,
    &concat::CONCAT_V2,
    &concat_offset::CONCAT_OFFSET,
    &conjugate_transpose::CONJUGATE_TRANSPOSE,
    &constant::CONST,
    &expand_dims::EXPAND_DIMS,
    &fill::FILL,
    &identity::IDENTITY,
    &identity_n::IDENTITY_N,
    &invert_permutation::INVERT_PERMUTATION,
    &ones_like::ONES_LIKE,
    &pack::PACK,
    &pad::PAD,
    &pad::PAD_V2,
    &placeholder::PLACEHOLDER,
    &placeholder_v2::PLACEHOLDER_V2,
    &placeholder_with_default::PLACEHOLDER_WITH_DEFAULT,
    &prevent_gradient::PREVENT_GRADIENT,
    &range::RANGE,
    &rank::RANK,
    &reshape::RESHAPE,
    &reverse::REVERSE,
    &reverse_v2::REVERSE_V2,
    &shape_n::SHAPE_N,
    &shape_op::SHAPE,
    &size::SIZE,
    &slice::SLICE,
    &split::SPLIT,
    &split::SPLIT_V,
    &squeeze::SQUEEZE,
    &stop_gradient::STOP_GRADIENT,
    &strided_slice::STRIDED_SLICE,
    &strided_slice::STRIDED_SLICE_GRAD,
    &tile::TILE,
    &transpose::TRANSPOSE,
    &unpack::UNPACK,
    &zeros_like::ZEROS_LIKE,
];

#[cfg(test)]
mod tests;
