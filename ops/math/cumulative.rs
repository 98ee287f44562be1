//! Running sums and products along an axis.

use super::cuda::scan::scan;
use super::elementwise::BLOCK;
use super::number::Number;
use crate::device::cpu::{Disjoint, Loop, vectorized};
use crate::dtype::sets::{FLOATS, INDEX};
use crate::dtype::{DType, Element};
use crate::error::{Error, Result};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, Kernel, KernelDef, KernelInit, OpContext};
use crate::shape::Shape;
use crate::tensor::Tensor;
use half::{bf16, f16};
use num_complex::Complex;
use std::marker::PhantomData;

/// How a running sum or product goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Running {
    /// Each result leaves out the element at its own place.
    pub exclusive: bool,
    /// From the end to the front.
    pub reverse: bool,
}

impl Running {
    /// As the attributes say.
    ///
    /// # Errors
    /// `InvalidArgument` for attributes that are missing.
    pub(crate) fn of(init: &KernelInit<'_>) -> Result<Running> {
        Ok(Running {
            exclusive: init.attrs.bool("exclusive")?,
            reverse: init.attrs.bool("reverse")?,
        })
    }
}

/// What is done with each next element.
pub(crate) trait Step<T>: 'static {
    /// The value before the first element.
    fn start() -> T;
    /// The value with one element more.
    fn next(so_far: T, x: T) -> T;
}

/// One slab of the input: `length` rows of `width` elements, of which the columns `from..from + columns`
/// are accumulated.
struct Slab<'a, F, T> {
    x: &'a [T],
    y: *mut T,
    length: usize,
    width: usize,
    columns: usize,
    running: Running,
    step: PhantomData<F>,
}

impl<F: Step<T>, T: Element> Loop for Slab<'_, F, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let row_of = |i: usize| {
            if self.running.reverse {
                self.length - 1 - i
            } else {
                i
            }
        };
        // SAFETY: `y` is where the job's columns of the slab begin; rows lie `width` apart inside the output,
        // and no other job writes these columns.
        let row = |i: usize| unsafe {
            std::slice::from_raw_parts_mut(self.y.add(row_of(i) * self.width), self.columns)
        };
        if self.columns == 1 {
            let mut so_far = F::start();
            for i in 0..self.length {
                let before = so_far;
                so_far = F::next(so_far, self.x[row_of(i) * self.width]);
                row(i)[0] = if self.running.exclusive {
                    before
                } else {
                    so_far
                };
            }
            return;
        }
        for i in 0..self.length {
            // What is added to the previous row of results: this row, or with `exclusive` the one before.
            if i == 0 {
                for (y, x) in row(0).iter_mut().zip(&self.x[row_of(0) * self.width..]) {
                    *y = if self.running.exclusive {
                        F::start()
                    } else {
                        F::next(F::start(), *x)
                    };
                }
                continue;
            }
            let from = row_of(if self.running.exclusive { i - 1 } else { i });
            let before: &[T] = row(i - 1);
            let sources = before.iter().zip(&self.x[from * self.width..]);
            for (y, (before, x)) in row(i).iter_mut().zip(sources) {
                *y = F::next(*before, *x);
            }
        }
    }
}

struct ScanKernel<F, T> {
    running: Running,
    types: PhantomData<fn(T) -> F>,
}

/// Columns that one job accumulates together.
const COLUMNS: usize = 256;

impl<F: Step<T>, T: Element> Kernel for ScanKernel<F, T> {
    fn compute(&self, ctx: &mut OpContext<'_>) -> Result<()> {
        let x = ctx.data::<T>(0)?;
        let shape = ctx.input(0)?.shape().clone();
        let axis = axis_of(&shape, ctx.input(1)?)?;
        let mut out = Tensor::alloc(T::DTYPE, shape.clone())?;
        if x.is_empty() {
            return ctx.set(0, out);
        }
        let (length, width) = (shape.dims()[axis], shape.product(axis + 1..shape.rank()));
        let slabs = shape.product(0..axis);
        let columns = width.min(COLUMNS);
        let parts = width.div_ceil(columns);
        let y = Disjoint::new(out.make_mut::<T>()?);
        let run = |start: usize, end: usize| {
            for unit in start..end {
                let (slab, from) = (unit / parts, unit % parts * columns);
                let at = slab * length * width + from;
                vectorized(Slab::<F, T> {
                    x: &x[at..],
                    // SAFETY: inside the output.
                    y: unsafe { y.as_ptr().add(at) },
                    length,
                    width,
                    columns: columns.min(width - from),
                    running: self.running,
                    step: PhantomData,
                });
            }
        };
        if x.len() <= 2 * BLOCK {
            run(0, slabs * parts);
        } else {
            let block = (BLOCK / (length * columns)).max(1);
            ctx.pool().for_blocks(slabs * parts, block, &run);
        }
        ctx.set(0, out)
    }
}

fn new<F: Step<T>, T: Element>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::new(ScanKernel::<F, T> {
        running: Running::of(init)?,
        types: PhantomData,
    }))
}

/// The axis that a scalar names.
///
/// # Errors
/// `InvalidArgument` when there is none.
pub(crate) fn axis_of(shape: &Shape, axis: &Tensor) -> Result<usize> {
    if !axis.shape().is_scalar() {
        return Err(Error::invalid_argument(format!(
            "ScanOp: axis must be a scalar, not {}",
            axis.shape()
        )));
    }
    let given = axis.to_i64s()?.first().copied().unwrap_or(0);
    shape.axis(given).map_err(|e| {
        let text = e.message();
        Error::invalid_argument(format!(
            "ScanOp: {}",
            text.replace("dimension", "scan axis")
        ))
    })
}

struct Only<T>(T);
impl<T: Element> Only<T> {
    const WHEN: &'static [(&'static str, &'static [DType])] =
        &[("T", &[T::DTYPE]), ("Tidx", INDEX)];
}

const fn scan_for<F: Step<T>, T: Number>() -> KernelDef {
    KernelDef::cpu(Only::<T>::WHEN, new::<F, T>)
}

/// The kernels of a running sum or product.
pub(crate) const fn scans<F>() -> [KernelDef; 15]
where
    F: Step<f16> + Step<bf16> + Step<f32> + Step<f64>,
    F: Step<i8> + Step<i16> + Step<i32> + Step<i64>,
    F: Step<u8> + Step<u16> + Step<u32> + Step<u64>,
    F: Step<Complex<f32>> + Step<Complex<f64>>,
{
    [
        scan_for::<F, f32>(),
        scan_for::<F, f64>(),
        scan_for::<F, i32>(),
        scan_for::<F, u8>(),
        scan_for::<F, i16>(),
        scan_for::<F, i8>(),
        scan_for::<F, Complex<f32>>(),
        scan_for::<F, i64>(),
        scan_for::<F, bf16>(),
        scan_for::<F, u16>(),
        scan_for::<F, Complex<f64>>(),
        scan_for::<F, f16>(),
        scan_for::<F, u32>(),
        scan_for::<F, u64>(),
        KernelDef::gpu_host(&[("T", FLOATS), ("Tidx", INDEX)], &["axis"], scan),
    ]
}

/// A node of such an op.
#[track_caller]
pub(crate) fn scan_op<'g>(
    scope: Scope<'g>,
    op: &'g str,
    x: impl Operand<'g>,
    axis: impl Operand<'g>,
    running: Running,
) -> Output<'g> {
    scope
        .op(op)
        .input(x)
        .input(axis)
        .attr("exclusive", running.exclusive)
        .attr("reverse", running.reverse)
        .out()
}
