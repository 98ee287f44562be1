//! Matrix products on CUDA devices, one or many.

use super::{SLICES, Split, grid, long};
use crate::device::cuda::{Arg, Source, source_file};
use crate::dtype::sets::FLOATS;
use crate::error::{Error, Result};
use crate::kernel::{AnyKernel, KernelInit, OpContext};
use crate::ops::math::cuda::prepare;
use crate::ops::nn::batch_mat_mul::{Batches, Plan};
use crate::ops::nn::mat_mul::sizes;
use crate::shape::Shape;
use crate::tensor::Tensor;

pub(crate) static SOURCE: Source = Source {
    name: "nn/mat_mul",
    files: &[
        source_file!("ops/nn/cuda/tile.cuh"),
        source_file!("ops/nn/cuda/mat_mul.cu"),
    ],
    types: FLOATS,
};

/// The sizes of a product: `m` x `n` results of `k` terms, as the kernels take them.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
pub(super) struct Sizes {
    m: i64,
    n: i64,
    k: i64,
    splits: i64,
    per_split: i64,
}

impl Sizes {
    pub(super) fn new(m: usize, n: usize, k: usize, split: &Split) -> Result<Sizes> {
        Ok(Sizes {
            m: long(m)?,
            n: long(n)?,
            k: long(k)?,
            splits: long(split.slices)?,
            per_split: long(split.terms)?,
        })
    }
}

/// How a product is cut up.
pub(super) struct Tiling {
    /// Rows and columns of a tile: 64 or 128.
    pub(super) tile: usize,
    pub(super) tiles: usize,
}

impl Tiling {
    /// Of `products` products of `m` x `n` results: large tiles where there are enough of them.
    pub(super) fn new(m: usize, n: usize, products: usize) -> Tiling {
        let large = Tiling::of(128, m, n, products);
        match n > 64 && large.tiles >= 128 {
            true => large,
            false => Tiling::of(64, m, n, products),
        }
    }
    /// Tiles of that size.
    pub(super) fn of(tile: usize, m: usize, n: usize, products: usize) -> Tiling {
        let tiles = m.div_ceil(tile).saturating_mul(n.div_ceil(tile));
        Tiling {
            tile,
            tiles: tiles.saturating_mul(products),
        }
    }
}

/// The dimensions of many products and the steps of their operands.
#[repr(C)]
#[derive(Clone, Copy, Default, bytemuck::NoUninit)]
struct Batch {
    size: [i64; 8],
    a: [i64; 8],
    b: [i64; 8],
    rank: i64,
}

/// The kernel of MatMul.
pub(crate) fn mat_mul(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let (at, bt) = (
        init.attrs.bool("transpose_a")?,
        init.attrs.bool("transpose_b")?,
    );
    let dtype = init.attrs.dtype("T")?;
    prepare(init, &SOURCE, dtype);
    prepare(init, &SLICES, dtype);
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let (a, b) = (ctx.input(0)?, ctx.input(1)?);
        let [m, n, k] = sizes(a.shape(), b.shape(), (at, bt))?;
        let out = ctx.alloc(dtype, &Shape::of(&[m, n])?)?;
        multiply(ctx, [m, n, k], (at, bt), &Batch::default(), 1, &out)?;
        ctx.set(0, out)
    }))
}

/// The kernel of products whose batches go together in this way.
fn many(init: &KernelInit<'_>, batches: Batches) -> Result<AnyKernel> {
    let (ax, ay) = (init.attrs.bool("adj_x")?, init.attrs.bool("adj_y")?);
    let dtype = init.attrs.dtype("T")?;
    prepare(init, &SOURCE, dtype);
    prepare(init, &SLICES, dtype);
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let (x, y) = (ctx.input(0)?, ctx.input(1)?);
        let plan = Plan::new(x.shape(), y.shape(), batches, ax, ay)?;
        let (m, n, k) = (plan.sizes.m, plan.sizes.n, plan.sizes.k);
        let dims = plan.shape.dims();
        let batch = &dims[..dims.len() - 2];
        if batch.len() > 8 {
            return Err(Error::unimplemented(
                "products of more than 8 batch dimensions on a GPU",
            ));
        }
        let mut given = Batch {
            rank: long(batch.len())?,
            ..Batch::default()
        };
        let (a, b) = (
            steps(x.shape(), batch.len())?,
            steps(y.shape(), batch.len())?,
        );
        for (i, size) in batch.iter().enumerate() {
            given.size[i] = long(*size)?;
            given.a[i] = a[i];
            given.b[i] = b[i];
        }
        let products = batch.iter().product();
        let out = ctx.alloc(dtype, &plan.shape)?;
        multiply(ctx, [m, n, k], (ax, ay), &given, products, &out)?;
        ctx.set(0, out)
    }))
}

/// The kernel of BatchMatMul or BatchMatMulV2.
pub(crate) fn batch_mat_mul(init: &KernelInit<'_>) -> Result<AnyKernel> {
    match init.node.op.as_str() {
        "BatchMatMul" => many(init, Batches::Equal),
        _ => many(init, Batches::Broadcast),
    }
}

/// The distance from one matrix to the next along each of `rank` batch dimensions; 0 where one stands for all.
fn steps(shape: &Shape, rank: usize) -> Result<[i64; 8]> {
    let dims = shape.dims();
    let own = dims.len() - 2;
    let mut out = [0; 8];
    for i in 0..own {
        if dims[i] != 1 {
            out[rank - own + i] = long(shape.product(i + 1..dims.len()))?;
        }
    }
    Ok(out)
}

/// `out` becomes the products of inputs 0 and 1.
fn multiply(
    ctx: &OpContext<'_>,
    [m, n, k]: [usize; 3],
    (at, bt): (bool, bool),
    batch: &Batch,
    products: usize,
    out: &Tensor,
) -> Result<()> {
    if out.elements() == 0 {
        return Ok(());
    }
    let tiling = Tiling::new(m, n, products);
    let split = Split::new(tiling.tiles, k, out.elements());
    let work = split.work(ctx, out)?;
    let end = match (at, bt) {
        (false, false) => "",
        (false, true) => "_b",
        (true, false) => "_a",
        (true, true) => "_ab",
    };
    let args = [
        ctx.input(0)?.device_ptr()?,
        ctx.input(1)?.device_ptr()?,
        out.device_ptr()?,
        work.device_ptr()?,
        Arg::value(&Sizes::new(m, n, k, &split)?),
        Arg::value(batch),
    ];
    let blocks = grid(tiling.tiles.saturating_mul(split.slices), [256, 1], 0)?;
    let function = format!("mat_mul_{}{end}", tiling.tile);
    // SAFETY: the arguments are the kernel's; sizes and steps are those of the inputs, and `work` has all slices.
    unsafe {
        ctx.gpu()?
            .launch(&SOURCE, out.dtype(), &function, blocks, &args)
    }?;
    split.finish(ctx, &work, out)
}
