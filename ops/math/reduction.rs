//! Reductions over any axes: parallel, accurate, and in an order that depends only on the shape.
//!
//! The input is seen as alternating kept and reduced dimensions. Where the last one is reduced, rows are
//! reduced by themselves; where it is kept, rows are combined element by element. Either way short runs are
//! accumulated one after the other and the runs' results are combined in pairs, pairs of pairs and so on.

use super::cuda;
use super::elementwise::BLOCK;
use crate::device::cpu::{Disjoint, Loop, ThreadPool, vectorized};
use crate::dtype::{DType, Element};
use crate::error::{Error, Result};
use crate::kernel::{AnyKernel, Kernel, KernelDef, KernelInit, OpContext};
use crate::shape::Shape;
use half::{bf16, f16};
use num_complex::Complex;

/// A way to reduce elements of type `T` to one.
pub(crate) trait Reduce<T>: 'static {
    /// Whether rows are accumulated in the order of TensorFlow's sums, so that rows of one piece have the same bits
    /// there.
    const IN_PACKETS: bool = false;
    /// What is accumulated.
    type Acc: Copy + Send + Sync + 'static;
    /// The result for no elements.
    fn start() -> Self::Acc;
    /// One element more.
    fn add(acc: Self::Acc, x: T) -> Self::Acc;
    /// Two results together.
    fn merge(a: Self::Acc, b: Self::Acc) -> Self::Acc;
    /// The final value for so many elements.
    fn finish(acc: Self::Acc, count: usize) -> T;
}

/// So many elements of a row are accumulated side by side.
const LANES: usize = 32;
/// Elements of a vector in TensorFlow's sums.
const PACKET: usize = 8;
/// The longest run of elements that is accumulated in a lane before results are combined in pairs.
const RUN: usize = 128;
/// The longest run of rows, or of groups of narrow rows, that is accumulated before results are combined in pairs.
const ROWS: usize = 64;
/// The widest part of a kept row that is accumulated at once.
const TILE: usize = 512;
/// Reductions to at least so many results give each job whole results; others split the reduced elements.
const MANY: usize = 64;

struct RowLoop<'a, F, T>(&'a [T], std::marker::PhantomData<F>);

impl<F: Reduce<T>, T: Copy> Loop for RowLoop<'_, F, T> {
    type Output = F::Acc;
    #[inline(always)]
    fn run(self) -> F::Acc {
        if F::IN_PACKETS {
            return packets::<F, T>(self.0);
        }
        let mut total = F::start();
        let chunks = self.0.chunks_exact(LANES);
        let rest = chunks.remainder();
        if self.0.len() >= LANES {
            let mut lanes = [F::start(); LANES];
            for chunk in chunks {
                for (lane, x) in lanes.iter_mut().zip(chunk) {
                    *lane = F::add(*lane, *x);
                }
            }
            let mut half = LANES / 2;
            while half > 0 {
                for i in 0..half {
                    lanes[i] = F::merge(lanes[i], lanes[i + half]);
                }
                half /= 2;
            }
            total = lanes[0];
        }
        for x in rest {
            total = F::add(total, *x);
        }
        total
    }
}

/// Reduces a row in the order of TensorFlow's sums: lanes, their packets one after the other, packets and single
/// elements that are left.
#[inline(always)]
fn packets<F: Reduce<T>, T: Copy>(row: &[T]) -> F::Acc {
    let chunks = row.chunks_exact(LANES);
    let packets = chunks.remainder().chunks_exact(PACKET);
    let mut rest = F::start();
    for x in packets.remainder() {
        rest = F::add(rest, *x);
    }
    if row.len() < PACKET {
        return rest;
    }
    let mut sums = [F::start(); PACKET];
    if row.len() >= LANES {
        let mut lanes = [F::start(); LANES];
        for chunk in chunks {
            for (lane, x) in lanes.iter_mut().zip(chunk) {
                *lane = F::add(*lane, *x);
            }
        }
        let (first, others) = lanes.split_at(PACKET);
        sums.copy_from_slice(first);
        for packet in others.chunks_exact(PACKET) {
            for (sum, x) in sums.iter_mut().zip(packet) {
                *sum = F::merge(*sum, *x);
            }
        }
    }
    for packet in packets {
        for (sum, x) in sums.iter_mut().zip(packet) {
            *sum = F::add(*sum, *x);
        }
    }
    let mut half = PACKET / 2;
    while half > 0 {
        for i in 0..half {
            sums[i] = F::merge(sums[i], sums[i + half]);
        }
        half /= 2;
    }
    F::merge(sums[0], rest)
}

