//! Neural-network ops.

mod activation;
pub mod avg_pool;
mod batch_mat_mul;
pub(crate) mod bias_add;
mod bias_add_grad;
mod composites;
pub mod compute;
pub mod conv2d;
pub mod conv2d_backprop_filter;
pub mod conv2d_backprop_input;
pub mod conv_attrs;
pub mod conv_geometry;
#[cfg(test)]
mod conv_tests;
pub(crate) mod cuda;
mod depthwise_conv2d;
pub mod direct_conv;
pub mod direct_conv_grad;
mod elu;
mod elu_grad;
pub(crate) mod forwarding;
pub(crate) mod fused_batch_norm;
mod in_top_k;
mod l2_loss;
pub(crate) mod layout;
mod leaky_relu;
mod leaky_relu_grad;
mod log_softmax;
mod lrn;
mod lrn_grad;
mod mat_mul;
pub mod max_pool;
pub mod max_pool_grad;
pub mod max_pool_grad_grad;
pub mod max_pool_grad_grad_v2;
pub mod max_pool_grad_v2;
pub mod max_pool_grad_with_argmax;
pub mod max_pool_v2;
pub mod max_pool_with_argmax;
mod nth_element;
pub mod pool_attrs;
pub mod pool_element;
mod relu;
mod relu6;
mod relu6_grad;
mod relu_grad;
mod rows;
mod selu;
mod selu_grad;
mod softmax;
mod softmax_cross_entropy;
mod softplus;
mod softplus_grad;
mod softsign;
mod softsign_grad;
mod sparse_softmax_cross_entropy;
mod top_k;
pub mod unfold;
pub mod window;

pub use composites::DropoutOptions;
pub use fused_batch_norm::BatchNormOptions;
pub use lrn::LrnAttrs;

use crate::registry::OpEntry;

/// The ops of this family.
pub(crate) static OPS: &[&OpEntry] = &[
    &avg_pool::AVG_POOL,
    &avg_pool::AVG_POOL_GRAD,
    &batch_mat_mul::BATCH_MAT_MUL,
    &batch_mat_mul::BATCH_MAT_MUL_V2,
    &bias_add::BIAS_ADD,
    &bias_add::BIAS_ADD_V1,
    &bias_add_grad::BIAS_ADD_GRAD,
    &conv2d::CONV2D,
    &conv2d_backprop_filter::CONV2D_BACKPROP_FILTER,
    &conv2d_backprop_input::CONV2D_BACKPROP_INPUT,
    &depthwise_conv2d::DEPTHWISE_CONV2D_NATIVE,
    &depthwise_conv2d::DEPTHWISE_CONV2D_NATIVE_BACKPROP_FILTER,
    &depthwise_conv2d::DEPTHWISE_CONV2D_NATIVE_BACKPROP_INPUT,
    &elu::ELU,
    &elu_grad::ELU_GRAD,
    &fused_batch_norm::FUSED_BATCH_NORM,
    &fused_batch_norm::FUSED_BATCH_NORM_GRAD,
    &fused_batch_norm::FUSED_BATCH_NORM_GRAD_V2,
    &fused_batch_norm::FUSED_BATCH_NORM_GRAD_V3,
    &fused_batch_norm::FUSED_BATCH_NORM_V2,
    &fused_batch_norm::FUSED_BATCH_NORM_V3,
    &in_top_k::IN_TOP_K,
    &in_top_k::IN_TOP_K_V2,
    &leaky_relu::LEAKY_RELU,
    &leaky_relu_grad::LEAKY_RELU_GRAD,
    &log_softmax::LOG_SOFTMAX,
    &l2_loss::L2_LOSS,
    &lrn::LRN,
    &lrn_grad::LRN_GRAD,
    &mat_mul::MAT_MUL,
    &max_pool::MAX_POOL,
    &max_pool_grad::MAX_POOL_GRAD,
    &max_pool_grad_grad::MAX_POOL_GRAD_GRAD,
    &max_pool_grad_grad_v2::MAX_POOL_GRAD_GRAD_V2,
    &max_pool_grad_v2::MAX_POOL_GRAD_V2,
    &max_pool_grad_with_argmax::MAX_POOL_GRAD_WITH_ARGMAX,
    &max_pool_v2::MAX_POOL_V2,
    &max_pool_with_argmax::MAX_POOL_WITH_ARGMAX,
    &nth_element::NTH_ELEMENT,
    &relu6::RELU6,
    &relu6_grad::RELU6_GRAD,
    &relu::RELU,
    &relu_grad::RELU_GRAD,
    &selu::SELU,
    &selu_grad::SELU_GRAD,
    &softmax::SOFTMAX,
    &softmax_cross_entropy::SOFTMAX_CROSS_ENTROPY_WITH_LOGITS,
    &softplus::SOFTPLUS,
    &softplus_grad::SOFTPLUS_GRAD,
    &softsign::SOFTSIGN,
    &softsign_grad::SOFTSIGN_GRAD,
    &sparse_softmax_cross_entropy::SPARSE_SOFTMAX_CROSS_ENTROPY_WITH_LOGITS,
    &top_k::TOP_K,
    &top_k::TOP_K_V2,
];

#[cfg(test)]
mod accuracy_tests;
#[cfg(test)]
mod bad_input_tests;
#[cfg(test)]
mod tests;
