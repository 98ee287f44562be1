//! Neural-network ops.

pub mod compute;
pub mod conv2d;
pub mod conv2d_backprop_filter;
pub mod conv2d_backprop_input;
pub mod conv_attrs;
pub mod conv_geometry;
#[cfg(test)]
mod conv_tests;
pub mod direct_conv;
pub mod direct_conv_grad;
pub(crate) mod forwarding;
pub(crate) mod layout;
pub mod max_pool;
pub mod max_pool_grad;
pub mod max_pool_grad_grad;
pub mod max_pool_grad_grad_v2;
pub mod max_pool_grad_v2;
pub mod max_pool_grad_with_argmax;
pub mod max_pool_v2;
pub mod max_pool_with_argmax;
pub mod pool_attrs;
pub mod pool_element;
pub mod unfold;
pub mod window;

use crate::registry::OpEntry;

/// The ops of this family.
pub(crate) static OPS: &[&OpEntry] = &[
    &conv2d::CONV2D,
    &conv2d_backprop_filter::CONV2D_BACKPROP_FILTER,
    &conv2d_backprop_input::CONV2D_BACKPROP_INPUT,
    &max_pool::MAX_POOL,
    &max_pool_grad::MAX_POOL_GRAD,
    &max_pool_grad_grad::MAX_POOL_GRAD_GRAD,
    &max_pool_grad_grad_v2::MAX_POOL_GRAD_GRAD_V2,
    &max_pool_grad_v2::MAX_POOL_GRAD_V2,
    &max_pool_grad_with_argmax::MAX_POOL_GRAD_WITH_ARGMAX,
    &max_pool_v2::MAX_POOL_V2,
    &max_pool_with_argmax::MAX_POOL_WITH_ARGMAX,
];