/// Combines rows of `acc.len()` elements, the starts of which lie `stride` apart, element by element into `acc`.
struct ColumnLoop<'a, F: Reduce<T>, T> {
    x: &'a [T],
    stride: usize,
    rows: usize,
    acc: &'a mut [F::Acc],
}

impl<F: Reduce<T>, T: Copy> Loop for ColumnLoop<'_, F, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (width, mut row) = (self.acc.len(), 0);
        let at = |row: usize| &self.x[row * self.stride..row * self.stride + width];
        while row + 4 <= self.rows {
            let rows = at(row)
                .iter()
                .zip(at(row + 1))
                .zip(at(row + 2))
                .zip(at(row + 3));
            for (acc, (((a, b), c), d)) in self.acc.iter_mut().zip(rows) {
                let four = F::add(F::add(F::add(F::add(F::start(), *a), *b), *c), *d);
                *acc = F::merge(*acc, four);
            }
            row += 4;
        }
        while row < self.rows {
            for (acc, x) in self.acc.iter_mut().zip(at(row)) {
                *acc = F::add(*acc, *x);
            }
            row += 1;
        }
    }
}

/// Reduces rows that lie one after the other, one for each of `acc`.
struct RowsLoop<'a, F: Reduce<T>, T> {
    x: &'a [T],
    length: usize,
    acc: &'a mut [F::Acc],
}

impl<F: Reduce<T>, T: Copy> Loop for RowsLoop<'_, F, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (acc, row) in self.acc.iter_mut().zip(self.x.chunks_exact(self.length)) {
            *acc = RowLoop::<F, T>(row, std::marker::PhantomData).run();
        }
    }
}

fn reduce_row<F: Reduce<T>, T: Copy>(x: &[T]) -> F::Acc {
    vectorized(RowLoop::<F, T>(x, std::marker::PhantomData))
}

/// Narrow contiguous rows are taken so many at a time.
fn rows_together(stride: usize, width: usize) -> usize {
    if stride == width && width < LANES {
        2 * LANES / width
    } else {
        1
    }
}

fn reduce_columns<F: Reduce<T>, T: Copy>(x: &[T], stride: usize, rows: usize, acc: &mut [F::Acc]) {
    let width = acc.len();
    let group = rows_together(stride, width);
    if group < 2 || rows < 2 * group {
        return vectorized(ColumnLoop::<F, T> {
            x,
            stride,
            rows,
            acc,
        });
    }
    let mut wide = vec![F::start(); group * width];
    let groups = rows / group;
    vectorized(ColumnLoop::<F, T> {
        x,
        stride: group * width,
        rows: groups,
        acc: &mut wide,
    });
    for part in wide.chunks_exact(width) {
        for (acc, x) in acc.iter_mut().zip(part) {
            *acc = F::merge(*acc, *x);
        }
    }
    let done = groups * group;
    vectorized(ColumnLoop::<F, T> {
        x: &x[done * stride..],
        stride,
        rows: rows - done,
        acc,
    });
}

/// Combines equally important results in pairs: after 2ᵏ additions there is one result of level k.
struct Pairs<F: Reduce<T>, T> {
    width: usize,
    count: usize,
    levels: Vec<Vec<F::Acc>>,
}

