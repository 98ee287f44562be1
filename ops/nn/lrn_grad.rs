//! LRNGrad: the gradient of local response normalization.

use super::compute::{Compute, Widened, fill};
use super::cuda;
use super::lrn::{LrnAttrs, rows, window_sums};
use crate::device::cpu::elementary::{exp, ln};
use crate::device::cpu::{Loop, vectorized};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::Shape;
use crate::tensor::Tensor;
use half::{bf16, f16};

pub(crate) static LRN_GRAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "LRNGrad(input_grads:T, input_image:T, output_image:T) -> (output:T)",
        attrs: "depth_radius:int=5; bias:float=1; alpha:float=1; beta:float=0.5; T:type{half,bfloat16,float}=float",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Missing,
    kernels: &[
        KernelDef::cpu(&[("T", &[DType::F32])], new::<f32>),
        KernelDef::cpu(&[("T", &[DType::F16])], new::<f16>),
        KernelDef::cpu(&[("T", &[DType::BF16])], new::<bf16>),
        KernelDef::gpu(
            &[("T", &[DType::F32, DType::F16, DType::BF16])],
            cuda::lrn_grad,
        ),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    LrnAttrs::of(ctx.attrs)?;
    let mut shape = ctx.with_rank(0, 4)?;
    for i in 1..3 {
        shape = shape.merge(&ctx.with_rank(i, 4)?)?;
    }
    ctx.set(0, shape);
    Ok(())
}

/// Checks the shapes of all inputs and gives the number of channels.
///
/// # Errors
/// `InvalidArgument` when they differ or have another rank than 4.
pub(super) fn check(g: &Shape, x: &Shape, y: &Shape) -> Result<usize> {
    if g.rank() != 4 || x.rank() != 4 {
        return Err(Error::invalid_argument("inputs must be 4-dimensional"));
    }
    if g != x || x != y {
        return Err(Error::invalid_argument(
            "input_grads, input_image, and out_image should have the same shape",
        ));
    }
    Ok(x.dims()[3])
}

fn new<T: Compute<In = f32>>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let attrs = LrnAttrs::of(init.attrs)?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let (g, x, y) = (ctx.input(0)?, ctx.input(1)?, ctx.input(2)?);
        let depth = check(g.shape(), x.shape(), y.shape())?;
        let mut out = Tensor::alloc(T::DTYPE, x.shape().clone())?;
        let pool = ctx.pool();
        let (g, x, y) = (
            Widened::new(pool, g.data::<T>()?)?,
            Widened::new(pool, x.data::<T>()?)?,
            Widened::new(pool, y.data::<T>()?)?,
        );
        fill(pool, out.make_mut::<T>()?, |dx| {
            rows(pool, depth, dx, &|start, dx, scratch| {
                let end = start + dx.len();
                let (g, x, y) = (
                    &g.get()[start..end],
                    &x.get()[start..end],
                    &y.get()[start..end],
                );
                vectorized(Backward {
                    g,
                    x,
                    y,
                    dx,
                    scratch,
                    depth,
                    attrs,
                });
            })
        })?;
        ctx.set(0, out)
    }))
}

/// The gradients of some rows: dx = g · N^-beta − 2 · alpha · beta · x · Σ g · y / N, the sum over the window.
struct Backward<'a> {
    g: &'a [f32],
    x: &'a [f32],
    y: &'a [f32],
    dx: &'a mut [f32],
    scratch: &'a mut [f32],
    depth: usize,
    attrs: LrnAttrs,
}

impl Loop for Backward<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (depth, a) = (self.depth, self.attrs);
        let radius = a.radius(depth);
        let (squares, rest) = self.scratch.split_at_mut(3 * depth);
        let (weighted, rest) = rest.split_at_mut(3 * depth);
        let (norms, sums) = rest.split_at_mut(depth);
        let sums = &mut sums[..depth];
        squares.fill(0.0);
        weighted.fill(0.0);
        let factor = -2.0 * a.alpha * a.beta;
        let rows = self
            .g
            .chunks_exact(depth)
            .zip(self.x.chunks_exact(depth))
            .zip(self.y.chunks_exact(depth));
        for (((g, x), y), dx) in rows.zip(self.dx.chunks_exact_mut(depth)) {
            for (p, v) in squares[radius..radius + depth].iter_mut().zip(x) {
                *p = v * v;
            }
            window_sums(squares, radius, norms);
            for n in norms.iter_mut() {
                *n = a.bias + a.alpha * *n;
            }
            for (((w, g), y), n) in weighted[radius..radius + depth]
                .iter_mut()
                .zip(g)
                .zip(y)
                .zip(&*norms)
            {
                *w = g * y / n;
            }
            window_sums(weighted, radius, sums);
            for ((((dx, g), x), n), s) in dx.iter_mut().zip(g).zip(x).zip(&*norms).zip(&*sums) {
                *dx = g * exp(-a.beta * ln(*n)) + factor * x * s;
            }
        }
    }
}
