//! StatelessRandomUniformInt, StatelessRandomUniformFullInt and their V2: integers that only depend on the inputs.

use super::distributions::Distribution;
use super::generator::{fill, shape_input};
use super::random_uniform_int::{Ranged, bounds, fill_range};
use super::stateless_floats::{Stream, infer_keyed, infer_seeded, keyed, seeded};
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

/// The types of which all values may be drawn.
const FULL: &[DType] = &[DType::I32, DType::I64, DType::U32, DType::U64];

pub(crate) static STATELESS_UNIFORM_INT: OpEntry = OpEntry {
    def: OpDef {
        signature: "StatelessRandomUniformInt(shape:T, seed:Tseed, minval:dtype, maxval:dtype) -> (output:dtype)",
        attrs: "dtype:type{int32,int64}; T:type{int32,int64}; Tseed:type{int32,int64}=int64",
        flags: Flags::PURE,
        infer: |ctx| {
            ctx.with_rank(2, 0)?;
            ctx.with_rank(3, 0)?;
            infer_seeded(ctx)
        },
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("dtype", sets::INDEX)], |init| {
        ranged(init, seeded, 2)
    })],
};

pub(crate) static STATELESS_UNIFORM_INT_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "StatelessRandomUniformIntV2(shape:Tshape, key:uint64, counter:uint64, alg:int32, minval:dtype, maxval:dtype) -> (output:dtype)",
        attrs: "dtype:type{int32,int64,uint32,uint64}; Tshape:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer: |ctx| {
            ctx.with_rank(4, 0)?;
            ctx.with_rank(5, 0)?;
            infer_keyed(ctx)
        },
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("dtype", sets::INDEX)], |init| {
        ranged(init, keyed, 4)
    })],
};

pub(crate) static STATELESS_FULL_INT: OpEntry = OpEntry {
    def: OpDef {
        signature: "StatelessRandomUniformFullInt(shape:T, seed:Tseed) -> (output:dtype)",
        attrs: "dtype:type{int32,int64,uint32,uint64}=uint64; T:type{int32,int64}=int32; Tseed:type{int32,int64,uint32,uint64}=int64",
        flags: Flags::PURE,
        infer: infer_seeded,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("dtype", FULL)], |init| {
        full(init, seeded)
    })],
};

pub(crate) static STATELESS_FULL_INT_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "StatelessRandomUniformFullIntV2(shape:Tshape, key:uint64, counter:uint64, alg:int32) -> (output:dtype)",
        attrs: "dtype:type{int32,int64,uint32,uint64}=uint64; Tshape:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer: infer_keyed,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("dtype", FULL)], |init| full(init, keyed))],
};

/// A kernel whose bounds are the inputs from `first_bound` on.
fn ranged(init: &KernelInit<'_>, stream: Stream, first_bound: usize) -> Result<AnyKernel> {
    fn kernel<T: Ranged>(stream: Stream, first_bound: usize) -> AnyKernel {
        AnyKernel::new(move |ctx: &mut OpContext<'_>| {
            let from = stream(ctx)?;
            let shape = shape_input(ctx, 0)?;
            let out = if shape.elements() == 0 {
                Tensor::alloc(T::DTYPE, shape)?
            } else {
                let range = bounds::<T>(ctx, first_bound)?;
                fill_range(ctx.pool(), || from, &shape, range)?
            };
            ctx.set(0, out)
        })
    }
    match init.attrs.dtype("dtype")? {
        DType::I32 => Ok(kernel::<i32>(stream, first_bound)),
        _ => Ok(kernel::<i64>(stream, first_bound)),
    }
}

/// All values of the type are equally likely.
#[derive(Clone, Copy)]
struct Full;

/// How an integer is made of words.
trait FromWords: Element {
    /// Values in one block.
    const GROUP: usize;
    /// The values of a block.
    fn from_block(block: [u32; 4]) -> [Self; 4];
}

impl FromWords for u32 {
    const GROUP: usize = 4;
    fn from_block(block: [u32; 4]) -> [u32; 4] {
        block
    }
}
impl FromWords for i32 {
    const GROUP: usize = 4;
    fn from_block(block: [u32; 4]) -> [i32; 4] {
        block.map(|x| x as i32)
    }
}
impl FromWords for u64 {
    const GROUP: usize = 2;
    fn from_block([a, b, c, d]: [u32; 4]) -> [u64; 4] {
        let wide = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        [wide(a, b), wide(c, d), 0, 0]
    }
}
impl FromWords for i64 {
    const GROUP: usize = 2;
    fn from_block(block: [u32; 4]) -> [i64; 4] {
        u64::from_block(block).map(|x| x as i64)
    }
}

impl<T: FromWords> Distribution<T> for Full {
    const GROUP: usize = T::GROUP;
    const STRIDE: u64 = 1;
    fn group(from: Philox) -> [T; 4] {
        T::from_block(from.at(0))
    }
}

fn full(init: &KernelInit<'_>, stream: Stream) -> Result<AnyKernel> {
    let dtype = init.attrs.dtype("dtype")?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let from = stream(ctx)?;
        let (shape, pool) = (shape_input(ctx, 0)?, ctx.pool());
        let out = match dtype {
            DType::I32 => fill::<i32, Full>(pool, from, shape, Full)?,
            DType::I64 => fill::<i64, Full>(pool, from, shape, Full)?,
            DType::U32 => fill::<u32, Full>(pool, from, shape, Full)?,
            DType::U64 => fill::<u64, Full>(pool, from, shape, Full)?,
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
    /// Integers from `min` on and below `max` (of one type, int32 or int64) that only depend on the inputs; `seed` is
    /// two integers (op `StatelessRandomUniformInt`).
    #[track_caller]
    pub fn stateless_random_uniform_int(
        self,
        shape: impl Sizes<'g>,
        seed: impl Operand<'g>,
        min: impl Operand<'g>,
        max: impl Operand<'g>,
    ) -> Output<'g> {
        let shape = shape.vector(self);
        let builder = self.op("StatelessRandomUniformInt").input(shape);
        builder.input(seed).input(min).input(max).out()
    }

    /// Integers of the whole range of a type (int32, int64, uint32, uint64) that only depend on the shape and on
    /// `seed`, two integers (op `StatelessRandomUniformFullInt`).
    #[track_caller]
    pub fn stateless_random_full_int(
        self,
        shape: impl Sizes<'g>,
        seed: impl Operand<'g>,
        dtype: DType,
    ) -> Output<'g> {
        let shape = shape.vector(self);
        let builder = self.op("StatelessRandomUniformFullInt").input(shape);
        builder.input(seed).attr("dtype", dtype).out()
    }
}
