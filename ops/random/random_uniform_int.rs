//! RandomUniformInt: integers from a range.

use super::generator::{Generator, infer, shape_input};
use crate::device::cpu::{Disjoint, ThreadPool};
use crate::dtype::{DType, Element, sets};
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef};
use crate::registry::OpEntry;
use crate::resource::Philox;
use crate::shape::Shape;
use crate::tensor::Tensor;

pub(crate) static RANDOM_UNIFORM_INT: OpEntry = OpEntry {
    def: OpDef {
        signature: "RandomUniformInt(shape:T, minval:Tout, maxval:Tout) -> (output:Tout)",
        attrs: "seed:int=0; seed2:int=0; Tout:type{int32,int64}; T:type{int32,int64}",
        flags: Flags::STATEFUL,
        infer: |ctx| {
            ctx.with_rank(1, 0)?;
            ctx.with_rank(2, 0)?;
            infer(ctx)
        },
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("Tout", sets::INDEX)], new)],
};

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    if init.attrs.dtype("Tout")? == DType::I32 {
        kernel::<i32>(init)
    } else {
        kernel::<i64>(init)
    }
}

fn kernel<T: Ranged>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let generator = Generator::new(init)?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let shape = shape_input(ctx, 0)?;
        let range = bounds::<T>(ctx, 1)?;
        if shape.elements() == 0 {
            let out = Tensor::alloc(T::DTYPE, shape)?;
            return ctx.set(0, out);
        }
        let from = || generator.reserve_outputs(shape.elements());
        let out = fill_range(ctx.pool(), from, &shape, range)?;
        ctx.set(0, out)
    }))
}

/// An integer type that is drawn from a range.
pub(super) trait Ranged: Element + PartialOrd + std::fmt::Display {
    /// Values in one block of words.
    const GROUP: usize;
    /// The values of a block, from `range.0` on and below `range.1`.
    fn draw(block: [u32; 4], range: (Self, Self)) -> [Self; 4];
}

impl Ranged for i32 {
    const GROUP: usize = 4;
    fn draw(block: [u32; 4], (low, high): (i32, i32)) -> [i32; 4] {
        let range = high.wrapping_sub(low) as u32;
        block.map(|x| low.wrapping_add((x.checked_rem(range).unwrap_or(0)) as i32))
    }
}

impl Ranged for i64 {
    const GROUP: usize = 2;
    fn draw([a, b, c, d]: [u32; 4], (low, high): (i64, i64)) -> [i64; 4] {
        let range = high.wrapping_sub(low) as u64;
        let [x, y] = [(a, b), (c, d)].map(|(x, y)| {
            let x = u64::from(x) | u64::from(y) << 32;
            low.wrapping_add((x.checked_rem(range).unwrap_or(0)) as i64)
        });
        [x, y, 0, 0]
    }
}

/// The scalars `minval` and `maxval`, inputs `i` and `i + 1`.
pub(super) fn bounds<T: Element>(ctx: &OpContext<'_>, i: usize) -> Result<(T, T)> {
    let bound = |i: usize, name: &str| {
        let t = ctx.input(i)?;
        if !t.shape().is_scalar() {
            return Err(Error::invalid_argument(format!(
                "{name} must be 0-D, got shape {}",
                t.shape()
            )));
        }
        t.to_scalar::<T>()
    };
    Ok((bound(i, "minval")?, bound(i + 1, "maxval")?))
}

/// Blocks that one job draws.
const BLOCKS: usize = 4096;

/// A tensor of integers from a range, drawn from the stream that `from` gives once the range is known to be good.
pub(super) fn fill_range<T: Ranged>(
    pool: &ThreadPool,
    from: impl FnOnce() -> Philox,
    shape: &Shape,
    range: (T, T),
) -> Result<Tensor> {
    if range.0 >= range.1 {
        return Err(Error::invalid_argument(format!(
            "Need minval < maxval, got {} >= {}",
            range.0, range.1
        )));
    }
    let from = from();
    let mut out = Tensor::alloc(T::DTYPE, shape.clone())?;
    let to = Disjoint::new(out.make_mut::<T>()?);
    let blocks = to.len().div_ceil(T::GROUP);
    pool.for_blocks(blocks, BLOCKS, &|first, end| {
        let start = first * T::GROUP;
        // SAFETY: the blocks do not overlap.
        let part = unsafe { to.part(start, (end * T::GROUP).min(to.len()) - start) };
        let mut stream = from;
        stream.skip(first as u64);
        for values in part.chunks_mut(T::GROUP) {
            values.copy_from_slice(&T::draw(stream.next(), range)[..values.len()]);
        }
    });
    Ok(out)
}
