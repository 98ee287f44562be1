//! ClipByValue: each element moved into a range.

use super::cuda;
use super::number::Real;
use crate::device::cpu::Disjoint;
use crate::dtype::{DType, Element};
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::Output;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use crate::tensor::Tensor;
use half::{bf16, f16};
use num_complex::Complex;

pub(crate) static CLIP_BY_VALUE: OpEntry = OpEntry {
    def: OpDef {
        signature: "ClipByValue(t:T, clip_value_min:T, clip_value_max:T) -> (output:T)",
        attrs: "T:type{number}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", &[DType::F32])], new::<f32>),
        KernelDef::cpu(&[("T", &[DType::F64])], new::<f64>),
        KernelDef::cpu(&[("T", &[DType::F16])], new::<f16>),
        KernelDef::cpu(&[("T", &[DType::BF16])], new::<bf16>),
        KernelDef::cpu(&[("T", &[DType::I8])], new::<i8>),
        KernelDef::cpu(&[("T", &[DType::I16])], new::<i16>),
        KernelDef::cpu(&[("T", &[DType::I32])], new::<i32>),
        KernelDef::cpu(&[("T", &[DType::I64])], new::<i64>),
        KernelDef::cpu(&[("T", &[DType::U8])], new::<u8>),
        KernelDef::cpu(&[("T", &[DType::U16])], new::<u16>),
        KernelDef::cpu(&[("T", &[DType::U32])], new::<u32>),
        KernelDef::cpu(&[("T", &[DType::U64])], new::<u64>),
        KernelDef::cpu(&[("T", &[DType::C64])], new::<Complex<f32>>),
        KernelDef::cpu(&[("T", &[DType::C128])], new::<Complex<f64>>),
        KernelDef::gpu(cuda::ON_REALS, |init| cuda::clip(init, checked_limits)),
        cuda::int32_on_host(
            &["t", "clip_value_min", "clip_value_max", "output"],
            new::<i32>,
        ),
    ],
};

/// A number that can be moved into a range.
trait Clip: Element {
    /// NaN stays, a limit that is NaN does not limit, and `low` wins over a lower `high`.
    fn clip(self, low: Self, high: Self) -> Self;
}
macro_rules! clip_reals {
    ($($t:ty),*) => { $(
        impl Clip for $t {
            #[inline(always)]
            fn clip(self, low: $t, high: $t) -> $t {
                clip_real(self, low, high)
            }
        }
    )* };
}
clip_reals!(f32, f64, f16, bf16, i8, i16, i32, i64, u8, u16, u32, u64);

#[inline(always)]
fn clip_real<T: Real>(v: T, low: T, high: T) -> T {
    let v = if v > high { high } else { v };
    if v < low { low } else { v }
}

/// Real and imaginary parts each in their own range.
macro_rules! clip_complex {
    ($($t:ty),*) => { $(
        impl Clip for Complex<$t> {
            #[inline(always)]
            fn clip(self, low: Self, high: Self) -> Self {
                Complex::new(
                    clip_real(self.re, low.re, high.re),
                    clip_real(self.im, low.im, high.im),
                )
            }
        }
    )* };
}
clip_complex!(f32, f64);

/// Elements that one job handles.
const BLOCK: usize = 1 << 14;

/// Checks that each limit is a scalar or of the shape of the input.
fn checked_limits(ctx: &OpContext<'_>) -> Result<()> {
    let [t, low, high] = [ctx.input(0)?, ctx.input(1)?, ctx.input(2)?];
    let fits = |limit: &Tensor| limit.shape().is_scalar() || limit.shape() == t.shape();
    if !fits(low) || !fits(high) {
        return Err(Error::invalid_argument(format!(
            "clip_value_min and clip_value_max must be either of the same shape as input, or a scalar. input shape: {}clip_value_min shape: {}clip_value_max shape: {}",
            t.shape(),
            low.shape(),
            high.shape()
        )));
    }
    Ok(())
}

fn new<T: Clip>(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
        checked_limits(ctx)?;
        let [t, low, high] = [ctx.input(0)?, ctx.input(1)?, ctx.input(2)?];
        let mut out = Tensor::alloc(T::DTYPE, t.shape().clone())?;
        let (x, low, high) = (t.data::<T>()?, low.data::<T>()?, high.data::<T>()?);
        // A limit has as many elements as `t`, or one.
        let at = |limit: &[T], i: usize| limit[if limit.len() == 1 { 0 } else { i }];
        let y = Disjoint::new(out.make_mut::<T>()?);
        ctx.pool().for_blocks(x.len(), BLOCK, &|a, b| {
            // SAFETY: blocks do not overlap.
            let y = unsafe { y.part(a, b - a) };
            for (i, y) in y.iter_mut().enumerate() {
                *y = x[a + i].clip(at(low, a + i), at(high, a + i));
            }
        });
        ctx.set(0, out)
    }))
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let (s, g) = (ctx.scope, ctx.grad(0));
    let [x, low, high] = [ctx.input(0), ctx.input(1), ctx.input(2)];
    let shapes = [x, low, high].map(|v| s.shape(v));
    let zeros = s.zeros(s.shape(g), g.dtype());
    let below = s.less(x, low);
    let above = s.greater(x, high);
    let axes = [shapes[1], shapes[2]].map(|limit| {
        let node = s.op("BroadcastGradientArgs").input(shapes[0]).input(limit);
        node.finish().output(1)
    });
    let outside = s.op("LogicalOr").input(below).input(above).out();
    let select = |c: Output<'g>, a: Output<'g>, b: Output<'g>| {
        s.op("Select").input(c).input(a).input(b).out()
    };
    let gx = select(outside, zeros, g);
    let limits = [select(below, g, zeros), select(above, g, zeros)];
    let summed = [0, 1].map(|i| {
        let sum = s.op("Sum").input(limits[i]).input(axes[i]).out();
        s.reshape(sum, shapes[i + 1])
    });
    dense([Some(gx), Some(summed[0]), Some(summed[1])])
}
