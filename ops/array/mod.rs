//! Ops that make, move and inspect tensors without arithmetic.

mod broadcast_to;
mod check_numerics;
mod concat;
mod concat_offset;
mod conjugate_transpose;
mod constant;
pub(crate) mod cuda;
mod diag;
mod dynamic_partition;
mod dynamic_stitch;
mod ensure_shape;
mod expand_dims;
mod fill;
mod gather;
mod gather_nd;
mod identity;
mod identity_n;
mod invert_permutation;
pub(crate) mod items;
mod lin_space;
mod list_diff;
mod mirror_pad;
mod mirror_pad_grad;
mod one_hot;
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
mod reverse_sequence;
mod reverse_v2;
pub(crate) mod runs;
mod scatter_nd;
mod shape_n;
mod shape_op;
mod size;
mod slice;
mod sparse_to_dense;
mod split;
mod squeeze;
mod stop_gradient;
pub(crate) mod strided;
mod strided_slice;
mod tile;
mod transpose;
mod unique;
mod unpack;
mod where_op;
mod zeros;
mod zeros_like;

pub use gather::GatherOptions;
pub use mirror_pad::Mirror;
pub use one_hot::OneHot;
pub use strided_slice::{DenseSlice, Index, Masks, SliceSpec};
pub use zeros::Sizes;
pub(crate) use zeros::{number, sizes_tensor};

use crate::registry::OpEntry;

/// The ops of this family.
pub(crate) static OPS: &[&OpEntry] = &[
    &broadcast_to::BROADCAST_TO,
    &check_numerics::CHECK_NUMERICS,
    &concat::CONCAT,
    &concat::CONCAT_V2,
    &concat_offset::CONCAT_OFFSET,
    &conjugate_transpose::CONJUGATE_TRANSPOSE,
    &constant::CONST,
    &diag::DIAG,
    &diag::DIAG_PART,
    &dynamic_partition::DYNAMIC_PARTITION,
    &dynamic_stitch::DYNAMIC_STITCH,
    &ensure_shape::ENSURE_SHAPE,
    &expand_dims::EXPAND_DIMS,
    &fill::FILL,
    &gather::GATHER,
    &gather::GATHER_V2,
    &gather_nd::GATHER_ND,
    &identity::IDENTITY,
    &identity_n::IDENTITY_N,
    &invert_permutation::INVERT_PERMUTATION,
    &lin_space::LIN_SPACE,
    &list_diff::LIST_DIFF,
    &mirror_pad::MIRROR_PAD,
    &mirror_pad_grad::MIRROR_PAD_GRAD,
    &one_hot::ONE_HOT,
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
    &reverse_sequence::REVERSE_SEQUENCE,
    &reverse_v2::REVERSE_V2,
    &scatter_nd::SCATTER_ND,
    &shape_n::SHAPE_N,
    &shape_op::SHAPE,
    &size::SIZE,
    &slice::SLICE,
    &sparse_to_dense::SPARSE_TO_DENSE,
    &split::SPLIT,
    &split::SPLIT_V,
    &squeeze::SQUEEZE,
    &stop_gradient::STOP_GRADIENT,
    &strided_slice::STRIDED_SLICE,
    &strided_slice::STRIDED_SLICE_GRAD,
    &tile::TILE,
    &transpose::TRANSPOSE,
    &unique::UNIQUE,
    &unique::UNIQUE_WITH_COUNTS,
    &unpack::UNPACK,
    &where_op::WHERE,
    &zeros_like::ZEROS_LIKE,
];

#[cfg(test)]
mod bad_index_tests;
#[cfg(test)]
mod bad_input_tests;
#[cfg(test)]
mod tests;
