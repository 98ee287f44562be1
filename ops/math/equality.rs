//! What Equal and NotEqual share: kernels for all types, and the answer for shapes that do not fit.

use super::binary::{Binary, binary};
use super::cuda;
use super::elementwise::for_type;
use super::strings;
use crate::dtype::{DType, Element};
use crate::error::Result;
use crate::kernel::{AnyKernel, Kernel, KernelDef, KernelInit, OpContext};
use crate::op::ShapeCtx;
use crate::ops::array::cuda::filled;
use crate::shape::{Broadcast, Shape, broadcast_shapes};
use crate::tensor::{Bytes, Tensor};
use half::{bf16, f16};
use num_complex::Complex;

/// A comparison that is defined for all types.
pub(crate) trait Comparison: 'static {
    /// The answer when the shapes cannot be broadcast and `incompatible_shape_error` is false.
    const OF_DIFFERENT_SHAPES: bool;
    /// The answer for two strings.
    fn strings(x: &Bytes, y: &Bytes) -> bool;
}

/// Shape function of both ops.
pub(crate) fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let (x, y) = (ctx.input(0), ctx.input(1));
    match broadcast_shapes(&x, &y) {
        Err(e) if ctx.attrs.bool("incompatible_shape_error")? => return Err(e),
        Ok(shape) if ctx.attrs.bool("incompatible_shape_error")? => ctx.set(0, shape),
        Ok(shape) if x.is_fully_known() && y.is_fully_known() => ctx.set(0, shape),
        // A scalar if the shapes turn out not to fit.
        _ => {}
    }
    Ok(())
}

/// Answers for shapes that do not fit before it asks the kernel proper.
struct Lenient {
    kernel: AnyKernel,
    answer: bool,
}

impl Kernel for Lenient {
    fn compute(&self, ctx: &mut OpContext<'_>) -> Result<()> {
        if Broadcast::new(ctx.input(0)?.shape(), ctx.input(1)?.shape()).is_err() {
            let answer = Tensor::scalar(self.answer)?;
            let answer = match ctx.input(0)?.gpu().cloned() {
                None => answer,
                Some(gpu) => filled(&gpu, Shape::scalar(), &answer)?,
            };
            return ctx.set(0, answer);
        }
        match &self.kernel {
            AnyKernel::Sync(k) => k.compute(ctx),
            AnyKernel::Async(_) => Err(crate::Error::internal("comparisons do not wait")),
        }
    }
}

fn lenient<F: Comparison>(init: &KernelInit<'_>, kernel: AnyKernel) -> Result<AnyKernel> {
    if init.attrs.bool("incompatible_shape_error")? {
        return Ok(kernel);
    }
    Ok(AnyKernel::new(Lenient {
        kernel,
        answer: F::OF_DIFFERENT_SHAPES,
    }))
}

fn numbers<F: Comparison + Binary<T>, T: Element>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    lenient::<F>(init, binary::<F, T>(init)?)
}

fn on_gpu<F: Comparison>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    lenient::<F>(init, cuda::binary(init)?)
}

fn strings<F: Comparison>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let kernel = |ctx: &mut OpContext<'_>| {
        let (shape, answers) = strings::combine(ctx, F::strings)?;
        ctx.set(0, Tensor::from_slice(&shape, &answers)?)
    };
    lenient::<F>(init, AnyKernel::new(kernel))
}

/// The kernels of a comparison for all types.
pub(crate) const fn comparison_kernels<F>() -> [KernelDef; 19]
where
    F: Comparison + Binary<bool>,
    F: Binary<f16> + Binary<bf16> + Binary<f32> + Binary<f64>,
    F: Binary<i8> + Binary<i16> + Binary<i32> + Binary<i64>,
    F: Binary<u8> + Binary<u16> + Binary<u32> + Binary<u64>,
    F: Binary<Complex<f32>> + Binary<Complex<f64>>,
{
    [
        for_type::<f32>(numbers::<F, f32>),
        for_type::<f64>(numbers::<F, f64>),
        for_type::<i32>(numbers::<F, i32>),
        for_type::<u8>(numbers::<F, u8>),
        for_type::<i16>(numbers::<F, i16>),
        for_type::<i8>(numbers::<F, i8>),
        for_type::<Complex<f32>>(numbers::<F, Complex<f32>>),
        for_type::<i64>(numbers::<F, i64>),
        for_type::<bool>(numbers::<F, bool>),
        for_type::<bf16>(numbers::<F, bf16>),
        for_type::<u16>(numbers::<F, u16>),
        for_type::<Complex<f64>>(numbers::<F, Complex<f64>>),
        for_type::<f16>(numbers::<F, f16>),
        for_type::<u32>(numbers::<F, u32>),
        for_type::<u64>(numbers::<F, u64>),
        KernelDef::cpu(&[("T", &[DType::String])], strings::<F>),
        KernelDef::gpu(cuda::ON_REALS, on_gpu::<F>),
        KernelDef::gpu(&[("T", &[DType::Bool])], on_gpu::<F>),
        cuda::int32_on_host(&["x", "y", "z"], numbers::<F, i32>),
    ]
}
