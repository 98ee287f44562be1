//! Kernels that combine two tensors element by element, with broadcasting.

use super::cuda::{self, ON_FLOATS, ON_REALS};
use super::elementwise::{BLOCK, CHUNK, Stage, as_input, blocks, for_type, same_type, write};
use crate::device::cpu::{Disjoint, Loop, ThreadPool, vectorized};
use crate::dtype::Element;
use crate::error::{Error, Result};
use crate::kernel::{AnyKernel, Kernel, KernelDef, KernelInit, OpContext};
use crate::shape::{Broadcast, Shape};
use half::{bf16, f16};
use num_complex::Complex;
use std::mem::MaybeUninit;

/// A function of two elements.
pub(crate) trait Binary<T>: 'static {
    /// What it gives.
    type Out: Element;
    /// Its value; to be inlined into vector loops.
    fn apply(x: T, y: T) -> Self::Out;
    /// Refuses right operands for which it is not defined; called when there is something to compute.
    fn check(_y: &[T]) -> Result<()> {
        Ok(())
    }
}

/// How the operands' shapes go together.
#[derive(Clone, Copy)]
enum Pairing {
    Broadcast,
    /// The same number of elements; the result has the shape of the first.
    SameSize,
}

type Row<T, U> = fn(&[T], &[T], &mut [U]);

struct BinaryRow<'a, F: Binary<T>, T>(&'a [T], &'a [T], &'a mut [F::Out]);

impl<F: Binary<T>, T: Copy> Loop for BinaryRow<'_, F, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for ((out, x), y) in self.2.iter_mut().zip(self.0).zip(self.1) {
            *out = F::apply(*x, *y);
        }
    }
}

struct BinaryKernel<T, U> {
    row: Row<T, U>,
    check: fn(&[T]) -> Result<()>,
    pairing: Pairing,
}

impl<T: Element, U: Element> Kernel for BinaryKernel<T, U> {
    fn compute(&self, ctx: &mut OpContext<'_>) -> Result<()> {
        let (a, b) = (ctx.input(0)?.shape(), ctx.input(1)?.shape());
        ctx.data::<T>(0)?;
        let y = ctx.data::<T>(1)?;
        let plan = match self.pairing {
            Pairing::Broadcast => plan(a, b)?,
            Pairing::SameSize if a.elements() == b.elements() => plan(a, a)?,
            Pairing::SameSize => {
                return Err(Error::invalid_argument(format!(
                    "The two arguments to a cwise op must have same number of elements, got {} and {}",
                    a.elements(),
                    b.elements()
                )));
            }
        };
        if plan.shape.elements() > 0 {
            (self.check)(y)?;
        }
        let candidates: &[usize] = if same_type::<T, U>() { &[0, 1] } else { &[] };
        let (mut out, reused) = ctx.forward_or_alloc(candidates, U::DTYPE, &plan.shape)?;
        {
            let source = |i: usize, strides| match reused {
                Some(r) if r == i => Ok(Source::Output),
                _ => ctx.data::<T>(i).map(|data| {
                    if data.len() == plan.shape.elements() {
                        Source::Whole(data)
                    } else {
                        Source::Repeated(data, strides)
                    }
                }),
            };
            let sources = [source(0, &plan.left)?, source(1, &plan.right)?];
            run(ctx.pool(), self.row, &plan.dims, sources, out.make_mut()?);
        }
        ctx.set(0, out)
    }
}

/// [`Broadcast::new`], short for equal shapes.
fn plan(a: &Shape, b: &Shape) -> Result<Broadcast> {
    if a != b {
        return Broadcast::new(a, b);
    }
    Ok(Broadcast {
        shape: a.clone(),
        dims: Vec::new(),
        left: Vec::new(),
        right: Vec::new(),
    })
}

/// Where an operand's elements are.
#[derive(Clone, Copy)]
enum Source<'a, T> {
    /// One for each element of the result.
    Whole(&'a [T]),
    /// Some are used several times: with these strides along the result's dimensions.
    Repeated(&'a [T], &'a [usize]),
    /// In the buffer of the result.
    Output,
}

/// Rows at least this long are taken as they lie; shorter ones are gathered into longer pieces.
const LONG: usize = 64;

/// The pieces in which an operand is handed to the inner loop.
struct Pieces<'a, T> {
    source: Source<'a, T>,
    dims: &'a [usize],
    inner: usize,
    stage: Stage<T>,
    /// What the stage holds: an element's position repeated so often, or so many elements of a period.
    held: Option<(usize, usize)>,
}