impl<F: Reduce<T>, T> Pairs<F, T> {
    fn new(width: usize) -> Pairs<F, T> {
        Pairs {
            width,
            count: 0,
            levels: Vec::new(),
        }
    }
    /// The next result, which is used up.
    fn add(&mut self, next: &mut [F::Acc]) {
        let mut level = 0;
        while self.count >> level & 1 == 1 {
            for (x, earlier) in next.iter_mut().zip(&self.levels[level]) {
                *x = F::merge(*earlier, *x);
            }
            level += 1;
        }
        if self.levels.len() == level {
            self.levels.push(vec![F::start(); self.width]);
        }
        self.levels[level].copy_from_slice(next);
        self.count += 1;
    }
    /// All of them together.
    fn finish(self, total: &mut [F::Acc]) {
        let mut first = true;
        for (level, values) in self.levels.iter().enumerate() {
            if self.count >> level & 1 == 0 {
                continue;
            }
            for (t, x) in total.iter_mut().zip(values) {
                *t = if first { *x } else { F::merge(*x, *t) };
            }
            first = false;
        }
        if first {
            total.fill(F::start());
        }
    }
}

/// The dimensions of a reduction, outermost first, as pairs of size and stride; neighbours are merged and
/// sizes of 1 left out.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Geometry {
    pub(super) kept: Vec<(usize, usize)>,
    pub(super) reduced: Vec<(usize, usize)>,
    /// Whether the last dimension is reduced.
    pub(super) rows: bool,
}

impl Geometry {
    pub(super) fn new(dims: &[usize], reduced: &[bool]) -> Geometry {
        let mut g = Geometry::default();
        let (mut stride, mut previous) = (1usize, None);
        for (n, r) in dims.iter().zip(reduced).rev().filter(|(n, _)| **n != 1) {
            let list = if *r { &mut g.reduced } else { &mut g.kept };
            match list.last_mut() {
                Some((size, _)) if previous == Some(*r) => *size *= n,
                _ => list.push((*n, stride)),
            }
            if previous.is_none() {
                g.rows = *r;
            }
            previous = Some(*r);
            stride *= n;
        }
        g.kept.reverse();
        g.reduced.reverse();
        g
    }
}

fn size(dims: &[(usize, usize)]) -> usize {
    dims.iter().map(|d| d.0).product()
}

/// Where the element of that number (counted in row-major order) lies.
fn offset(dims: &[(usize, usize)], mut index: usize) -> usize {
    let mut at = 0;
    for (n, stride) in dims.iter().rev() {
        at += index % n * stride;
        index /= n;
    }
    at
}

/// Reduces all of `x`; `acc` gets one value for each result.
fn reduce<F: Reduce<T>, T: Element>(pool: &ThreadPool, g: &Geometry, x: &[T], acc: &mut [F::Acc]) {
    if g.rows {
        reduce_rows::<F, T>(pool, g, x, acc);
    } else {
        reduce_tiles::<F, T>(pool, g, x, acc);
    }
}

