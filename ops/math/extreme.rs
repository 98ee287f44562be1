//! What ArgMax and ArgMin share: along an axis, the place of the first element that beats all others.

use super::cuda::NOT_COMPLEX;
use super::elementwise::BLOCK;
use super::number::Real;
use crate::device::cpu::Disjoint;
use crate::dtype::{DType, Element};
use crate::error::{Error, Result};
use crate::kernel::{AnyKernel, Kernel, KernelDef, KernelInit, OpContext};
use crate::op::ShapeCtx;
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;
use half::{bf16, f16};
use std::marker::PhantomData;

/// An order of elements.
pub(crate) trait Contest<T>: 'static {
    /// A value that nothing loses against; it stands for the element at place 0 at first, so that NaN never wins.
    const WORST: T;
    /// Whether an element takes the place of the best one so far.
    fn beats(x: T, best: T) -> bool;
}

/// Shape function of both ops: the axis goes.
pub(crate) fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ctx.with_rank(1, 0)?;
    let input = ctx.input(0);
    let Some(dims) = input.dims() else {
        return Ok(());
    };
    if dims.is_empty() {
        return Ok(());
    }
    let mut dims = dims.to_vec();
    match ctx.constant_int(1)? {
        Some(axis) => {
            let rank = dims.len();
            let axis = ShapeCtx::axis(axis, rank).map_err(|_| {
                Error::invalid_argument(format!(
                    "Dimension ({axis}) must be in the range [-{rank}, {rank}), where {rank} is the number of dimensions in the input."
                ))
            })?;
            dims.remove(axis);
            ctx.set(0, PartialShape::of(dims));
        }
        None => ctx.set(0, PartialShape::of_rank(dims.len() - 1)),
    }
    Ok(())
}

/// The axis in input 1 of such an op, and the sizes without it.
///
/// # Errors
/// `InvalidArgument` when it is no axis, or an empty one.
pub(super) fn checked(shape: &Shape, axis: &Tensor) -> Result<(usize, Vec<usize>)> {
    if !axis.shape().is_scalar() {
        return Err(Error::invalid_argument(format!(
            "dim must be a scalar, but received tensor of shape: {}",
            axis.shape()
        )));
    }
    let axis = shape.axis(axis.to_i64s()?.first().copied().unwrap_or(0))?;
    if shape.dims()[axis] == 0 {
        return Err(Error::invalid_argument(format!(
            "Reduction axis {axis} is empty in shape {shape}"
        )));
    }
    let mut dims = shape.dims().to_vec();
    dims.remove(axis);
    Ok((axis, dims))
}

struct Places<F, T> {
    out: DType,
    types: PhantomData<fn(T) -> F>,
}

/// Columns that are compared together.
const COLUMNS: usize = 256;

impl<F: Contest<T>, T: Element> Places<F, T> {
    /// The places of the winners among `n` rows that lie `stride` apart, for each of `places.len()` columns.
    fn columns(x: &[T], n: usize, stride: usize, places: &mut [i64]) {
        if let [place] = places {
            let (mut best, mut at) = (F::WORST, 0);
            for (i, v) in x.iter().step_by(stride).take(n).enumerate() {
                if F::beats(*v, best) {
                    (best, at) = (*v, i);
                }
            }
            *place = at as i64;
            return;
        }
        let mut best = [F::WORST; COLUMNS];
        places.fill(0);
        for i in 0..n {
            let row = &x[i * stride..i * stride + places.len()];
            for ((v, best), place) in row.iter().zip(&mut best).zip(places.iter_mut()) {
                let wins = F::beats(*v, *best);
                *best = if wins { *v } else { *best };
                *place = if wins { i as i64 } else { *place };
            }
        }
    }
}

