//! AdjustContrastv2: moves the pixels of images away from, or towards, the mean of their channel.

use super::contrast::{Pixel, Result32, contrast, infer, scalar};
use crate::dtype::DType;
use crate::error::Result;
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef};
use crate::registry::OpEntry;
use half::f16;

pub(crate) static ADJUST_CONTRAST_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "AdjustContrastv2(images:T, contrast_factor:float) -> (output:T)",
        attrs: "T:type{half,float}=float",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Missing,
    kernels: &[
        KernelDef::cpu(&[("T", &[DType::F32])], new::<f32>),
        KernelDef::cpu(&[("T", &[DType::F16])], new::<f16>),
    ],
};

fn new<T: Pixel + Result32>(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
        let images = ctx.input(0)?;
        let factor = scalar(ctx, 1, "contrast_factor")?;
        let out = contrast::<T, T>(ctx.pool(), images, factor, |v| v)?;
        ctx.set(0, out)
    }))
}
