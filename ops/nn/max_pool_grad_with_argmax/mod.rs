//! MaxPoolGradWithArgmax: adds each gradient at a given place.

use crate::device::cpu::{Disjoint, try_parallel};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef};
use crate::ops::nn::max_pool_grad::infer;
use crate::ops::nn::pool_attrs::{PoolAttrs, expect_shape};
use crate::ops::nn::pool_element::PoolElement;
use crate::registry::OpEntry;
use crate::shape::Shape;
use crate::tensor::Tensor;
use half::{bf16, f16};

pub(crate) static MAX_POOL_GRAD_WITH_ARGMAX: OpEntry = OpEntry {
    def: OpDef {
        signature: "MaxPoolGradWithArgmax(input:T, grad:T, argmax:Targmax) -> (output:T)",
        attrs: "ksize:list(int)>=4; strides:list(int)>=4; padding:string{SAME,VALID}; include_batch_in_index:bool=false; Targmax:type{int32,int64}; T:type{realnumber}",
        flags: Flags::PURE,
        infer,
    },
    // As in TensorFlow.
    grad: Grad::Missing,
    kernels: &[
        KernelDef::cpu(&[("T", &[DType::F32])], new::<f32>),
        KernelDef::cpu(&[("T", &[DType::F64])], new::<f64>),
        KernelDef::cpu(&[("T", &[DType::F16])], new::<f16>),
        KernelDef::cpu(&[("T", &[DType::BF16])], new::<bf16>),
        KernelDef::cpu(&[("T", &[DType::I32])], new::<i32>),
        KernelDef::cpu(&[("T", &[DType::I64])], new::<i64>),
        KernelDef::cpu(&[("T", &[DType::U8])], new::<u8>),
        KernelDef::cpu(&[("T", &[DType::I16])], new::<i16>),
        KernelDef::cpu(&[("T", &[DType::I8])], new::<i8>),
        KernelDef::cpu(&[("T", &[DType::U16])], new::<u16>),
        KernelDef::cpu(&[("T", &[DType::U32])], new::<u32>),
        KernelDef::cpu(&[("T", &[DType::U64])], new::<u64>),
    ],
};

fn new<T: PoolElement>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let attrs = PoolAttrs::of(init.attrs)?;
    let with_batch = init.attrs.bool("include_batch_in_index")?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let (input, gradient, places) = (ctx.input(0)?, ctx.input(1)?, ctx.input(2)?);
        let g = attrs.geometry(input.shape())?;
        if g.depth_window > 1 {
            return Err(Error::unimplemented(
                "MaxPoolGradWithArgmax is not yet supported on the depth dimension.",
            ));
        }
        let shape = Shape::of(&g.output())?;
        expect_shape("grad", &shape, gradient.shape())?;
        expect_shape("argmax", &shape, places.shape())?;
        let mut out = Tensor::alloc(T::DTYPE, input.shape().clone())?;
        let (values, to) = (gradient.data::<T>()?, Disjoint::new(out.make_mut::<T>()?));
        let (from, image) = match g.batch {
            0 => (0, 0),
            n => (values.len() / n, to.len() / n),
        };
        let place = |i: usize| -> Result<i64> {
            Ok(match places.dtype() {
                DType::I32 => i64::from(places.data::<i32>()?[i]),
                _ => places.data::<i64>()?[i],
            })
        };
        try_parallel(ctx.pool(), g.batch, &|n| {
            // SAFETY: each job has its own image.
            let out = unsafe { to.part(n * image, image) };
            out.fill(T::default());
            let base = if with_batch { n * image } else { 0 };
            for i in n * from..(n + 1) * from {
                let place = place(i)?;
                let at = usize::try_from(place)
                    .ok()
                    .and_then(|p| p.checked_sub(base))
                    .filter(|p| *p < image)
                    .ok_or_else(|| {
                        Error::invalid_argument(format!(
                            "Invalid argmax index: {place} is not in [{base}, {})",
                            base + image
                        ))
                    })?;
                out[at] = out[at].plus(values[i]);
            }
            Ok(())
        })?;
        ctx.set(0, out)
    }))
}
