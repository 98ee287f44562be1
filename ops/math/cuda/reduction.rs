//! Launches of the CUDA reductions: which threads add up what depends on the shape alone, so that results are the
//! same in every run and on every GPU.

use super::{NOT_COMPLEX, data_type, function, padded, prepare, words};
use crate::device::cuda::{Grid, Source, source_file};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::kernel::{AnyKernel, KernelInit, OpContext};
use crate::ops::math::reduction::{Geometry, reduced_axes, remaining};
use crate::shape::Shape;
use crate::tensor::Tensor;

pub(crate) static REDUCTION: Source = Source {
    name: "math/reduction",
    files: &[
        source_file!("ops/math/scalar.cuh"),
        source_file!("ops/math/reduction.cu"),
    ],
    types: NOT_COMPLEX,
};

/// Threads of a block.
const THREADS: usize = 256;
/// Elements that a thread adds up one after the other.
const RUN: usize = 32;
/// Neighbouring results that a block computes where the last dimension is kept.
const COLUMNS: usize = 32;
/// Kept and reduced dimensions that alternate, at most so many of each.
const RANK: usize = 8;
/// Blocks of a launch; with more work than this each computes several parts.
const BLOCKS: usize = 1 << 20;

/// The kernel of a reduction over the axes in input 1, which lies in host memory.
pub(crate) fn reduction(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let dtype = data_type(init.inputs, 0)?;
    prepare(init, &REDUCTION, dtype);
    let name = function(&init.node.op);
    let keep = init.attrs.bool("keep_dims")?;
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let x = ctx.input(0)?;
        let dims = x.shape().dims().to_vec();
        let reduced = reduced_axes(&ctx.input(1)?.to_i64s()?, dims.len())?;
        let shape = remaining(&dims, &reduced, keep)?;
        if x.elements() == shape.elements() && x.elements() > 0 {
            // Only dimensions of size 1 go.
            let x = ctx.take_input(0)?.into_shape(shape)?;
            return ctx.set(0, x);
        }
        let y = reduce(ctx, &name, &Geometry::new(&dims, &reduced), shape)?;
        ctx.set(0, y)
    }))
}

/// The kernel of a reduction of all elements to a scalar.
pub(crate) fn to_scalar(init: &KernelInit<'_>) -> Result<AnyKernel> {
    prepare(init, &REDUCTION, data_type(init.inputs, 0)?);
    let name = function(&init.node.op);
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let all = Geometry::new(&[ctx.input(0)?.elements()], &[true]);
        let y = reduce(ctx, &name, &all, Shape::scalar())?;
        ctx.set(0, y)
    }))
}

/// The type in which elements are added up.
fn accumulator(dtype: DType) -> DType {
    match dtype {
        DType::F16 | DType::BF16 => DType::F32,
        DType::I8 | DType::I16 | DType::I64 => DType::I64,
        DType::U8 | DType::U16 | DType::U32 | DType::U64 => DType::U64,
        other => other,
    }
}

/// One pass over the elements: sizes and steps of the dimensions that stay and of those that go.
struct Pass {
    kept: Vec<(usize, usize)>,
    reduced: Vec<(usize, usize)>,
    /// Neighbours are reduced to one result.
    rows: bool,
}

impl Pass {
    fn count(&self) -> usize {
        self.reduced.iter().map(|d| d.0).product()
    }
    /// Threads that work on one result.
    fn lanes(&self, results: usize) -> usize {
        let wanted = self.count().max(1).next_power_of_two().min(THREADS);
        match self.rows {
            true => wanted,
            false => wanted.min(THREADS / results.next_power_of_two().min(COLUMNS)),
        }
    }
}