impl<'a, T: Element> Pieces<'a, T> {
    fn new(source: Source<'a, T>, dims: &'a [usize]) -> Pieces<'a, T> {
        Pieces {
            source,
            dims,
            inner: dims.last().copied().unwrap_or(1).max(1),
            stage: Stage::new(),
            held: None,
        }
    }
    /// Whether pieces of long rows must fit the stage.
    fn staged(&self) -> bool {
        match self.source {
            Source::Whole(_) => false,
            Source::Output => true,
            Source::Repeated(_, strides) => strides.last() == Some(&0),
        }
    }
    /// The operand for the elements of the result from `at` on, which `out` will hold.
    fn get<U: Element>(&mut self, at: usize, out: &[U]) -> &[T] {
        let len = out.len();
        let (data, strides) = match self.source {
            Source::Whole(data) => return &data[at..at + len],
            Source::Output => return self.stage.copy(as_input(out)),
            Source::Repeated(data, strides) => (data, strides),
        };
        let last = strides.last().copied().unwrap_or(0);
        if self.inner >= LONG {
            let first = self.position(at / self.inner, strides);
            if last != 0 {
                let first = first + at % self.inner;
                return &data[first..first + len];
            }
            if !self.held.is_some_and(|(p, n)| p == first && n >= len) {
                self.stage.room()[..len].fill(MaybeUninit::new(data[first]));
                self.held = Some((first, len));
            }
        } else {
            let periodic = strides.len() <= 1 || (strides.len() == 2 && strides[0] == 0);
            let period_start = at.is_multiple_of(self.inner);
            if !(periodic && period_start && self.held.is_some_and(|(_, n)| n >= len)) {
                self.gather(data, strides, at, len);
                self.held = (periodic && period_start).then_some((0, len));
            }
        }
        // SAFETY: one of the branches above, now or when `held` was set, has written that many.
        unsafe { self.stage.written(len) }
    }
    /// Where row `row` (counted over all dimensions but the last) begins.
    fn position(&self, mut row: usize, strides: &[usize]) -> usize {
        let mut position = 0;
        for (n, stride) in self.dims.iter().zip(strides).rev().skip(1) {
            position += row % n * stride;
            row /= n;
        }
        position
    }
    /// Copies elements one short row after the other.
    fn gather(&mut self, data: &[T], strides: &[usize], at: usize, len: usize) {
        let last = strides.last().copied().unwrap_or(0);
        let (mut row, mut column, mut done) = (at / self.inner, at % self.inner, 0);
        while done < len {
            let n = (self.inner - column).min(len - done);
            let first = self.position(row, strides);
            let room = &mut self.stage.room()[done..done + n];
            if last == 0 {
                room.fill(MaybeUninit::new(data[first]));
            } else {
                write(room, &data[first + column..first + column + n]);
            }
            (row, column, done) = (row + 1, 0, done + n);
        }
    }
}

/// Computes all elements of the result.
fn run<T: Element, U: Element>(
    pool: &ThreadPool,
    row: Row<T, U>,
    dims: &[usize],
    sources: [Source<'_, T>; 2],
    out: &mut [U],
) {
    let repeated = sources.iter().any(|s| matches!(s, Source::Repeated(..)));
    let inner = dims.last().copied().unwrap_or(1).max(1);
    let (long, whole_rows) = (inner >= LONG, inner <= BLOCK);
    let block = if repeated && whole_rows {
        BLOCK / inner * inner
    } else {
        BLOCK
    };
    let out = Disjoint::new(out);
    blocks(pool, out.len(), block, &|start, end| {
        let [mut x, mut y] = sources.map(|s| Pieces::new(s, dims));
        let staged = x.staged() || y.staged();
        let mut at = start;
        while at < end {
            let mut len = end - at;
            if repeated && !long {
                len = len.min(CHUNK / inner * inner);
            } else {
                if staged {
                    len = len.min(CHUNK);
                }
                if repeated {
                    len = len.min(inner - at % inner);
                }
            }
            // SAFETY: blocks and their pieces do not overlap.
            let part = unsafe { out.part(at, len) };
            row(x.get(at, part), y.get(at, part), part);
            at += len;
        }
    });
}

/// The row loop of a function.
fn row_of<F: Binary<T>, T: Element>() -> Row<T, F::Out> {
    |x, y, out| vectorized(BinaryRow::<F, T>(x, y, out))
}

/// The kernel of a function with broadcasting, for one element type.
pub(crate) fn binary<F: Binary<T>, T: Element>(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::new(BinaryKernel {
        row: row_of::<F, T>(),
        check: F::check,
        pairing: Pairing::Broadcast,
    }))
}

/// The kernel of a function of two tensors of the same size, for one element type.
pub(crate) fn pairwise<F: Binary<T>, T: Element>(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::new(BinaryKernel {
        row: row_of::<F, T>(),
        check: F::check,
        pairing: Pairing::SameSize,
    }))
}

