//! Add: the sum of two tensors; strings are joined. (What `+` builds, except for strings, is AddV2.)

use super::add_v2::{self, AddV2};
use super::binary::{binary_for, int32_on_host};
use super::cuda;
use super::strings;
use crate::dtype::DType;
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use crate::tensor::{Bytes, Tensor};
use half::{bf16, f16};
use num_complex::Complex;

pub(crate) static ADD: OpEntry = OpEntry {
    def: OpDef {
        signature: "Add(x:T, y:T) -> (z:T)",
        attrs: "T:type{bfloat16,half,float,double,uint8,int8,int16,int32,int64,complex64,complex128,string}",
        flags: Flags::PURE,
        infer: infer::broadcast,
    },
    grad: Grad::Fn(add_v2::grad),
    kernels: &[
        binary_for::<AddV2, f32>(),
        binary_for::<AddV2, f64>(),
        binary_for::<AddV2, f16>(),
        binary_for::<AddV2, bf16>(),
        binary_for::<AddV2, u8>(),
        binary_for::<AddV2, i8>(),
        binary_for::<AddV2, i16>(),
        binary_for::<AddV2, i32>(),
        binary_for::<AddV2, i64>(),
        binary_for::<AddV2, Complex<f32>>(),
        binary_for::<AddV2, Complex<f64>>(),
        KernelDef::gpu(cuda::ON_SIGNED, cuda::binary),
        int32_on_host::<AddV2>(),
        KernelDef::cpu(&[("T", &[DType::String])], |_| {
            Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
                let (shape, joined) =
                    strings::combine(ctx, |a, b| Bytes::from([&a[..], &b[..]].concat()))?;
                ctx.set(0, Tensor::from_strings(shape, joined)?)
            }))
        }),
    ],
};