/// Input 0 reduced to a new tensor of that shape.
fn reduce(ctx: &OpContext<'_>, name: &str, g: &Geometry, shape: Shape) -> Result<Tensor> {
    let (gpu, x) = (ctx.gpu()?, ctx.input(0)?);
    let out = ctx.alloc(x.dtype(), &shape)?;
    let results = shape.elements();
    if results == 0 {
        return Ok(out);
    }
    if g.kept.len() > RANK || g.reduced.len() > RANK {
        return Err(Error::unimplemented(
            "a reduction over that many dimensions on a GPU",
        ));
    }
    let mut pass = Pass {
        kept: g.kept.clone(),
        reduced: g.reduced.clone(),
        rows: g.rows,
    };
    let total = pass.count();
    let (mut from, mut name) = (x.clone(), name.to_string());
    loop {
        let lanes = pass.lanes(results);
        let per_part = lanes * RUN;
        let parts = pass.count().div_ceil(per_part).max(1);
        let (to, last) = match parts {
            1 => (out.clone(), true),
            _ => {
                let partial = Shape::of(&[results, parts])?;
                (ctx.alloc(accumulator(x.dtype()), &partial)?, false)
            }
        };
        let sizes = [results, parts, pass.count(), per_part, total, lanes];
        let ranks = [pass.kept.len(), pass.reduced.len()];
        let flags = [pass.rows, last].map(i64::from);
        let fields = sizes.map(|v| v as i64).into_iter().chain(flags);
        let fields = fields.chain(ranks.map(|v| v as i64));
        let layout = words(fields.chain(sides(&pass.kept)).chain(sides(&pass.reduced)));
        let blocks = results
            .div_ceil(THREADS / lanes)
            .saturating_mul(parts)
            .min(BLOCKS);
        let grid = Grid {
            blocks: [blocks as u32, 1, 1],
            threads: [THREADS as u32, 1, 1],
            shared: 0,
        };
        // SAFETY: the arguments are the kernel's; the layout leads to elements of `from`, and `to` has one for each part.
        unsafe {
            gpu.launch(
                &REDUCTION,
                x.dtype(),
                &name,
                grid,
                &[from.device_ptr()?, to.device_ptr()?, layout],
            )
        }?;
        if last {
            return Ok(out);
        }
        if !name.ends_with("_parts") {
            name.push_str("_parts");
        }
        pass = Pass {
            kept: vec![(results, parts)],
            reduced: vec![(parts, 1)],
            rows: true,
        };
        from = to;
    }
}

/// The sizes of dimensions and their steps, as two arrays of a struct.
fn sides(dims: &[(usize, usize)]) -> impl Iterator<Item = i64> {
    let (sizes, steps): (Vec<i64>, Vec<i64>) =
        dims.iter().map(|d| (d.0 as i64, d.1 as i64)).unzip();
    let all: Vec<i64> = padded(&sizes, RANK).chain(padded(&steps, RANK)).collect();
    all.into_iter()
}

/// The kernel of ArgMax and ArgMin; the axis lies in host memory.
pub(crate) fn places(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let out = data_type(init.outputs, 0)?;
    let dtype = data_type(init.inputs, 0)?;
    prepare(init, &REDUCTION, dtype);
    let index = super::index_name(out)?;
    let name = format!("{}_{index}", function(&init.node.op));
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let (x, axis) = (ctx.input(0)?, ctx.input(1)?);
        let (axis, dims) = crate::ops::math::extreme::checked(x.shape(), axis)?;
        let shape = Shape::of(&dims)?;
        let (n, results) = (x.shape().dims()[axis], shape.elements());
        let width = x.shape().product(axis + 1..x.shape().rank());
        let y = ctx.alloc(out, &shape)?;
        if results > 0 {
            // Neighbours belong to one result where the axis is the last; else some results stand next to each other.
            let pass = Pass {
                kept: Vec::new(),
                reduced: vec![(n, width)],
                rows: width == 1,
            };
            let lanes = pass.lanes(results);
            let fields = [n, width, results, lanes, usize::from(pass.rows)];
            let layout = words(fields.map(|v| v as i64));
            let blocks = results.div_ceil(THREADS / lanes).min(BLOCKS);
            let grid = Grid {
                blocks: [blocks as u32, 1, 1],
                threads: [THREADS as u32, 1, 1],
                shared: 0,
            };
            let args = [x.device_ptr()?, y.device_ptr()?, layout];
            // SAFETY: the arguments are the kernel's; the input has n elements for each of the results.
            unsafe { ctx.gpu()?.launch(&REDUCTION, dtype, &name, grid, &args) }?;
        }
        ctx.set(0, y)
    }))
}
