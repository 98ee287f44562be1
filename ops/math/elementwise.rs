//! Kernels that apply a function to each element, in place where the input is not needed any more.

use super::cuda;
use crate::device::cpu::{Disjoint, Loop, ThreadPool, vectorized};
use crate::dtype::{DType, Element};
use crate::error::Result;
use crate::kernel::{AnyKernel, Kernel, KernelDef, KernelInit, OpContext};
use half::{bf16, f16};
use num_complex::Complex;
use std::any::TypeId;
use std::mem::MaybeUninit;

/// A function of one element.
pub(crate) trait Unary<T>: 'static {
    /// What it gives.
    type Out: Element;
    /// Its value; to be inlined into vector loops.
    fn apply(x: T) -> Self::Out;
}

/// How many elements one job of a parallel loop computes. (Loops over at most twice as many run inline.)
pub(crate) const BLOCK: usize = 1 << 14;

/// How many elements pass through a [`Stage`] at once.
pub(crate) const CHUNK: usize = 512;

/// A piece of an operand, laid out for the inner loop, that stays in the first-level cache.
pub(crate) struct Stage<T>([MaybeUninit<T>; CHUNK]);

impl<T: Copy> Stage<T> {
    /// Room for [`CHUNK`] elements.
    #[inline(always)]
    pub(crate) fn new() -> Stage<T> {
        Stage([const { MaybeUninit::uninit() }; CHUNK])
    }
    /// The room.
    pub(crate) fn room(&mut self) -> &mut [MaybeUninit<T>] {
        &mut self.0
    }
    /// The first elements.
    ///
    /// # Safety
    /// They must have been written.
    pub(crate) unsafe fn written(&self, len: usize) -> &[T] {
        // SAFETY: the range check is the slice's; the caller promises that these elements were written.
        unsafe { std::slice::from_raw_parts(self.0[..len].as_ptr() as *const T, len) }
    }
    /// A copy of at most [`CHUNK`] elements.
    pub(crate) fn copy(&mut self, from: &[T]) -> &[T] {
        write(&mut self.0[..from.len()], from);
        // SAFETY: written above.
        unsafe { self.written(from.len()) }
    }
}

/// Copies elements into room of the same length.
pub(crate) fn write<T: Copy>(room: &mut [MaybeUninit<T>], from: &[T]) {
    for (to, v) in room.iter_mut().zip(from) {
        to.write(*v);
    }
}

/// Splits a loop over elements into blocks for the pool, or runs it at once when it is short.
pub(crate) fn blocks(
    pool: &ThreadPool,
    items: usize,
    block: usize,
    body: &(dyn Fn(usize, usize) + Sync),
) {
    if items <= 2 * BLOCK {
        if items > 0 {
            body(0, items);
        }
    } else {
        pool.for_blocks(items, block, body);
    }
}

/// Whether both types are one.
pub(crate) fn same_type<T: 'static, U: 'static>() -> bool {
    TypeId::of::<T>() == TypeId::of::<U>()
}

/// The elements of an output that reused its input's buffer, as that input had them.
///
/// # Panics
/// When the types differ.
pub(crate) fn as_input<T: Element, U: Element>(out: &[U]) -> &[T] {
    assert!(same_type::<T, U>());
    // SAFETY: T and U are the same type.
    unsafe { std::slice::from_raw_parts(out.as_ptr() as *const T, out.len()) }
}

struct UnaryRow<'a, F: Unary<T>, T>(&'a [T], &'a mut [F::Out]);

impl<F: Unary<T>, T: Copy> Loop for UnaryRow<'_, F, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (out, x) in self.1.iter_mut().zip(self.0) {
            *out = F::apply(*x);
        }
    }
}

struct UnaryKernel<T, U> {
    row: fn(&[T], &mut [U]),
}

impl<T: Element, U: Element> Kernel for UnaryKernel<T, U> {
    fn compute(&self, ctx: &mut OpContext<'_>) -> Result<()> {
        ctx.data::<T>(0)?;
        let shape = ctx.input(0)?.shape().clone();
        let candidates: &[usize] = if same_type::<T, U>() { &[0] } else { &[] };
        let (mut out, reused) = ctx.forward_or_alloc(candidates, U::DTYPE, &shape)?;
        let pool = ctx.pool();
        let values = Disjoint::new(out.make_mut::<U>()?);
        if reused.is_some() {
            blocks(pool, values.len(), BLOCK, &|start, end| {
                let mut stage = Stage::new();
                for at in (start..end).step_by(CHUNK) {
                    // SAFETY: blocks and their pieces do not overlap.
                    let part = unsafe { values.part(at, CHUNK.min(end - at)) };
                    (self.row)(stage.copy(as_input(part)), part);
                }
            });
        } else {
            let x = ctx.data::<T>(0)?;
            blocks(pool, values.len(), BLOCK, &|start, end| {
                // SAFETY: blocks do not overlap.
                let part = unsafe { values.part(start, end - start) };
                (self.row)(&x[start..end], part);
            });
        }
        ctx.set(0, out)
    }
}