/// The registration of [`binary`] for one element type.
pub(crate) const fn binary_for<F: Binary<T>, T: Element>() -> KernelDef {
    for_type::<T>(binary::<F, T>)
}

/// [`binary`] for int32 on a GPU, where it stays in host memory.
pub(crate) const fn int32_on_host<F: Binary<i32>>() -> KernelDef {
    cuda::int32_on_host(&["x", "y", "z"], binary::<F, i32>)
}

/// [`pairwise`] for floats and complex numbers.
pub(crate) const fn pairwise_fields<F>() -> [KernelDef; 7]
where
    F: Binary<f16> + Binary<bf16> + Binary<f32> + Binary<f64>,
    F: Binary<Complex<f32>> + Binary<Complex<f64>>,
{
    [
        for_type::<f32>(pairwise::<F, f32>),
        for_type::<f64>(pairwise::<F, f64>),
        for_type::<f16>(pairwise::<F, f16>),
        for_type::<bf16>(pairwise::<F, bf16>),
        for_type::<Complex<f32>>(pairwise::<F, Complex<f32>>),
        for_type::<Complex<f64>>(pairwise::<F, Complex<f64>>),
        KernelDef::gpu(ON_FLOATS, cuda::pairwise),
    ]
}

/// [`binary`] for half, bfloat16, float, double.
pub(crate) const fn binary_floats<F>() -> [KernelDef; 5]
where
    F: Binary<f16> + Binary<bf16> + Binary<f32> + Binary<f64>,
{
    [
        binary_for::<F, f32>(),
        binary_for::<F, f64>(),
        binary_for::<F, f16>(),
        binary_for::<F, bf16>(),
        KernelDef::gpu(ON_FLOATS, cuda::binary),
    ]
}

/// [`binary`] for floats and complex numbers.
pub(crate) const fn binary_fields<F>() -> [KernelDef; 7]
where
    F: Binary<f16> + Binary<bf16> + Binary<f32> + Binary<f64>,
    F: Binary<Complex<f32>> + Binary<Complex<f64>>,
{
    [
        binary_for::<F, f32>(),
        binary_for::<F, f64>(),
        binary_for::<F, f16>(),
        binary_for::<F, bf16>(),
        binary_for::<F, Complex<f32>>(),
        binary_for::<F, Complex<f64>>(),
        KernelDef::gpu(ON_FLOATS, cuda::binary),
    ]
}

/// [`binary`] for floats and integers.
pub(crate) const fn binary_reals<F>() -> [KernelDef; 14]
where
    F: Binary<f16> + Binary<bf16> + Binary<f32> + Binary<f64>,
    F: Binary<i8> + Binary<i16> + Binary<i32> + Binary<i64>,
    F: Binary<u8> + Binary<u16> + Binary<u32> + Binary<u64>,
{
    [
        binary_for::<F, f32>(),
        binary_for::<F, f64>(),
        binary_for::<F, i32>(),
        binary_for::<F, u8>(),
        binary_for::<F, i16>(),
        binary_for::<F, i8>(),
        binary_for::<F, i64>(),
        binary_for::<F, bf16>(),
        binary_for::<F, u16>(),
        binary_for::<F, f16>(),
        binary_for::<F, u32>(),
        binary_for::<F, u64>(),
        KernelDef::gpu(ON_REALS, cuda::binary),
        int32_on_host::<F>(),
    ]
}

/// [`binary`] for all numbers.
pub(crate) const fn binary_numbers<F>() -> [KernelDef; 16]
where
    F: Binary<f16> + Binary<bf16> + Binary<f32> + Binary<f64>,
    F: Binary<i8> + Binary<i16> + Binary<i32> + Binary<i64>,
    F: Binary<u8> + Binary<u16> + Binary<u32> + Binary<u64>,
    F: Binary<Complex<f32>> + Binary<Complex<f64>>,
{
    [
        binary_for::<F, f32>(),
        binary_for::<F, f64>(),
        binary_for::<F, i32>(),
        binary_for::<F, u8>(),
        binary_for::<F, i16>(),
        binary_for::<F, i8>(),
        binary_for::<F, Complex<f32>>(),
        binary_for::<F, i64>(),
        binary_for::<F, bf16>(),
        binary_for::<F, u16>(),
        binary_for::<F, Complex<f64>>(),
        binary_for::<F, f16>(),
        binary_for::<F, u32>(),
        binary_for::<F, u64>(),
        KernelDef::gpu(ON_REALS, cuda::binary),
        int32_on_host::<F>(),
    ]
}
