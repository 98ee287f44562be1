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
pub mod unfold;
pub mod window;

use crate::registry::OpEntry;

/// The ops of this family.
pub(crate) static OPS: &[&OpEntry] = &[
    &conv2d::CONV2D,
    &conv2d_backprop_filter::CONV2D_BACKPROP_FILTER,
    &conv2d_backprop_input::CONV2D_BACKPROP_INPUT,
];
