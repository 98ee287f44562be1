//! RandomUniformInt: integers from a range.

use super::generator::{Generator, infer, shape_input};
use crate::device::cpu::Disjoint;
use crate::dtype::{DType, Element, sets};
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef};
use crate::registry::OpEntry;
use crate::resource::Philox;
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

/// Blocks that one job draws.
const BLOCKS: usize = 4096;

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    if init.attrs.dtype("Tout")? == DType::I32 {
        kernel::<i32, 4>(init, |low, high, from| {
            let range = high.wrapping_sub(low) as u32;
            from.at(0)
                .map(|x| low.wrapping_add((x.checked_rem(range).unwrap_or(0)) as i32))
        })
    } else {
        kernel::<i64, 2>(init, |low, high, from| {
            let range = high.wrapping_sub(low) as u64;
            let [a, b, c, d] = from.at(0);
            [(a, b), (c, d)].map(|(x, y)| {
                let x = u64::from(x) | u64::from(y) << 32;
                low.wrapping_add((x.checked_rem(range).unwrap_or(0)) as i64)
            })
        })
    }
}

fn kernel<T: Element + PartialOrd + std::fmt::Display, const N: usize>(
    init: &KernelInit<'_>,
    draw: fn(T, T, Philox) -> [T; N],
) -> Result<AnyKernel> {
    let generator = Generator::new(init)?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let shape = shape_input(ctx, 0)?;
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
        let (low, high) = (bound(1, "minval")?, bound(2, "maxval")?);
        let mut out = Tensor::alloc(T::DTYPE, shape)?;
        if out.elements() == 0 {
            return ctx.set(0, out);
        }
        if low >= high {
            return Err(Error::invalid_argument(format!(
                "Need minval < maxval, got {low} >= {high}"
            )));
        }
        let from = generator.reserve_outputs(out.elements());
        let to = Disjoint::new(out.make_mut::<T>()?);
        let blocks = to.len().div_ceil(N);
        ctx.pool().for_blocks(blocks, BLOCKS, &|first, end| {
            let start = first * N;
            // SAFETY: the blocks do not overlap.
            let part = unsafe { to.part(start, (end * N).min(to.len()) - start) };
            let mut stream = from;
            stream.skip(first as u64);
            for values in part.chunks_mut(N) {
                values.copy_from_slice(&draw(low, high, stream)[..values.len()]);
                stream.skip(1);
            }
        });
        ctx.set(0, out)
    }))
}