/// The kernel of a function for one element type.
pub(crate) fn unary<F: Unary<T>, T: Element>(_: &KernelInit<'_>) -> Result<AnyKernel> {
    let row: fn(&[T], &mut [F::Out]) = |x, out| vectorized(UnaryRow::<F, T>(x, out));
    Ok(AnyKernel::new(UnaryKernel { row }))
}

struct Only<T>(T);
impl<T: Element> Only<T> {
    const T: &'static [(&'static str, &'static [DType])] = &[("T", &[T::DTYPE])];
}

/// The registration of a kernel for one value of the attribute `T`.
pub(crate) const fn for_type<T: Element>(
    new: fn(&KernelInit<'_>) -> Result<AnyKernel>,
) -> KernelDef {
    KernelDef::cpu(Only::<T>::T, new)
}

/// The registration of [`unary`] for one element type.
pub(crate) const fn unary_for<F: Unary<T>, T: Element>() -> KernelDef {
    for_type::<T>(unary::<F, T>)
}

/// [`unary`] for int32 on a GPU, where it stays in host memory.
pub(crate) const fn int32_on_host<F: Unary<i32>>() -> KernelDef {
    cuda::int32_on_host(&["x", "y"], unary::<F, i32>)
}

/// [`unary`] for half, bfloat16, float, double.
pub(crate) const fn unary_floats<F>() -> [KernelDef; 5]
where
    F: Unary<f16> + Unary<bf16> + Unary<f32> + Unary<f64>,
{
    [
        unary_for::<F, f32>(),
        unary_for::<F, f64>(),
        unary_for::<F, f16>(),
        unary_for::<F, bf16>(),
        cuda::unary_on(cuda::ON_FLOATS),
    ]
}

/// [`unary`] for floats and complex numbers.
pub(crate) const fn unary_fields<F>() -> [KernelDef; 7]
where
    F: Unary<f16> + Unary<bf16> + Unary<f32> + Unary<f64>,
    F: Unary<Complex<f32>> + Unary<Complex<f64>>,
{
    [
        unary_for::<F, f32>(),
        unary_for::<F, f64>(),
        unary_for::<F, f16>(),
        unary_for::<F, bf16>(),
        unary_for::<F, Complex<f32>>(),
        unary_for::<F, Complex<f64>>(),
        cuda::unary_on(cuda::ON_FLOATS),
    ]
}

/// [`unary`] for floats and signed integers.
pub(crate) const fn unary_signed<F>() -> [KernelDef; 10]
where
    F: Unary<f16> + Unary<bf16> + Unary<f32> + Unary<f64>,
    F: Unary<i8> + Unary<i16> + Unary<i32> + Unary<i64>,
{
    [
        unary_for::<F, f32>(),
        unary_for::<F, f64>(),
        unary_for::<F, f16>(),
        unary_for::<F, bf16>(),
        unary_for::<F, i8>(),
        unary_for::<F, i16>(),
        unary_for::<F, i32>(),
        unary_for::<F, i64>(),
        cuda::unary_on(cuda::ON_SIGNED),
        int32_on_host::<F>(),
    ]
}

/// [`unary`] for floats, signed integers and complex numbers.
pub(crate) const fn unary_signed_fields<F>() -> [KernelDef; 12]
where
    F: Unary<f16> + Unary<bf16> + Unary<f32> + Unary<f64>,
    F: Unary<i8> + Unary<i16> + Unary<i32> + Unary<i64>,
    F: Unary<Complex<f32>> + Unary<Complex<f64>>,
{
    [
        unary_for::<F, f32>(),
        unary_for::<F, f64>(),
        unary_for::<F, f16>(),
        unary_for::<F, bf16>(),
        unary_for::<F, i8>(),
        unary_for::<F, i16>(),
        unary_for::<F, i32>(),
        unary_for::<F, i64>(),
        unary_for::<F, Complex<f32>>(),
        unary_for::<F, Complex<f64>>(),
        cuda::unary_on(cuda::ON_SIGNED),
        int32_on_host::<F>(),
    ]
}

/// [`unary`] for all numbers.
pub(crate) const fn unary_numbers<F>() -> [KernelDef; 16]
where
    F: Unary<f16> + Unary<bf16> + Unary<f32> + Unary<f64>,
    F: Unary<i8> + Unary<i16> + Unary<i32> + Unary<i64>,
    F: Unary<u8> + Unary<u16> + Unary<u32> + Unary<u64>,
    F: Unary<Complex<f32>> + Unary<Complex<f64>>,
{
    [
        unary_for::<F, f32>(),
        unary_for::<F, f64>(),
        unary_for::<F, f16>(),
        unary_for::<F, bf16>(),
        unary_for::<F, i8>(),
        unary_for::<F, i16>(),
        unary_for::<F, i32>(),
        unary_for::<F, i64>(),
        unary_for::<F, u8>(),
        unary_for::<F, u16>(),
        unary_for::<F, u32>(),
        unary_for::<F, u64>(),
        unary_for::<F, Complex<f32>>(),
        unary_for::<F, Complex<f64>>(),
        cuda::unary_on(cuda::ON_REALS),
        int32_on_host::<F>(),
    ]
}
