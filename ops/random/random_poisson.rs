//! RandomPoisson, RandomPoissonV2, StatelessRandomPoisson: samples of Poisson distributions.

use super::distributions::uniform_f64;
use super::generator::Generator;
use super::per_parameter::{Backwards, infer, stateful, stateless};
use super::stateless_floats::{infer_seeded, seeded};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef};
use crate::ops::array::Sizes;
use crate::ops::math::special::lgamma;
use crate::registry::OpEntry;
use crate::resource::Philox;

const FLOATS: &[DType] = &[DType::F16, DType::F32, DType::F64];
/// The types of rates and of samples.
const TYPES: &[DType] = &[DType::F16, DType::F32, DType::F64, DType::I32, DType::I64];

pub(crate) static RANDOM_POISSON: OpEntry = OpEntry {
    def: OpDef {
        signature: "RandomPoisson(shape:S, rate:dtype) -> (output:dtype)",
        attrs: "seed:int=0; seed2:int=0; S:type{int32,int64}; dtype:type{half,float,double}",
        flags: Flags::STATEFUL,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("dtype", FLOATS)], new)],
};

pub(crate) static RANDOM_POISSON_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "RandomPoissonV2(shape:S, rate:R) -> (output:dtype)",
        attrs: "seed:int=0; seed2:int=0; S:type{int32,int64}; R:type{half,float,double,int32,int64}=double; dtype:type{half,float,double,int32,int64}=int64",
        flags: Flags::STATEFUL,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("R", TYPES), ("dtype", TYPES)], new)],
};

pub(crate) static STATELESS_POISSON: OpEntry = OpEntry {
    def: OpDef {
        signature: "StatelessRandomPoisson(shape:T, seed:Tseed, lam:Rtype) -> (output:dtype)",
        attrs: "Rtype:type{half,float,double,int32,int64}; dtype:type{half,float,double,int32,int64}; T:type{int32,int64}; Tseed:type{int32,int64}=int64",
        flags: Flags::PURE,
        infer: infer_seeded,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(
        &[("Rtype", TYPES), ("dtype", TYPES)],
        |init| {
            let dtype = init.attrs.dtype("dtype")?;
            Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
                let from = seeded(ctx)?;
                stateless(ctx, from, 2, dtype, sampler(dtype))
            }))
        },
    )],
};

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let generator = Generator::new(init)?;
    let dtype = init.attrs.dtype("dtype")?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        stateful(ctx, &generator, dtype, sampler(dtype))
    }))
}

/// The sampler of an output type: what is infinite is 0 as an integer, as in TensorFlow.
fn sampler(dtype: DType) -> fn(Philox, f64) -> Result<f64> {
    if dtype.is_floating() {
        poisson
    } else {
        |stream, rate| poisson(stream, rate).map(|v| if v.is_finite() { v } else { 0.0 })
    }
}

/// Proposals refused one after the other before a sample is given up.
const TRIES: usize = 1000;

/// One sample: by counting below 10 (Knuth), by transformed rejection from there on (Hörmann).
fn poisson(mut stream: Philox, rate: f64) -> Result<f64> {
    let mut uniforms = Backwards::new(|stream: &mut Philox| {
        let [a, b, c, d] = stream.next();
        [uniform_f64(a, b), uniform_f64(c, d)]
    });
    if rate.is_nan() {
        return Err(Error::invalid_argument("Input rate must not be NaN"));
    }
    if rate == f64::INFINITY {
        return Ok(rate);
    }
    if rate < 10.0 {
        let end = (-rate).exp();
        let (mut product, mut count) = (1.0, 0.0);
        loop {
            product *= uniforms.next(&mut stream);
            if product <= end {
                return Ok(count);
            }
            count += 1.0;
        }
    }
    let log_rate = rate.ln();
    let b = 0.931 + 2.53 * rate.sqrt();
    let a = -0.059 + 0.02483 * b;
    let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
    for _ in 0..TRIES {
        let u = uniforms.next(&mut stream) - 0.5;
        let v = uniforms.next(&mut stream);
        let shifted = 0.5 - u.abs();
        let k = ((2.0 * a / shifted + b) * u + rate + 0.43).floor();
        if shifted >= 0.07 && v <= 0.9277 - 3.6224 / (b - 2.0) {
            return Ok(k);
        }
        if k < 0.0 || (shifted < 0.013 && v > shifted) {
            continue;
        }
        let proposed = (v * inverse_alpha / (a / (shifted * shifted) + b)).ln();
        if proposed <= -rate + k * log_rate - lgamma(k + 1.0) {
            return Ok(k);
        }
    }
    Err(Error::internal(
        "RandomPoisson rejection sampler failed to accept a sample.",
    ))
}

impl<'g> Scope<'g> {
    /// Samples of Poisson distributions, as many as `shape` says for each element of `rate`; the result's shape is
    /// `shape`, then that of `rate` (op `RandomPoissonV2`).
    #[track_caller]
    pub fn random_poisson(
        self,
        shape: impl Sizes<'g>,
        rate: impl Operand<'g>,
        dtype: DType,
        seed: Option<i64>,
    ) -> Output<'g> {
        let shape = shape.vector(self);
        let builder = self.op("RandomPoissonV2").input(shape).input(rate);
        let (seed, seed2) = self.graph().seeds(seed);
        builder
            .attr("dtype", dtype)
            .attr("seed", seed)
            .attr("seed2", seed2)
            .out()
    }

    /// As [`Scope::random_poisson`], from a seed of two integers; here `shape` is that of the whole result, and ends
    /// with the shape of `rate` (op `StatelessRandomPoisson`).
    #[track_caller]
    pub fn stateless_random_poisson(
        self,
        shape: impl Sizes<'g>,
        seed: impl Operand<'g>,
        rate: impl Operand<'g>,
        dtype: DType,
    ) -> Output<'g> {
        let shape = shape.vector(self);
        let builder = self.op("StatelessRandomPoisson").input(shape).input(seed);
        builder.input(rate).attr("dtype", dtype).out()
    }
}
