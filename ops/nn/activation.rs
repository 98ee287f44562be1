//! What activation ops share: kernels for all real types, and gradients of two tensors of one shape.

use crate::dtype::Element;
use crate::error::{Error, Result};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::ops::math::binary::{Binary, binary};
use crate::ops::math::cuda::{self, ON_FLOATS, ON_REALS};
use crate::ops::math::elementwise::{Unary, for_type, unary_for};
use half::{bf16, f16};

/// A function of each element, for real numbers.
pub(super) const fn unary_reals<F>() -> [KernelDef; 13]
where
    F: Unary<f16> + Unary<bf16> + Unary<f32> + Unary<f64>,
    F: Unary<i8> + Unary<i16> + Unary<i32> + Unary<i64>,
    F: Unary<u8> + Unary<u16> + Unary<u32> + Unary<u64>,
{
    [
        unary_for::<F, f32>(),
        unary_for::<F, f64>(),
        unary_for::<F, f16>(),
        unary_for::<F, bf16>(),
        unary_for::<F, i8>(),
        unary_for::<F, i16>(),
        unary_for::<F, i32>(),
        unary_for::<F, i64>(),
        unary_for::<F, u8>(),
        unary_for::<F, u16>(),
        unary_for::<F, u32>(),
        unary_for::<F, u64>(),
        KernelDef::gpu(ON_REALS, cuda::unary),
    ]
}

/// A function of the elements of two tensors of one shape.
fn paired<F: Binary<T>, T: Element>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let AnyKernel::Sync(inner) = binary::<F, T>(init)? else {
        return Err(Error::internal("an elementwise kernel that waits"));
    };
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        cuda::same_shape(ctx)?;
        inner.compute(ctx)
    }))
}

/// [`paired`] for half, bfloat16, float, double.
pub(super) const fn paired_floats<F>() -> [KernelDef; 5]
where
    F: Binary<f16> + Binary<bf16> + Binary<f32> + Binary<f64>,
{
    [
        for_type::<f32>(paired::<F, f32>),
        for_type::<f64>(paired::<F, f64>),
        for_type::<f16>(paired::<F, f16>),
        for_type::<bf16>(paired::<F, bf16>),
        KernelDef::gpu(ON_FLOATS, cuda::of_one_shape),
    ]
}

/// [`paired`] for real numbers.
pub(super) const fn paired_reals<F>() -> [KernelDef; 13]
where
    F: Binary<f16> + Binary<bf16> + Binary<f32> + Binary<f64>,
    F: Binary<i8> + Binary<i16> + Binary<i32> + Binary<i64>,
    F: Binary<u8> + Binary<u16> + Binary<u32> + Binary<u64>,
{
    [
        for_type::<f32>(paired::<F, f32>),
        for_type::<f64>(paired::<F, f64>),
        for_type::<f16>(paired::<F, f16>),
        for_type::<bf16>(paired::<F, bf16>),
        for_type::<i8>(paired::<F, i8>),
        for_type::<i16>(paired::<F, i16>),
        for_type::<i32>(paired::<F, i32>),
        for_type::<i64>(paired::<F, i64>),
        for_type::<u8>(paired::<F, u8>),
        for_type::<u16>(paired::<F, u16>),
        for_type::<u32>(paired::<F, u32>),
        for_type::<u64>(paired::<F, u64>),
        KernelDef::gpu(ON_REALS, cuda::of_one_shape),
    ]
}
