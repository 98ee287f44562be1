//! ParameterizedTruncatedNormal: normally distributed numbers within bounds, each batch with its own parameters.

use super::distributions::{Distribution, Normal, Uniform};
use super::generator::{Generator, infer, shape_input};
use crate::dtype::{DType, Element, sets};
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef};
use crate::ops::array::Sizes;
use crate::registry::OpEntry;
use crate::resource::Philox;
use crate::tensor::Tensor;
use half::{bf16, f16};
use num_traits::Float;

pub(crate) static PARAMETERIZED_TRUNCATED_NORMAL: OpEntry = OpEntry {
    def: OpDef {
        signature: "ParameterizedTruncatedNormal(shape:T, means:dtype, stdevs:dtype, minvals:dtype, maxvals:dtype) -> (output:dtype)",
        attrs: "seed:int=0; seed2:int=0; dtype:type{half,bfloat16,float,double}; T:type{int32,int64}",
        flags: Flags::STATEFUL,
        infer: |ctx| {
            for i in 1..5 {
                let parameter = ctx.input(i);
                if parameter.rank().is_some_and(|r| r > 1) {
                    return Err(Error::invalid_argument(format!(
                        "Shape must be at most rank 1 but is rank {}",
                        parameter.rank().unwrap_or(0)
                    )));
                }
            }
            infer(ctx)
        },
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("dtype", sets::FLOATS)], new)],
};

/// Elements that share a batch where all batches have the same parameters.
const BATCH: usize = 100;
/// Numbers refused one after the other before a batch is given up.
const TRIES: usize = 1000;
/// Normal numbers are drawn where a bound on the other side of the mean is at least this many deviations away.
const WIDE: f64 = 1.3;

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    match init.attrs.dtype("dtype")? {
        DType::F32 => kernel::<f32>(init),
        DType::F64 => kernel::<f64>(init),
        DType::F16 => kernel::<f16>(init),
        DType::BF16 => kernel::<bf16>(init),
        other => Err(Error::unimplemented(format!(
            "random numbers of type {other}"
        ))),
    }
}

fn kernel<T: Element + Float>(init: &KernelInit<'_>) -> Result<AnyKernel>
where
    Uniform: Distribution<T>,
    Normal: Distribution<T>,
{
    let generator = Generator::new(init)?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let shape = shape_input(ctx, 0)?;
        let Some(first) = shape.dim(0) else {
            return Err(Error::invalid_argument(
                "Shape tensor must not be empty, got an empty vector",
            ));
        };
        let mut parameters = [&[] as &[T]; 4];
        let mut same = true;
        for (i, name) in ["means", "stddevs", "minvals", "maxvals"]
            .into_iter()
            .enumerate()
        {
            let t = ctx.input(i + 1)?;
            if t.shape().rank() > 1 {
                return Err(Error::invalid_argument(format!(
                    "Input {name} should be a scalar or vector, got shape: {}",
                    t.shape()
                )));
            }
            let one = t.shape().is_scalar() || i < 2 && t.elements() == 1;
            if !one && t.elements() != 1 && t.elements() != first {
                return Err(Error::invalid_argument(format!(
                    "Input {name} should have length 1 or shape[0], got shape: {}",
                    t.shape()
                )));
            }
            same &= one;
            parameters[i] = t.data()?;
        }
        let elements = shape.elements();
        let (batches, size) = if same {
            (elements.div_ceil(BATCH), BATCH)
        } else {
            (first, elements.checked_div(first).unwrap_or(0))
        };
        let blocks = (batches as u64)
            .wrapping_mul(2 * TRIES as u64)
            .wrapping_mul(size as u64 + 3)
            / 4;
        let mut stream = generator.reserve(blocks);
        let mut out = Tensor::alloc(T::DTYPE, shape)?;
        // A batch begins where the one before it ended.
        for (b, to) in out.make_mut::<T>()?.chunks_mut(size.max(1)).enumerate() {
            let [mean, deviation, min, max] =
                parameters.map(|p| p.get(b).or(p.first()).copied().unwrap_or(T::nan()));
            let normal = Truncated::new(mean, deviation, min, max)?;
            normal.fill(&mut stream, to)?;
        }
        ctx.set(0, out)
    }))
}

/// A normal distribution and its bounds, counted in deviations from the mean.
struct Truncated<T> {
    mean: T,
    /// Negative where the bounds are exchanged.
    deviation: T,
    min: T,
    max: T,
}

/// Fills a batch from proposals that may be refused.
struct Accepted<'a, T> {
    to: std::slice::IterMut<'a, T>,
    refused: usize,
}

impl<T> Accepted<'_, T> {
    /// Takes a proposal, or counts it as refused; whether more are needed.
    fn offer(&mut self, value: T, accept: bool) -> Result<bool> {
        if accept {
            self.refused = 0;
            if let Some(to) = self.to.next() {
                *to = value;
            }
        } else {
            self.refused += 1;
            if self.refused >= TRIES {
                return Err(Error::internal(
                    "TruncatedNormal rejection sampler failed to accept a sample.",
                ));
            }
        }
        Ok(self.to.len() > 0)
    }
}

