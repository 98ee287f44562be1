//! Streams of stateless random ops: from a seed of two numbers, or from a key and a counter.

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::kernel::OpContext;
use crate::op::ShapeCtx;
use crate::resource::Philox;
use crate::shape::PartialShape;
use crate::tensor::Tensor;

/// TensorFlow's number of the Philox algorithm.
pub(super) const PHILOX: i32 = 1;
/// TensorFlow's number for "what suits the device", which is Philox on all of ours.
const AUTO_SELECT: i32 = 3;

/// The stream of a `seed` input.
///
/// # Errors
/// `InvalidArgument` when it is not a vector of two integers.
pub(super) fn from_seed(seed: &Tensor) -> Result<Philox> {
    if seed.shape().dims() != [2] {
        return Err(Error::invalid_argument(format!(
            "seed must have shape [2], not {}",
            seed.shape()
        )));
    }
    let numbers = match seed.dtype() {
        DType::U64 => seed.data::<u64>()?.to_vec(),
        DType::U32 => seed.data::<u32>()?.iter().map(|v| (*v).into()).collect(),
        _ => seed.to_i64s()?.into_iter().map(|v| v as u64).collect(),
    };
    match numbers[..] {
        [a, b] => Ok(Philox::from_stateless_seed([a, b])),
        _ => Err(Error::internal("a seed is not two numbers")),
    }
}

/// The stream of the inputs `key`, `counter` and `alg`, the first of which is input `i`.
///
/// # Errors
/// `InvalidArgument` when their shapes are wrong, or the algorithm is another one.
pub(super) fn from_key(ctx: &OpContext<'_>, i: usize) -> Result<Philox> {
    let (key, counter, alg) = (ctx.input(i)?, ctx.input(i + 1)?, ctx.input(i + 2)?);
    if !alg.shape().is_scalar() {
        return Err(Error::invalid_argument(format!(
            "algorithm must be of shape [], not {}",
            alg.shape()
        )));
    }
    let alg = alg.to_scalar::<i32>()?;
    let (1, &[key]) = (key.shape().rank(), key.data::<u64>()?) else {
        return Err(Error::invalid_argument(format!(
            "key must have shape [1], not {}. (Note that batched keys are not supported yet.)",
            key.shape()
        )));
    };
    let (1, &[low, high, ..]) = (counter.shape().rank(), counter.data::<u64>()?) else {
        return Err(Error::invalid_argument(format!(
            "counter must be a vector with length at least 2; got shape: {}. (Note that batched counters are not supported yet.)",
            counter.shape()
        )));
    };
    if alg != PHILOX && alg != AUTO_SELECT {
        return Err(Error::invalid_argument(format!(
            "Unsupported algorithm id: {alg}"
        )));
    }
    Ok(Philox::with_counter(key, [low, high]))
}

/// Checks that input `i` may be a seed of two numbers.
pub(super) fn infer_seed(ctx: &ShapeCtx<'_>, i: usize) -> Result<()> {
    ctx.with_rank(i, 1)?
        .merge(&PartialShape::vector(Some(2)))
        .map(drop)
}

/// Checks that the inputs from `i` on may be a key, a counter and an algorithm.
pub(super) fn infer_key(ctx: &ShapeCtx<'_>, i: usize) -> Result<()> {
    ctx.with_rank(i, 1)?;
    ctx.with_rank(i + 1, 1)?;
    ctx.with_rank(i + 2, 0).map(drop)
}