impl<F: Contest<T>, T: Element> Kernel for Places<F, T> {
    fn compute(&self, ctx: &mut OpContext<'_>) -> Result<()> {
        let x = ctx.data::<T>(0)?;
        let shape = ctx.input(0)?.shape();
        let (axis, dims) = checked(shape, ctx.input(1)?)?;
        let n = shape.dims()[axis];
        let (slabs, width) = (
            shape.product(0..axis),
            shape.product(axis + 1..shape.rank()),
        );
        let mut places = vec![0i64; slabs.saturating_mul(width).min(x.len())];
        if !places.is_empty() {
            let columns = width.min(COLUMNS);
            let parts = width.div_ceil(columns);
            let places = Disjoint::new(&mut places);
            let run = |start: usize, end: usize| {
                for unit in start..end {
                    let (slab, from) = (unit / parts, unit % parts * columns);
                    let len = columns.min(width - from);
                    // SAFETY: units have places of their own.
                    let part = unsafe { places.part(slab * width + from, len) };
                    Self::columns(&x[slab * n * width + from..], n, width, part);
                }
            };
            if x.len() <= 2 * BLOCK {
                run(0, slabs * parts);
            } else {
                let block = (BLOCK / (n * columns)).max(1);
                ctx.pool().for_blocks(slabs * parts, block, &run);
            }
        }
        let shape = Shape::of(&dims)?;
        let out = match self.out {
            DType::I64 => Tensor::from_slice(&shape, &places)?,
            DType::I32 => of_type(&shape, &places, |p| p as i32)?,
            DType::I16 => of_type(&shape, &places, |p| p as i16)?,
            DType::U16 => of_type(&shape, &places, |p| p as u16)?,
            d => return Err(Error::unimplemented(format!("places of type {d}"))),
        };
        ctx.set(0, out)
    }
}

fn of_type<D: Element>(shape: &Shape, places: &[i64], f: impl Fn(i64) -> D) -> Result<Tensor> {
    let mut out = Tensor::alloc(D::DTYPE, shape.clone())?;
    for (to, p) in out.make_mut::<D>()?.iter_mut().zip(places) {
        *to = f(*p);
    }
    Ok(out)
}

fn new<F: Contest<T>, T: Element>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::new(Places::<F, T> {
        out: init.attrs.dtype("output_type")?,
        types: PhantomData,
    }))
}

const fn kernel<F: Contest<T>, T: Element>() -> KernelDef {
    super::elementwise::for_type::<T>(new::<F, T>)
}

/// The kernels of such an op.
pub(crate) const fn kernels<F>() -> [KernelDef; 14]
where
    F: Contest<f16> + Contest<bf16> + Contest<f32> + Contest<f64> + Contest<bool>,
    F: Contest<i8> + Contest<i16> + Contest<i32> + Contest<i64>,
    F: Contest<u8> + Contest<u16> + Contest<u32> + Contest<u64>,
{
    [
        kernel::<F, f32>(),
        kernel::<F, f64>(),
        kernel::<F, i32>(),
        kernel::<F, u8>(),
        kernel::<F, i16>(),
        kernel::<F, i8>(),
        kernel::<F, i64>(),
        kernel::<F, bf16>(),
        kernel::<F, u16>(),
        kernel::<F, f16>(),
        kernel::<F, u32>(),
        kernel::<F, u64>(),
        kernel::<F, bool>(),
        KernelDef::gpu_host(
            &[
                ("T", NOT_COMPLEX),
                ("output_type", &[DType::I32, DType::I64]),
            ],
            &["dimension"],
            super::cuda::reduction::places,
        ),
    ]
}

/// The least and the greatest value of a type that has an order.
pub(crate) trait Bounded: Element + PartialOrd {
    const LEAST: Self;
    const GREATEST: Self;
}

macro_rules! bounded {
    ($($t:ty),*) => { $(
        impl Bounded for $t {
            const LEAST: $t = <$t as Real>::LOWEST;
            const GREATEST: $t = <$t as Real>::HIGHEST;
        }
    )* };
}
bounded!(f16, bf16, f32, f64, i8, i16, i32, i64, u8, u16, u32, u64);

impl Bounded for bool {
    const LEAST: bool = false;
    const GREATEST: bool = true;
}