impl<T: Element + Float> Truncated<T>
where
    Uniform: Distribution<T>,
    Normal: Distribution<T>,
{
    fn new(mean: T, deviation: T, min: T, max: T) -> Result<Truncated<T>> {
        let bounded = min.is_finite() || max.is_finite();
        if !(deviation > T::zero() && min < max && bounded) {
            return Err(Error::invalid_argument("Invalid parameters"));
        }
        let exchanged = (min.is_infinite() && min < T::zero()) || max < mean;
        let (min, max, deviation) = if exchanged {
            (max, min, -deviation)
        } else {
            (min, max, deviation)
        };
        Ok(Truncated {
            mean,
            deviation,
            min: (min - mean) / deviation,
            max: (max - mean) / deviation,
        })
    }

    fn fill(&self, stream: &mut Philox, to: &mut [T]) -> Result<()> {
        let number = |v: f64| T::from(v).unwrap_or(T::nan());
        let (zero, two, four) = (T::zero(), number(2.0), number(4.0));
        let (min, max) = (self.min, self.max);
        let root = (min * min + four).sqrt();
        let cutoff = two * (number(0.5) + (min * (min - root)) / four).exp() / (min + root);
        let range = max - min;
        let wide = number(WIDE);
        let mut to = Accepted {
            to: to.iter_mut(),
            refused: 0,
        };
        if (min < -wide && max >= zero) || (max > wide && min <= zero) {
            self.normals(stream, &mut to)
        } else if range < cutoff {
            self.uniforms(stream, &mut to, range)
        } else {
            self.exponentials(stream, &mut to, (min + root) / two)
        }
    }

    fn value(&self, z: T) -> T {
        z * self.deviation + self.mean
    }

    fn normals(&self, stream: &mut Philox, to: &mut Accepted<'_, T>) -> Result<()> {
        loop {
            let group = <Normal as Distribution<T>>::group(*stream);
            stream.skip(1);
            for z in &group[..<Normal as Distribution<T>>::GROUP] {
                if !to.offer(self.value(*z), *z >= self.min && *z <= self.max)? {
                    return Ok(());
                }
            }
        }
    }

    /// Proposals that are equally likely between the bounds.
    fn uniforms(&self, stream: &mut Philox, to: &mut Accepted<'_, T>, range: T) -> Result<()> {
        let least = if self.min < T::zero() {
            T::zero()
        } else {
            self.min * self.min
        };
        let two = T::one() + T::one();
        loop {
            let at = uniforms::<T>(stream);
            let chance = uniforms::<T>(stream);
            for (u, chance) in at
                .iter()
                .zip(&chance)
                .take(<Uniform as Distribution<T>>::GROUP)
            {
                let z = *u * range + self.min;
                let density = ((least - z * z) / two).exp();
                if !to.offer(self.value(z), *chance <= density)? {
                    return Ok(());
                }
            }
        }
    }

    /// Proposals that are exponentially distributed above the lower bound.
    fn exponentials(&self, stream: &mut Philox, to: &mut Accepted<'_, T>, alpha: T) -> Result<()> {
        let two = T::one() + T::one();
        loop {
            let group = uniforms::<T>(stream);
            for pair in group[..<Uniform as Distribution<T>>::GROUP].chunks_exact(2) {
                let z = -pair[0].ln() / alpha + self.min;
                let x = if self.min < alpha {
                    alpha - z
                } else {
                    self.min - alpha
                };
                let density = (-x * x / two).exp();
                let accept = pair[1] <= density && z < self.max;
                if !to.offer(self.value(z), accept)? {
                    return Ok(());
                }
            }
        }
    }
}

fn uniforms<T: Element>(stream: &mut Philox) -> [T; 4]
where
    Uniform: Distribution<T>,
{
    let group = <Uniform as Distribution<T>>::group(*stream);
    stream.skip(1);
    group
}

/// The parameters of [`Scope::parameterized_truncated_normal`], each a scalar or one number for each batch.
#[derive(Clone, Copy, Debug)]
pub struct TruncatedNormalParameters<'g> {
    /// The means before the truncation.
    pub means: Output<'g>,
    /// The standard deviations before the truncation.
    pub deviations: Output<'g>,
    /// The lower bounds.
    pub min: Output<'g>,
    /// The upper bounds.
    pub max: Output<'g>,
    /// The op-level seed (see [`Graph::seeds`](crate::Graph::seeds)).
    pub seed: Option<i64>,
}

impl<'g> Scope<'g> {
    /// Normally distributed numbers within bounds, each row of the result with its own parameters
    /// (op `ParameterizedTruncatedNormal`).
    #[track_caller]
    pub fn parameterized_truncated_normal(
        self,
        shape: impl Sizes<'g>,
        parameters: TruncatedNormalParameters<'g>,
    ) -> Output<'g> {
        let shape = shape.vector(self);
        let p = parameters;
        let mut builder = self.op("ParameterizedTruncatedNormal").input(shape);
        for parameter in [p.means, p.deviations, p.min, p.max] {
            builder = builder.input(parameter.operand(self, None));
        }
        let (seed, seed2) = self.graph().seeds(p.seed);
        builder.attr("seed", seed).attr("seed2", seed2).out()
    }
}