/// The last dimension is reduced: a result is a reduction of `runs` rows of `length` elements.
fn reduce_rows<F: Reduce<T>, T: Element>(
    pool: &ThreadPool,
    g: &Geometry,
    x: &[T],
    acc: &mut [F::Acc],
) {
    // There is a last dimension, since otherwise `rows` is false.
    let (outer, length) = match g.reduced.split_last() {
        Some((last, outer)) => (outer, last.0),
        None => return,
    };
    let runs = size(outer);
    // Long rows are cut into pieces, whatever they are part of.
    let piece = (LANES * RUN).min(length);
    let pieces = length.div_ceil(piece);
    let steps = runs * pieces;
    if steps == 1 && g.kept.len() <= 1 {
        let out = Disjoint::new(acc);
        let run = |start: usize, end: usize| {
            vectorized(RowsLoop::<F, T> {
                x: &x[start * length..end * length],
                length,
                // SAFETY: blocks do not overlap.
                acc: unsafe { out.part(start, end - start) },
            });
        };
        if x.len() <= 2 * BLOCK {
            run(0, out.len());
        } else {
            pool.for_blocks(out.len(), (BLOCK / length).max(1), &run);
        }
        return;
    }
    let part = |start: usize, first: usize, last: usize| -> F::Acc {
        let mut pairs = Pairs::<F, T>::new(1);
        for step in first..last {
            let from = (step % pieces) * piece;
            let row = start + offset(outer, step / pieces);
            let to = (from + piece).min(length);
            pairs.add(&mut [reduce_row::<F, T>(&x[row + from..row + to])]);
        }
        let mut total = [F::start()];
        pairs.finish(&mut total);
        total[0]
    };
    let units = (acc.len(), 1, acc.len());
    split_tiles::<F, T>(pool, acc, units, steps, piece, &|unit, first, last, out| {
        out[0] = part(offset(&g.kept, unit), first, last);
    });
}

/// The last dimension is kept: tiles of results are combined from rows.
fn reduce_tiles<F: Reduce<T>, T: Element>(
    pool: &ThreadPool,
    g: &Geometry,
    x: &[T],
    acc: &mut [F::Acc],
) {
    let (outer, width) = match g.kept.split_last() {
        Some((last, outer)) => (outer, last.0),
        None => (&[][..], 1),
    };
    let (above, (rows, stride)) = match g.reduced.split_last() {
        Some((last, above)) => (above, *last),
        None => (&[][..], (1, width)),
    };
    let tile = width.min(TILE);
    let tiles = width.div_ceil(tile);
    // A step is a run of rows, of which the innermost reduced dimension has `runs`.
    let run_rows = ROWS * rows_together(stride, tile);
    let runs = rows.div_ceil(run_rows);
    let steps = size(above) * runs;
    let per_step = rows.min(run_rows) * tile;
    split_tiles::<F, T>(
        pool,
        acc,
        (width, tile, tiles),
        steps,
        per_step,
        &|unit, first, last, out| {
            let start = offset(outer, unit / tiles) + unit % tiles * tile;
            let mut pairs = Pairs::<F, T>::new(out.len());
            let mut run = vec![F::start(); out.len()];
            for step in first..last {
                let row = step % runs * run_rows;
                let count = run_rows.min(rows - row);
                run.fill(F::start());
                let from = start + offset(above, step / runs) + row * stride;
                reduce_columns::<F, T>(&x[from..], stride, count, &mut run);
                pairs.add(&mut run);
            }
            pairs.finish(out);
        },
    );
}

/// Computes tiles of results: `body(unit, first, last, out)` reduces the steps `first..last` of a tile. When
/// there are few tiles with many steps, these are divided into parts whose results are combined in pairs.
fn split_tiles<F: Reduce<T>, T: Element>(
    pool: &ThreadPool,
    acc: &mut [F::Acc],
    (width, tile, tiles): (usize, usize, usize),
    steps: usize,
    per_step: usize,
    body: &(dyn Fn(usize, usize, usize, &mut [F::Acc]) + Sync),
) {
    let units = acc.len() / width * tiles;
    // The place of a unit's results, and how many there are.
    let place = |unit: usize| {
        let from = unit % tiles * tile;
        (unit / tiles * width + from, tile.min(width - from))
    };
    let total = units * steps * per_step;
    if units >= MANY || total <= 2 * BLOCK || steps == 1 {
        let out = Disjoint::new(acc);
        let run = |start: usize, end: usize| {
            for unit in start..end {
                let (at, len) = place(unit);
                // SAFETY: units have places of their own.
                body(unit, 0, steps, unsafe { out.part(at, len) });
            }
        };
        if total <= 2 * BLOCK {
            run(0, units);
        } else {
            pool.for_blocks(units, (BLOCK / (steps * per_step).max(1)).max(1), &run);
        }
        return;
    }
    let per_part = (BLOCK / per_step.max(1)).max(steps.div_ceil(MANY)).max(1);
    let parts = steps.div_ceil(per_part);
    let mut partial = vec![F::start(); acc.len() * parts];
    {
        let partial = Disjoint::new(&mut partial);
        pool.parallel_for(units * parts, &|job| {
            let (unit, part) = (job / parts, job % parts);
            let (at, len) = place(unit);
            // SAFETY: a unit's results stand together, once for each part; jobs have places of their own.
            let out = unsafe { partial.part(at * parts + part * len, len) };
            body(
                unit,
                part * per_part,
                ((part + 1) * per_part).min(steps),
                out,
            );
        });
    }
    for unit in 0..units {
        let (at, len) = place(unit);
        let mut pairs = Pairs::<F, T>::new(len);
        for part in partial[at * parts..(at + len) * parts].chunks_exact_mut(len) {
            pairs.add(part);
        }
        pairs.finish(&mut acc[at..at + len]);
    }
}

