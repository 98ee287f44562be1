//! What SegmentSum and SegmentMean share: rows that stand together are combined.

use super::elementwise::for_type;
use super::mean::Average;
use super::number::{Accumulate, Number};
use crate::device::cpu::{Loop, vectorized};
use crate::dtype::Element;
use crate::error::{Error, Result};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::ShapeCtx;
use crate::shape::PartialShape;
use crate::tensor::Tensor;
use half::{bf16, f16};
use num_complex::Complex;

/// Adds a row to sums.
pub(crate) struct AddRow<'a, T: Accumulate>(pub &'a mut [T::Sum], pub &'a [T]);

impl<T: Accumulate> Loop for AddRow<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (sum, x) in self.0.iter_mut().zip(self.1) {
            *sum = sum.plus(x.widen());
        }
    }
}

/// How the rows of a segment become one.
pub(crate) trait Combine<T>: 'static {
    /// What is accumulated.
    type Sum: Number;
    /// An element as it is added up.
    fn widen(x: T) -> Self::Sum;
    /// The result of so many rows.
    fn finish(sum: Self::Sum, rows: usize) -> T;
}

/// The sum of the rows.
pub(crate) struct Sum;
impl<T: Accumulate> Combine<T> for Sum {
    type Sum = T::Sum;
    fn widen(x: T) -> T::Sum {
        x.widen()
    }
    fn finish(sum: T::Sum, _: usize) -> T {
        T::narrow(sum)
    }
}

/// The mean of the rows.
pub(crate) struct Mean;
impl<T: Average> Combine<T> for Mean {
    type Sum = T::Sum;
    fn widen(x: T) -> T::Sum {
        x.widen()
    }
    fn finish(sum: T::Sum, rows: usize) -> T {
        T::average(sum, rows)
    }
}

/// Shape function: as many rows as the last number says, which is known only when it runs.
pub(crate) fn infer_sorted(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ctx.with_rank(1, 1)?;
    let data = ctx.input(0);
    data.with_rank_at_least(1)?;
    if let Some(dims) = data.dims() {
        let rows = PartialShape::vector(None);
        ctx.set(0, rows.concat(&PartialShape::of(dims[1..].to_vec())));
    }
    Ok(())
}

fn compute<F: Combine<T>, T: Element>(ctx: &mut OpContext<'_>) -> Result<()> {
    let data = ctx.data::<T>(0)?;
    let (shape, ids) = (ctx.input(0)?.shape(), ctx.input(1)?);
    let Some(n) = shape.dim(0) else {
        return Err(Error::invalid_argument("input must be at least rank 1"));
    };
    if !ids.shape().is_vector() {
        return Err(Error::invalid_argument("segment_ids should be a vector."));
    }
    if ids.elements() != n {
        return Err(Error::invalid_argument(
            "segment_ids should be the same size as dimension 0 of input.",
        ));
    }
    let ids = ids.to_i64s()?;
    let rows = match ids.last() {
        Some(last) if *last < 0 => {
            return Err(Error::invalid_argument("segment ids must be >= 0"));
        }
        Some(last) => last.saturating_add(1) as usize,
        None => 0,
    };
    let shape = shape.with_dim(0, rows)?;
    if shape.elements().saturating_mul(std::mem::size_of::<T>()) > i64::MAX as usize {
        return Err(Error::invalid_argument(format!(
            "segment ids ask for a tensor of shape {shape}, which is too large"
        )));
    }
    let mut out = Tensor::alloc(T::DTYPE, shape.clone())?;
    let width = shape.product(1..shape.rank());
    let result = out.make_mut::<T>()?;
    result.fill(F::finish(F::Sum::ZERO, 1));
    let mut sums = vec![F::Sum::ZERO; width.min(data.len())];
    let mut start = 0;
    while start < n {
        let id = ids[start];
        let length = ids[start..].iter().take_while(|i| **i == id).count();
        if ids.get(start + length).is_some_and(|next| *next < id) {
            return Err(Error::invalid_argument("segment ids are not increasing"));
        }
        let row = usize::try_from(id).ok().filter(|r| *r < rows).ok_or_else(|| {
            Error::invalid_argument(format!(
                "Segment id {id} out of range [0, {rows}), possibly because 'segment_ids' input is not sorted."
            ))
        })?;
        sums.fill(F::Sum::ZERO);
        for i in start..start + length {
            let x = &data[i * width..(i + 1) * width];
            vectorized(Add::<F, T>(&mut sums, x));
        }
        for (to, sum) in result[row * width..(row + 1) * width].iter_mut().zip(&sums) {
            *to = F::finish(*sum, length);
        }
        start += length;
    }
    ctx.set(0, out)
}

struct Add<'a, F: Combine<T>, T>(&'a mut [F::Sum], &'a [T]);

impl<F: Combine<T>, T: Copy> Loop for Add<'_, F, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (sum, x) in self.0.iter_mut().zip(self.1) {
            *sum = sum.plus(F::widen(*x));
        }
    }
}

fn new<F: Combine<T>, T: Element>(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::new(compute::<F, T>))
}

/// The kernels of such an op.
pub(crate) const fn kernels<F>() -> [KernelDef; 14]
where
    F: Combine<f16> + Combine<bf16> + Combine<f32> + Combine<f64>,
    F: Combine<i8> + Combine<i16> + Combine<i32> + Combine<i64>,
    F: Combine<u8> + Combine<u16> + Combine<u32> + Combine<u64>,
    F: Combine<Complex<f32>> + Combine<Complex<f64>>,
{
    [
        for_type::<f32>(new::<F, f32>),
        for_type::<f64>(new::<F, f64>),
        for_type::<i32>(new::<F, i32>),
        for_type::<u8>(new::<F, u8>),
        for_type::<i16>(new::<F, i16>),
        for_type::<i8>(new::<F, i8>),
        for_type::<Complex<f32>>(new::<F, Complex<f32>>),
        for_type::<i64>(new::<F, i64>),
        for_type::<bf16>(new::<F, bf16>),
        for_type::<u16>(new::<F, u16>),
        for_type::<Complex<f64>>(new::<F, Complex<f64>>),
        for_type::<f16>(new::<F, f16>),
        for_type::<u32>(new::<F, u32>),
        for_type::<u64>(new::<F, u64>),
    ]
}
