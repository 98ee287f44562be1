//! The generator of a kernel, and filling tensors from it in parallel.

use super::distributions::Distribution;
use crate::device::cpu::{Disjoint, ThreadPool};
use crate::dtype::{DType, Element};
use crate::error::{Error, Result};
use crate::kernel::{KernelInit, OpContext};
use crate::op::ShapeCtx;
use crate::resource::Philox;
use crate::shape::Shape;
use crate::tensor::Tensor;
use parking_lot::Mutex;

/// Groups of values that one job draws; fixed, so that results do not depend on the number of threads.
const GROUPS: usize = 2048;

/// What a random kernel draws from: calls take their parts of one stream, in the order in which they come.
pub(super) struct Generator(Mutex<Philox>);

impl Generator {
    /// The generator of the node's attributes `seed` and `seed2`.
    pub(super) fn new(init: &KernelInit<'_>) -> Result<Generator> {
        let (seed, seed2) = (init.attrs.int("seed")?, init.attrs.int("seed2")?);
        Ok(Generator(Mutex::new(Philox::from_seeds(seed, seed2))))
    }
    /// Takes the next blocks of the stream.
    pub(super) fn reserve(&self, blocks: u64) -> Philox {
        let mut stream = self.0.lock();
        let mine = *stream;
        stream.skip(blocks);
        mine
    }
    /// Takes what TensorFlow reserves for that many output elements.
    pub(super) fn reserve_outputs(&self, outputs: usize) -> Philox {
        self.reserve((outputs as u64).wrapping_mul(256))
    }
}

/// The shape that an input vector asks for.
///
/// # Errors
/// `InvalidArgument` when it is not a vector of sizes.
pub(super) fn shape_input(ctx: &OpContext<'_>, i: usize) -> Result<Shape> {
    let t = ctx.input(i)?;
    if !matches!(t.dtype(), DType::I32 | DType::I64) || !t.shape().is_vector() {
        return Err(Error::invalid_argument(format!(
            "shape must be a vector of {{int32,int64}}, got shape {}",
            t.shape()
        )));
    }
    Shape::new(&t.to_i64s()?)
}

/// The shape function of ops whose input 0 is the shape of the output.
pub(super) fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ctx.with_rank(0, 1)?;
    let shape = ctx.constant_shape(0)?;
    ctx.set(0, shape);
    Ok(())
}

/// A tensor of independent values.
pub(super) fn fill<T: Element, D: Distribution<T>>(
    pool: &ThreadPool,
    from: Philox,
    shape: Shape,
    _: D,
) -> Result<Tensor> {
    let mut out = Tensor::alloc(T::DTYPE, shape)?;
    let to = Disjoint::new(out.make_mut::<T>()?);
    let groups = to.len().div_ceil(D::GROUP);
    pool.for_blocks(groups, GROUPS, &|first, end| {
        let start = first * D::GROUP;
        // SAFETY: the blocks do not overlap.
        let part = unsafe { to.part(start, (end * D::GROUP).min(to.len()) - start) };
        let mut stream = from;
        stream.skip((first as u64).wrapping_mul(D::STRIDE));
        for values in part.chunks_mut(D::GROUP) {
            values.copy_from_slice(&D::group(stream)[..values.len()]);
            stream.skip(D::STRIDE);
        }
    });
    Ok(out)
}