/// Which axes of a shape are reduced, from the input that lists them.
pub(crate) fn reduced_axes(axes: &[i64], rank: usize) -> Result<Vec<bool>> {
    let mut reduced = vec![false; rank];
    for a in axes {
        let n = rank as i64;
        if *a < -n || *a >= n {
            return Err(Error::invalid_argument(format!(
                "Invalid reduction dimension ({a} for input with {rank} dimension(s)"
            )));
        }
        let i = (if *a < 0 { a + n } else { *a }) as usize;
        if std::mem::replace(&mut reduced[i], true) {
            return Err(Error::invalid_argument(format!(
                "Invalid reduction arguments: Axes contains duplicate dimension: {i}"
            )));
        }
    }
    Ok(reduced)
}

/// The shape that remains.
pub(super) fn remaining(dims: &[usize], reduced: &[bool], keep: bool) -> Result<Shape> {
    let dims: Vec<usize> = dims
        .iter()
        .zip(reduced)
        .filter_map(|(n, r)| match (r, keep) {
            (false, _) => Some(*n),
            (true, true) => Some(1),
            (true, false) => None,
        })
        .collect();
    Shape::of(&dims)
}

struct ReduceKernel<F, T> {
    keep: bool,
    types: std::marker::PhantomData<fn(T) -> F>,
}

impl<F: Reduce<T>, T: Element> Kernel for ReduceKernel<F, T> {
    fn compute(&self, ctx: &mut OpContext<'_>) -> Result<()> {
        let x = ctx.data::<T>(0)?;
        let dims = ctx.input(0)?.shape().dims().to_vec();
        let axes = ctx.input(1)?.to_i64s()?;
        let reduced = reduced_axes(&axes, dims.len())?;
        let shape = remaining(&dims, &reduced, self.keep)?;
        if x.len() == shape.elements() && !x.is_empty() {
            // Only dimensions of size 1 go.
            let x = ctx.take_input(0)?.into_shape(shape)?;
            return ctx.set(0, x);
        }
        let mut out = crate::Tensor::alloc(T::DTYPE, shape)?;
        let results = out.make_mut::<T>()?;
        if x.is_empty() {
            results.fill(F::finish(F::start(), 0));
        } else {
            let g = Geometry::new(&dims, &reduced);
            let mut acc = vec![F::start(); results.len()];
            reduce::<F, T>(ctx.pool(), &g, x, &mut acc);
            let count = x.len() / results.len();
            for (result, acc) in results.iter_mut().zip(acc) {
                *result = F::finish(acc, count);
            }
        }
        ctx.set(0, out)
    }
}

/// The kernel of a reduction for one element type.
pub(crate) fn reduction<F: Reduce<T>, T: Element>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::new(ReduceKernel::<F, T> {
        keep: init.attrs.bool("keep_dims")?,
        types: std::marker::PhantomData,
    }))
}

