//! AdjustContrast: as AdjustContrastv2, with limits for the result, which is always float.

use super::contrast::{Pixel, contrast, infer, scalar};
use crate::dtype::DType;
use crate::error::Result;
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef};
use crate::registry::OpEntry;

pub(crate) static ADJUST_CONTRAST: OpEntry = OpEntry {
    def: OpDef {
        signature: "AdjustContrast(images:T, contrast_factor:float, min_value:float, max_value:float) -> (output:float)",
        attrs: "T:type{uint8,int8,int16,int32,int64,float,double}",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Missing,
    kernels: &[
        KernelDef::cpu(&[("T", &[DType::U8])], new::<u8>),
        KernelDef::cpu(&[("T", &[DType::I8])], new::<i8>),
        KernelDef::cpu(&[("T", &[DType::I16])], new::<i16>),
        KernelDef::cpu(&[("T", &[DType::I32])], new::<i32>),
        KernelDef::cpu(&[("T", &[DType::F32])], new::<f32>),
        KernelDef::cpu(&[("T", &[DType::F64])], new::<f64>),
    ],
};

fn new<T: Pixel>(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
        let images = ctx.input(0)?;
        let factor = scalar(ctx, 1, "contrast_factor")?;
        let min = scalar(ctx, 2, "min_value")?;
        let max = scalar(ctx, 3, "max_value")?;
        // A limit that is NaN does not limit, a pixel that is NaN stays; `min` wins over a lower `max`.
        let limit = |v: f32| {
            let v = if v > max { max } else { v };
            if v < min { min } else { v }
        };
        let out = contrast::<T, f32>(ctx.pool(), images, factor, limit)?;
        ctx.set(0, out)
    }))
}
