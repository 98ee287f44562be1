//! Range: numbers in equal steps.

use crate::dtype::{DType, Element};
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;
use half::{bf16, f16};
use std::fmt::Display;

pub(crate) static RANGE: OpEntry = OpEntry {
    def: OpDef {
        signature: "Range(start:Tidx, limit:Tidx, delta:Tidx) -> (output:Tidx)",
        attrs: "Tidx:type{bfloat16,half,float,double,int8,int16,int32,int64,uint16,uint32}=int32",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[("Tidx", &[DType::I32])], new::<i32>),
        KernelDef::cpu(&[("Tidx", &[DType::I64])], new::<i64>),
        KernelDef::cpu(&[("Tidx", &[DType::F32])], new::<f32>),
        KernelDef::cpu(&[("Tidx", &[DType::F64])], new::<f64>),
        KernelDef::cpu(&[("Tidx", &[DType::F16])], new::<f16>),
        KernelDef::cpu(&[("Tidx", &[DType::BF16])], new::<bf16>),
        KernelDef::gpu_host(
            &[("Tidx", &[DType::I32])],
            &["start", "limit", "delta", "output"],
            new::<i32>,
        ),
        KernelDef::gpu_host(
            &[("Tidx", &[DType::I64])],
            &["start", "limit", "delta", "output"],
            new::<i64>,
        ),
        KernelDef::gpu_host(
            &[("Tidx", &[DType::F32])],
            &["start", "limit", "delta", "output"],
            new::<f32>,
        ),
        KernelDef::gpu_host(
            &[("Tidx", &[DType::F64])],
            &["start", "limit", "delta", "output"],
            new::<f64>,
        ),
    ],
};

/// The arithmetic of a range.
trait Number: Element + Display + PartialOrd {
    /// How many numbers from `start` in steps of `delta` (not zero, of the right sign) lie before `limit`;
    /// `None` when there are more than fit i64.
    fn count(start: Self, limit: Self, delta: Self) -> Option<usize>;
    /// The sum; integers wrap.
    fn plus(self, other: Self) -> Self;
}

macro_rules! integer {
    ($($t:ty),*) => { $(
        impl Number for $t {
            fn count(start: $t, limit: $t, delta: $t) -> Option<usize> {
                let (span, step) = (limit.abs_diff(start), delta.unsigned_abs());
                usize::try_from(span.div_ceil(step)).ok().filter(|n| *n <= i64::MAX as usize)
            }
            fn plus(self, other: $t) -> $t {
                self.wrapping_add(other)
            }
        }
    )* };
}
integer!(i32, i64);

fn float_count(start: f64, limit: f64, delta: f64) -> Option<usize> {
    let count = ((limit - start) / delta).abs().ceil();
    // Also false for NaN.
    (count <= i64::MAX as f64).then_some(count as usize)
}

impl Number for f64 {
    fn count(start: f64, limit: f64, delta: f64) -> Option<usize> {
        float_count(start, limit, delta)
    }
    fn plus(self, other: f64) -> f64 {
        self + other
    }
}
impl Number for f32 {
    fn count(start: f32, limit: f32, delta: f32) -> Option<usize> {
        let count = ((limit - start) / delta).abs().ceil();
        (count <= i64::MAX as f32).then_some(count as usize)
    }
    fn plus(self, other: f32) -> f32 {
        self + other
    }
}
impl Number for f16 {
    fn count(start: f16, limit: f16, delta: f16) -> Option<usize> {
        let count = ((limit - start) / delta).to_f32().abs().ceil();
        (count <= i64::MAX as f32).then_some(count as usize)
    }
    fn plus(self, other: f16) -> f16 {
        self + other
    }
}
impl Number for bf16 {
    fn count(start: bf16, limit: bf16, delta: bf16) -> Option<usize> {
        let count = ((limit - start) / delta).to_f32().abs().ceil();
        (count <= i64::MAX as f32).then_some(count as usize)
    }
    fn plus(self, other: bf16) -> bf16 {
        self + other
    }
}

fn count<T: Number>(start: T, limit: T, delta: T) -> Result<usize> {
    let zero = T::default();
    let wrong = |text: String| Err(Error::invalid_argument(text));
    if delta == zero {
        return wrong(format!("Requires delta != 0: {delta}"));
    }
    if delta > zero && start > limit {
        return wrong(format!(
            "Requires start <= limit when delta > 0: {start}/{limit}"
        ));
    }
    if delta < zero && start < limit {
        return wrong(format!(
            "Requires start >= limit when delta < 0: {start}/{limit}"
        ));
    }
    T::count(start, limit, delta).ok_or_else(|| {
        Error::invalid_argument(format!(
            "Requires ((limit - start) / delta) <= {}",
            i64::MAX
        ))
    })
}

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    for i in 0..3 {
        ctx.with_rank(i, 0)?;
    }
    let (Some(start), Some(limit), Some(delta)) =
        (ctx.constant(0), ctx.constant(1), ctx.constant(2))
    else {
        ctx.set(0, PartialShape::vector(None));
        return Ok(());
    };
    fn known<T: Number>(parts: [Tensor; 3]) -> Result<usize> {
        count::<T>(
            parts[0].to_scalar()?,
            parts[1].to_scalar()?,
            parts[2].to_scalar()?,
        )
    }
    let parts = [start, limit, delta];
    let size = match parts[0].dtype() {
        DType::I32 => Some(known::<i32>(parts)?),
        DType::I64 => Some(known::<i64>(parts)?),
        DType::F32 => Some(known::<f32>(parts)?),
        DType::F64 => Some(known::<f64>(parts)?),
        DType::F16 => Some(known::<f16>(parts)?),
        DType::BF16 => Some(known::<bf16>(parts)?),
        _ => None,
    };
    ctx.set(0, PartialShape::vector(size));
    Ok(())
}

fn new<T: Number>(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
        let mut parts = [T::default(); 3];
        for (i, name) in ["start", "limit", "delta"].iter().enumerate() {
            let t = ctx.input(i)?;
            if t.elements() != 1 || t.shape().rank() > 1 {
                return Err(Error::invalid_argument(format!(
                    "{name} must be a scalar, not shape {}",
                    t.shape()
                )));
            }
            parts[i] = t.to_scalar()?;
        }
        let [start, limit, delta] = parts;
        let n = count(start, limit, delta)?;
        let mut out = Tensor::alloc(T::DTYPE, Shape::of(&[n])?)?;
        let mut value = start;
        for o in out.make_mut::<T>()? {
            *o = value;
            value = value.plus(delta);
        }
        ctx.set(0, out)
    }))
}

impl<'g> Scope<'g> {
    /// The numbers `start`, `start + delta`, … before `limit` (op `Range`). Rust numbers take the type of those
    /// arguments that the graph computes.
    #[track_caller]
    pub fn range(
        self,
        start: impl Operand<'g>,
        limit: impl Operand<'g>,
        delta: impl Operand<'g>,
    ) -> Output<'g> {
        let given = [start.output(), limit.output(), delta.output()];
        let op = self.op("Range").default_name("range");
        match given.iter().flatten().next() {
            Some(like) => {
                let like = like.dtype();
                let op = op.input_like(start, like).input_like(limit, like);
                op.input_like(delta, like).out()
            }
            None => op.input(start).input(limit).input(delta).out(),
        }
    }
}