const BOTH: &[DType] = &[DType::I32, DType::I64];

/// The attributes for which a reduction of `T` is registered.
struct Only<T>(T);
impl<T: Element> Only<T> {
    const WHEN: &'static [(&'static str, &'static [DType])] = &[("T", &[T::DTYPE]), ("Tidx", BOTH)];
}

/// The registration of [`reduction`] for one element type.
pub(crate) const fn reduction_for<F: Reduce<T>, T: Element>() -> KernelDef {
    KernelDef::cpu(Only::<T>::WHEN, reduction::<F, T>)
}

/// The registration of a reduction's CUDA kernel.
pub(super) const fn on_gpu(when: cuda::When) -> KernelDef {
    KernelDef::gpu_host(when, &["reduction_indices"], cuda::reduction::reduction)
}

/// [`reduction`] for int32 on a GPU, where it stays in host memory.
const fn int32_on_host<F: Reduce<i32>>() -> KernelDef {
    let arguments = &["input", "reduction_indices", "output"];
    cuda::int32_on_host(arguments, reduction::<F, i32>)
}

/// [`reduction`] for floats and integers.
pub(crate) const fn real_reductions<F>() -> [KernelDef; 14]
where
    F: Reduce<f16> + Reduce<bf16> + Reduce<f32> + Reduce<f64>,
    F: Reduce<i8> + Reduce<i16> + Reduce<i32> + Reduce<i64>,
    F: Reduce<u8> + Reduce<u16> + Reduce<u32> + Reduce<u64>,
{
    [
        reduction_for::<F, f32>(),
        reduction_for::<F, f64>(),
        reduction_for::<F, i32>(),
        reduction_for::<F, u8>(),
        reduction_for::<F, i16>(),
        reduction_for::<F, i8>(),
        reduction_for::<F, i64>(),
        reduction_for::<F, bf16>(),
        reduction_for::<F, u16>(),
        reduction_for::<F, f16>(),
        reduction_for::<F, u32>(),
        reduction_for::<F, u64>(),
        on_gpu(&[("T", cuda::REALS), ("Tidx", BOTH)]),
        int32_on_host::<F>(),
    ]
}

/// [`reduction`] for all numbers.
pub(crate) const fn number_reductions<F>() -> [KernelDef; 16]
where
    F: Reduce<f16> + Reduce<bf16> + Reduce<f32> + Reduce<f64>,
    F: Reduce<i8> + Reduce<i16> + Reduce<i32> + Reduce<i64>,
    F: Reduce<u8> + Reduce<u16> + Reduce<u32> + Reduce<u64>,
    F: Reduce<Complex<f32>> + Reduce<Complex<f64>>,
{
    [
        reduction_for::<F, f32>(),
        reduction_for::<F, f64>(),
        reduction_for::<F, i32>(),
        reduction_for::<F, u8>(),
        reduction_for::<F, i16>(),
        reduction_for::<F, i8>(),
        reduction_for::<F, Complex<f32>>(),
        reduction_for::<F, i64>(),
        reduction_for::<F, bf16>(),
        reduction_for::<F, u16>(),
        reduction_for::<F, Complex<f64>>(),
        reduction_for::<F, f16>(),
        reduction_for::<F, u32>(),
        reduction_for::<F, u64>(),
        on_gpu(&[("T", cuda::REALS), ("Tidx", BOTH)]),
        int32_on_host::<F>(),
    ]
}

/// Reduces a whole slice, in the engine's order.
pub(crate) fn reduce_all<F: Reduce<T>, T: Element>(pool: &ThreadPool, x: &[T]) -> F::Acc {
    let g = Geometry::new(&[x.len()], &[true]);
    let mut acc = [F::start()];
    match x {
        [] => {}
        [one] => acc[0] = F::add(F::start(), *one),
        _ => reduce::<F, T>(pool, &g, x, &mut acc),
    }
    acc[0]
}
