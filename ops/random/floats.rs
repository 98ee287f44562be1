//! RandomUniform, RandomStandardNormal, TruncatedNormal: independent floating-point numbers.

use super::distributions::{Distribution, Normal, TruncatedNormal, Uniform};
use super::generator::{Generator, fill, infer, shape_input};
use crate::dtype::{DType, Element, sets};
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef};
use crate::registry::OpEntry;
use half::{bf16, f16};

const ATTRS: &str =
    "seed:int=0; seed2:int=0; dtype:type{half,bfloat16,float,double}; T:type{int32,int64}";

pub(crate) static RANDOM_UNIFORM: OpEntry = OpEntry {
    def: OpDef {
        signature: "RandomUniform(shape:T) -> (output:dtype)",
        attrs: ATTRS,
        flags: Flags::STATEFUL,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("dtype", sets::FLOATS)], |init| {
        new(init, Uniform)
    })],
};

pub(crate) static RANDOM_STANDARD_NORMAL: OpEntry = OpEntry {
    def: OpDef {
        signature: "RandomStandardNormal(shape:T) -> (output:dtype)",
        attrs: ATTRS,
        flags: Flags::STATEFUL,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("dtype", sets::FLOATS)], |init| {
        new(init, Normal)
    })],
};

pub(crate) static TRUNCATED_NORMAL: OpEntry = OpEntry {
    def: OpDef {
        signature: "TruncatedNormal(shape:T) -> (output:dtype)",
        attrs: ATTRS,
        flags: Flags::STATEFUL,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("dtype", sets::FLOATS)], |init| {
        new(init, TruncatedNormal)
    })],
};

fn new<D>(init: &KernelInit<'_>, distribution: D) -> Result<AnyKernel>
where
    D: Distribution<f32> + Distribution<f64> + Distribution<f16> + Distribution<bf16>,
{
    match init.attrs.dtype("dtype")? {
        DType::F32 => kernel::<f32, D>(init, distribution),
        DType::F64 => kernel::<f64, D>(init, distribution),
        DType::F16 => kernel::<f16, D>(init, distribution),
        DType::BF16 => kernel::<bf16, D>(init, distribution),
        other => Err(Error::unimplemented(format!(
            "random numbers of type {other}"
        ))),
    }
}

fn kernel<T: Element, D: Distribution<T>>(
    init: &KernelInit<'_>,
    distribution: D,
) -> Result<AnyKernel> {
    let generator = Generator::new(init)?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let shape = shape_input(ctx, 0)?;
        let from = generator.reserve_outputs(shape.elements());
        let out = fill::<T, D>(ctx.pool(), from, shape, distribution)?;
        ctx.set(0, out)
    }))
}
