//! StatelessRandomUniform, StatelessRandomNormal, StatelessTruncatedNormal and their V2: floating-point numbers that only depend on the inputs.

use super::distributions::{Distribution, Normal, TruncatedNormal, Uniform};
use super::generator::{fill, infer, shape_input};
use super::stateless;
use crate::dtype::{DType, sets};
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::ops::array::Sizes;
use crate::registry::OpEntry;
use crate::resource::Philox;
use half::{bf16, f16};

const SEED_ATTRS: &str = "dtype:type{half,bfloat16,float,double}=float; T:type{int32,int64}=int32; Tseed:type{int32,int64}=int64";
const KEY_ATTRS: &str =
    "dtype:type{half,bfloat16,float,double}=float; Tshape:type{int32,int64}=int32";

pub(crate) static STATELESS_UNIFORM: OpEntry = OpEntry {
    def: OpDef {
        signature: "StatelessRandomUniform(shape:T, seed:Tseed) -> (output:dtype)",
        attrs: SEED_ATTRS,
        flags: Flags::PURE,
        infer: infer_seeded,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("dtype", sets::FLOATS)], |init| {
        new(init, Uniform, seeded)
    })],
};

pub(crate) static STATELESS_UNIFORM_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "StatelessRandomUniformV2(shape:Tshape, key:uint64, counter:uint64, alg:int32) -> (output:dtype)",
        attrs: KEY_ATTRS,
        flags: Flags::PURE,
        infer: infer_keyed,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("dtype", sets::FLOATS)], |init| {
        new(init, Uniform, keyed)
    })],
};

pub(crate) static STATELESS_NORMAL: OpEntry = OpEntry {
    def: OpDef {
        signature: "StatelessRandomNormal(shape:T, seed:Tseed) -> (output:dtype)",
        attrs: SEED_ATTRS,
        flags: Flags::PURE,
        infer: infer_seeded,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("dtype", sets::FLOATS)], |init| {
        new(init, Normal, seeded)
    })],
};

pub(crate) static STATELESS_NORMAL_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "StatelessRandomNormalV2(shape:Tshape, key:uint64, counter:uint64, alg:int32) -> (output:dtype)",
        attrs: KEY_ATTRS,
        flags: Flags::PURE,
        infer: infer_keyed,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("dtype", sets::FLOATS)], |init| {
        new(init, Normal, keyed)
    })],
};

pub(crate) static STATELESS_TRUNCATED_NORMAL: OpEntry = OpEntry {
    def: OpDef {
        signature: "StatelessTruncatedNormal(shape:T, seed:Tseed) -> (output:dtype)",
        attrs: SEED_ATTRS,
        flags: Flags::PURE,
        infer: infer_seeded,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("dtype", sets::FLOATS)], |init| {
        new(init, TruncatedNormal, seeded)
    })],
};

pub(crate) static STATELESS_TRUNCATED_NORMAL_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "StatelessTruncatedNormalV2(shape:Tshape, key:uint64, counter:uint64, alg:int32) -> (output:dtype)",
        attrs: KEY_ATTRS,
        flags: Flags::PURE,
        infer: infer_keyed,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("dtype", sets::FLOATS)], |init| {
        new(init, TruncatedNormal, keyed)
    })],
};

/// Finds the stream among a kernel's inputs.
pub(super) type Stream = fn(&OpContext<'_>) -> Result<Philox>;

/// The stream of an op whose input 1 is a seed.
pub(super) fn seeded(ctx: &OpContext<'_>) -> Result<Philox> {
    stateless::from_seed(ctx.input(1)?)
}

/// The stream of an op whose inputs 1, 2, 3 are a key, a counter and an algorithm.
pub(super) fn keyed(ctx: &OpContext<'_>) -> Result<Philox> {
    stateless::from_key(ctx, 1)
}

/// The shape function of ops of the inputs shape and seed.
pub(super) fn infer_seeded(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    stateless::infer_seed(ctx, 1)?;
    infer(ctx)
}

/// The shape function of ops of the inputs shape, key, counter and algorithm.
pub(super) fn infer_keyed(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    stateless::infer_key(ctx, 1)?;
    infer(ctx)
}

fn new<D>(init: &KernelInit<'_>, distribution: D, stream: Stream) -> Result<AnyKernel>
where
    D: Distribution<f32> + Distribution<f64> + Distribution<f16> + Distribution<bf16>,
{
    let dtype = init.attrs.dtype("dtype")?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let from = stream(ctx)?;
        let (shape, pool) = (shape_input(ctx, 0)?, ctx.pool());
        let out = match dtype {
            DType::F32 => fill::<f32, D>(pool, from, shape, distribution)?,
            DType::F64 => fill::<f64, D>(pool, from, shape, distribution)?,
            DType::F16 => fill::<f16, D>(pool, from, shape, distribution)?,
            DType::BF16 => fill::<bf16, D>(pool, from, shape, distribution)?,
            other => {
                return Err(Error::unimplemented(format!(
                    "random numbers of type {other}"
                )));
            }
        };
        ctx.set(0, out)
    }))
}

impl<'g> Scope<'g> {
    /// Numbers in [0, 1) that only depend on the shape and on `seed`, two integers (op `StatelessRandomUniform`).
    #[track_caller]
    pub fn stateless_random_uniform(
        self,
        shape: impl Sizes<'g>,
        seed: impl Operand<'g>,
        dtype: DType,
    ) -> Output<'g> {
        self.stateless("StatelessRandomUniform", shape, seed, dtype)
    }

    /// Normally distributed numbers that only depend on the shape and on `seed`, two integers
    /// (op `StatelessRandomNormal`).
    #[track_caller]
    pub fn stateless_random_normal(
        self,
        shape: impl Sizes<'g>,
        seed: impl Operand<'g>,
        dtype: DType,
    ) -> Output<'g> {
        self.stateless("StatelessRandomNormal", shape, seed, dtype)
    }

    /// As [`Scope::stateless_random_normal`], without values of 2 and more in size (op `StatelessTruncatedNormal`).
    #[track_caller]
    pub fn stateless_truncated_normal(
        self,
        shape: impl Sizes<'g>,
        seed: impl Operand<'g>,
        dtype: DType,
    ) -> Output<'g> {
        self.stateless("StatelessTruncatedNormal", shape, seed, dtype)
    }

    #[track_caller]
    fn stateless(
        self,
        op: &'g str,
        shape: impl Sizes<'g>,
        seed: impl Operand<'g>,
        dtype: DType,
    ) -> Output<'g> {
        let shape = shape.vector(self);
        let builder = self.op(op).input(shape).input(seed);
        builder.attr("dtype", dtype).out()
    }
}
