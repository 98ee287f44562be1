//! Multinomial, StatelessMultinomial: classes drawn by the exponentials of their logits.

use super::distributions::uniform_f64;
use super::generator::Generator;
use super::stateless;
use crate::device::cpu::Disjoint;
use crate::device::cpu::try_parallel;
use crate::dtype::{DType, Element, sets};
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::resource::Philox;
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;
use half::{bf16, f16};

pub(crate) static MULTINOMIAL: OpEntry = OpEntry {
    def: OpDef {
        signature: "Multinomial(logits:T, num_samples:int32) -> (output:output_dtype)",
        attrs: "seed:int=0; seed2:int=0; T:type{realnumber}; output_dtype:type{int32,int64}=int64",
        flags: Flags::STATEFUL,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(
        &[("T", sets::REALS), ("output_dtype", sets::INDEX)],
        new,
    )],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let logits = ctx.with_rank(0, 2)?;
    ctx.with_rank(1, 0)?;
    let samples = ctx.constant_int(1)?.and_then(|n| usize::try_from(n).ok());
    ctx.set(0, PartialShape::of([logits.dim(0), samples]));
    Ok(())
}

pub(crate) static STATELESS_MULTINOMIAL: OpEntry = OpEntry {
    def: OpDef {
        signature: "StatelessMultinomial(logits:T, num_samples:int32, seed:Tseed) -> (output:output_dtype)",
        attrs: "T:type{realnumber}; Tseed:type{int32,int64}=int64; output_dtype:type{int32,int64}=int64",
        flags: Flags::PURE,
        infer: |ctx| {
            stateless::infer_seed(ctx, 2)?;
            infer(ctx)
        },
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(
        &[("T", sets::REALS), ("output_dtype", sets::INDEX)],
        |init| {
            kernel(
                init,
                |_| Ok(()),
                |(), ctx, _| stateless::from_seed(ctx.input(2)?),
            )
        },
    )],
};

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    kernel(init, Generator::new, |generator, _, blocks| {
        Ok(generator.reserve(blocks))
    })
}

/// A kernel that draws from what `stream` gives for the blocks that it needs.
fn kernel<S: Send + Sync + 'static>(
    init: &KernelInit<'_>,
    state: fn(&KernelInit<'_>) -> Result<S>,
    stream: fn(&S, &OpContext<'_>, u64) -> Result<Philox>,
) -> Result<AnyKernel> {
    let wide = init.attrs.dtype("output_dtype")? == DType::I64;
    let state = state(init)?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let (logits, samples) = (ctx.input(0)?, ctx.input(1)?);
        let &[batch, classes] = logits.shape().dims() else {
            return Err(Error::invalid_argument(format!(
                "logits should be a matrix, got shape {}",
                logits.shape()
            )));
        };
        if !samples.shape().is_scalar() {
            return Err(Error::invalid_argument(format!(
                "num_samples should be a scalar, got shape {}",
                samples.shape()
            )));
        }
        let samples = samples.to_scalar::<i32>()?;
        let Ok(samples) = usize::try_from(samples) else {
            return Err(Error::invalid_argument(format!(
                "num_samples should be non-negative, got {samples}"
            )));
        };
        if classes == 0 {
            return Err(Error::invalid_argument(format!(
                "num_classes should be positive, got {classes}"
            )));
        }
        let shape = Shape::of(&[batch, samples])?;
        let padded = (samples as u64).div_ceil(4) * 4;
        let blocks = (batch as u64).wrapping_mul(padded).wrapping_mul(512);
        let from = stream(&state, ctx, blocks)?;
        let logits = to_f64(logits)?;
        let call = Call {
            logits: &logits,
            classes,
            samples,
            from,
        };
        let out = if wide {
            call.draw::<i64>(ctx, shape, |c| c as i64)?
        } else {
            call.draw::<i32>(ctx, shape, |c| c as i32)?
        };
        ctx.set(0, out)
    }))
}

