//! Samples of distributions with a tensor of parameters: each sample has its own part of the stream.

use super::generator::{Generator, shape_input};
use crate::device::cpu::{Disjoint, ThreadPool, try_parallel};
use crate::dtype::{DType, Element};
use crate::error::{Error, Result};
use crate::kernel::OpContext;
use crate::op::ShapeCtx;
use crate::resource::Philox;
use crate::shape::Shape;
use crate::tensor::Tensor;
use half::f16;

/// Blocks of the stream that each sample owns.
const BLOCKS: u64 = 256;
/// Samples that one job draws.
const SAMPLES: usize = 512;

/// The double numbers of a block, in the order in which TensorFlow's samplers use them: the second one first.
pub(super) struct Backwards<D> {
    pair: [f64; 2],
    left: usize,
    draw: D,
}

impl<D: Fn(&mut Philox) -> [f64; 2]> Backwards<D> {
    pub(super) fn new(draw: D) -> Backwards<D> {
        Backwards {
            pair: [0.0; 2],
            left: 0,
            draw,
        }
    }
    /// The next number; a new block is drawn when none is left.
    pub(super) fn next(&mut self, stream: &mut Philox) -> f64 {
        if self.left == 0 {
            self.pair = (self.draw)(stream);
            self.left = 2;
        }
        self.left -= 1;
        self.pair[self.left]
    }
}

/// Makes the value of an output type from a sample.
pub(super) trait Sampled: Element {
    fn sampled(v: f64) -> Self;
}
impl Sampled for f64 {
    fn sampled(v: f64) -> f64 {
        v
    }
}
impl Sampled for f32 {
    fn sampled(v: f64) -> f32 {
        v as f32
    }
}
impl Sampled for f16 {
    fn sampled(v: f64) -> f16 {
        f16::from_f32(v as f32)
    }
}
impl Sampled for i32 {
    fn sampled(v: f64) -> i32 {
        v as i32
    }
}
impl Sampled for i64 {
    fn sampled(v: f64) -> i64 {
        v as i64
    }
}

/// The parameters as doubles.
pub(super) fn parameters(t: &Tensor) -> Result<Vec<f64>> {
    match t.dtype() {
        DType::F64 => Ok(t.data::<f64>()?.to_vec()),
        DType::F32 => Ok(t.data::<f32>()?.iter().map(|v| f64::from(*v)).collect()),
        DType::F16 => Ok(t.data::<f16>()?.iter().map(|v| v.to_f64()).collect()),
        _ => Ok(t.to_i64s()?.into_iter().map(|v| v as f64).collect()),
    }
}

/// A sampler of one number from its own stream and its parameter.
pub(super) type Sampler = fn(Philox, f64) -> Result<f64>;

/// A call of a stateful op: the shape in input 0 asks for that many samples for each parameter in input 1, which
/// are the last dimensions of the result.
pub(super) fn stateful(
    ctx: &mut OpContext<'_>,
    generator: &Generator,
    dtype: DType,
    sampler: Sampler,
) -> Result<()> {
    let samples = shape_input(ctx, 0)?;
    let t = ctx.input(1)?;
    let mut dims = samples.dims().to_vec();
    dims.extend(t.shape().dims());
    let shape = Shape::of(&dims)?;
    let parameters = parameters(t)?;
    let out = if shape.elements() == 0 {
        Tensor::alloc(dtype, shape)?
    } else {
        let from = generator.reserve_outputs(shape.elements());
        fill_as(ctx.pool(), dtype, from, shape, &parameters, sampler)?
    };
    ctx.set(0, out)
}

/// A call of a stateless op: the shape in input 0 is that of the result, whose last dimensions are those of the
/// parameters in input `i`.
pub(super) fn stateless(
    ctx: &mut OpContext<'_>,
    from: Philox,
    i: usize,
    dtype: DType,
    sampler: Sampler,
) -> Result<()> {
    let shape = shape_input(ctx, 0)?;
    let out = if shape.elements() == 0 {
        Tensor::alloc(dtype, shape)?
    } else {
        let t = ctx.input(i)?;
        if !shape.dims().ends_with(t.shape().dims()) {
            return Err(Error::invalid_argument(
                "Shape passed in must end with broadcasted shape.",
            ));
        }
        let parameters = parameters(t)?;
        fill_as(ctx.pool(), dtype, from, shape, &parameters, sampler)?
    };
    ctx.set(0, out)
}

fn fill_as(
    pool: &ThreadPool,
    dtype: DType,
    from: Philox,
    shape: Shape,
    parameters: &[f64],
    sampler: Sampler,
) -> Result<Tensor> {
    match dtype {
        DType::F16 => fill::<f16>(pool, from, shape, parameters, sampler),
        DType::F32 => fill::<f32>(pool, from, shape, parameters, sampler),
        DType::F64 => fill::<f64>(pool, from, shape, parameters, sampler),
        DType::I32 => fill::<i32>(pool, from, shape, parameters, sampler),
        DType::I64 => fill::<i64>(pool, from, shape, parameters, sampler),
        other => Err(Error::unimplemented(format!(
            "random numbers of type {other}"
        ))),
    }
}

/// Samples in the layout `[samples, parameters]`; the streams are numbered parameter by parameter.
fn fill<T: Sampled>(
    pool: &ThreadPool,
    from: Philox,
    shape: Shape,
    parameters: &[f64],
    sampler: Sampler,
) -> Result<Tensor> {
    let mut out = Tensor::alloc(T::DTYPE, shape)?;
    let to = Disjoint::new(out.make_mut::<T>()?);
    let count = parameters.len().max(1);
    let samples = to.len() / count;
    try_parallel(pool, to.len().div_ceil(SAMPLES), &|job| {
        let start = job * SAMPLES;
        let len = SAMPLES.min(to.len() - start);
        // SAFETY: each job writes its own part.
        let part = unsafe { to.part(start, len) };
        for (i, to) in part.iter_mut().enumerate() {
            let (sample, parameter) = ((start + i) / count, (start + i) % count);
            let number = (parameter * samples + sample) as u64;
            let mut stream = from;
            stream.skip(number.wrapping_mul(BLOCKS));
            *to = T::sampled(sampler(stream, parameters[parameter])?);
        }
        Ok(())
    })?;
    Ok(out)
}

/// The shape function of stateful ops: the samples' shape (input 0), then that of the parameters (input 1).
pub(super) fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ctx.with_rank(0, 1)?;
    let shape = ctx.constant_shape(0)?.concat(&ctx.input(1));
    ctx.set(0, shape);
    Ok(())
}
