//! ToBool: a scalar is true when it is not zero, anything else when it has elements.

use crate::dtype::{DType, Element, sets};
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use crate::tensor::Tensor;
use num_complex::Complex;

pub(crate) static TO_BOOL: OpEntry = OpEntry {
    def: OpDef {
        signature: "ToBool(input:T) -> (output:bool)",
        attrs: "T:type",
        flags: Flags::PURE,
        infer: infer::scalar,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", sets::PODS_AND_STRING)], |_| {
        Ok(AnyKernel::cheap(compute))
    })],
};

fn not_zero<T: Element>(t: &Tensor) -> Result<bool> {
    Ok(t.to_scalar::<T>()? != T::default())
}

fn compute(ctx: &mut OpContext<'_>) -> Result<()> {
    let t = ctx.input(0)?;
    let truth = if !t.shape().is_scalar() {
        t.elements() > 0
    } else {
        use DType::*;
        match t.dtype() {
            F32 => not_zero::<f32>(t)?,
            F64 => not_zero::<f64>(t)?,
            F16 => not_zero::<half::f16>(t)?,
            BF16 => not_zero::<half::bf16>(t)?,
            I8 => not_zero::<i8>(t)?,
            I16 => not_zero::<i16>(t)?,
            I32 => not_zero::<i32>(t)?,
            I64 => not_zero::<i64>(t)?,
            U8 => not_zero::<u8>(t)?,
            U16 => not_zero::<u16>(t)?,
            U32 => not_zero::<u32>(t)?,
            U64 => not_zero::<u64>(t)?,
            C64 => not_zero::<Complex<f32>>(t)?,
            C128 => not_zero::<Complex<f64>>(t)?,
            Bool => t.to_scalar::<bool>()?,
            String => !t.to_bytes()?.is_empty(),
            d => {
                return Err(Error::invalid_argument(format!(
                    "a tensor of type {d} is neither true nor false"
                )));
            }
        }
    };
    ctx.set(0, Tensor::from(truth))
}