/// The logits as doubles.
fn to_f64(t: &Tensor) -> Result<Vec<f64>> {
    fn all<T: Element>(t: &Tensor, wide: fn(T) -> f64) -> Result<Vec<f64>> {
        Ok(t.data::<T>()?.iter().map(|v| wide(*v)).collect())
    }
    match t.dtype() {
        DType::F32 => all::<f32>(t, f64::from),
        DType::F64 => all::<f64>(t, |v| v),
        DType::F16 => all::<f16>(t, f64::from),
        DType::BF16 => all::<bf16>(t, f64::from),
        DType::U64 => all::<u64>(t, |v| v as f64),
        DType::U32 => all::<u32>(t, f64::from),
        DType::U16 => all::<u16>(t, f64::from),
        _ => Ok(t.to_i64s()?.into_iter().map(|v| v as f64).collect()),
    }
}

struct Call<'a> {
    logits: &'a [f64],
    classes: usize,
    samples: usize,
    from: Philox,
}

impl Call<'_> {
    fn draw<T: Element>(
        &self,
        ctx: &OpContext<'_>,
        shape: Shape,
        class: fn(usize) -> T,
    ) -> Result<Tensor> {
        let mut out = Tensor::alloc(T::DTYPE, shape)?;
        if out.elements() == 0 {
            return Ok(out);
        }
        let samples = self.samples;
        let to = Disjoint::new(out.make_mut::<T>()?);
        let batch = to.len() / samples;
        try_parallel(ctx.pool(), batch, &|row| {
            let sums = self.cumulative(row)?;
            let total = sums.last().copied().unwrap_or(0.0);
            // SAFETY: each job writes its own row.
            let to = unsafe { to.part(row * samples, samples) };
            for (i, to) in to.iter_mut().enumerate() {
                let u = self.uniform(row * samples + i) * total;
                let found = sums.partition_point(|s| *s <= u);
                *to = class(found.min(self.classes - 1));
            }
            Ok(())
        })?;
        Ok(out)
    }

    /// The running sums of the exponentials of a row; what is not finite counts nothing.
    fn cumulative(&self, row: usize) -> Result<Vec<f64>> {
        let logits = &self.logits[row * self.classes..(row + 1) * self.classes];
        let finite = logits.iter().copied().filter(|v| v.is_finite());
        let Some(most) = finite.reduce(f64::max) else {
            return Err(Error::invalid_argument(format!(
                "logits of row {row} are not finite: no class can be drawn"
            )));
        };
        let sums = logits.iter().scan(0.0, |sum, v| {
            if v.is_finite() {
                *sum += (v - most).exp();
            }
            Some(*sum)
        });
        Ok(sums.collect())
    }

    /// The uniform number of sample `i`: two words each, one after the other.
    fn uniform(&self, i: usize) -> f64 {
        let block = self.from.at((i / 2) as u64);
        let lane = (i % 2) * 2;
        uniform_f64(block[lane], block[lane + 1])
    }
}

impl<'g> Scope<'g> {
    /// As [`Scope::multinomial`], from a seed of two numbers: equal inputs draw equal classes (op
    /// `StatelessMultinomial`).
    #[track_caller]
    pub fn stateless_multinomial(
        self,
        logits: impl Operand<'g>,
        samples: impl Operand<'g>,
        seed: impl Operand<'g>,
    ) -> Output<'g> {
        let s = self.composite("stateless_multinomial");
        let logits = logits.operand(s.named("logits"), None);
        s.op("StatelessMultinomial")
            .input(logits)
            .input_like(samples, DType::I32)
            .input(seed)
            .out()
            .in_scope(self.unnamed())
    }

    /// `samples` classes for each row of `logits` `[batch, classes]`, drawn with probabilities in proportion to
    /// the exponentials of the logits (op `Multinomial`).
    #[track_caller]
    pub fn multinomial(
        self,
        logits: impl Operand<'g>,
        samples: impl Operand<'g>,
        seed: Option<i64>,
    ) -> Output<'g> {
        let s = self.composite("multinomial");
        let logits = logits.operand(s.named("logits"), None);
        let (seed, seed2) = self.graph().seeds(seed);
        s.op("Multinomial")
            .input(logits)
            .input_like(samples, DType::I32)
            .attr("seed", seed)
            .attr("seed2", seed2)
            .out()
            .in_scope(self.unnamed())
    }
}
