//! LRN: local response normalization over the channels (Krizhevsky et al. 2012).

use super::compute::{Compute, Widened, fill};
use super::cuda;
use super::window::four;
use crate::device::cpu::elementary::{exp, ln};
use crate::device::cpu::{Disjoint, Loop, Scratch, ThreadPool, try_parallel, vectorized};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{OpBuilder, Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Attrs, Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::tensor::Tensor;
use half::{bf16, f16};

pub(crate) static LRN: OpEntry = OpEntry {
    def: OpDef {
        signature: "LRN(input:T) -> (output:T)",
        attrs: "depth_radius:int=5; bias:float=1; alpha:float=1; beta:float=0.5; T:type{half,bfloat16,float}=float",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", &[DType::F32])], new::<f32>),
        KernelDef::cpu(&[("T", &[DType::F16])], new::<f16>),
        KernelDef::cpu(&[("T", &[DType::BF16])], new::<bf16>),
        KernelDef::gpu(&[("T", &[DType::F32, DType::F16, DType::BF16])], cuda::lrn),
    ],
};

/// The attributes: y = x · (bias + alpha · Σ x²)^-beta, the sum over `depth_radius` channels to both sides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LrnAttrs {
    /// Channels to each side that a sum includes.
    pub depth_radius: i64,
    /// What is added to the sum.
    pub bias: f32,
    /// The factor of the sum (not divided by the size of the window).
    pub alpha: f32,
    /// The exponent.
    pub beta: f32,
}

impl Default for LrnAttrs {
    fn default() -> LrnAttrs {
        LrnAttrs {
            depth_radius: 5,
            bias: 1.0,
            alpha: 1.0,
            beta: 0.5,
        }
    }
}

impl LrnAttrs {
    /// Those of a node.
    ///
    /// # Errors
    /// `InvalidArgument` for a radius that is negative or beyond 32 bits.
    pub fn of(attrs: &Attrs) -> Result<LrnAttrs> {
        let depth_radius = attrs.int("depth_radius")?;
        if !(0..=i64::from(i32::MAX)).contains(&depth_radius) {
            return Err(Error::invalid_argument(format!(
                "depth_radius = {depth_radius} larger than int max"
            )));
        }
        Ok(LrnAttrs {
            depth_radius,
            bias: attrs.float("bias")?,
            alpha: attrs.float("alpha")?,
            beta: attrs.float("beta")?,
        })
    }
    /// Sets the attributes of a node to be.
    pub fn set<'g>(&self, op: OpBuilder<'g>) -> OpBuilder<'g> {
        op.attr("depth_radius", self.depth_radius)
            .attr("bias", self.bias)
            .attr("alpha", self.alpha)
            .attr("beta", self.beta)
    }
    /// The radius for so many channels: a longer one sees no more.
    pub(super) fn radius(&self, depth: usize) -> usize {
        usize::try_from(self.depth_radius)
            .unwrap_or(depth)
            .min(depth)
    }
}

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    LrnAttrs::of(ctx.attrs)?;
    let shape = ctx.with_rank(0, 4)?;
    ctx.set(0, shape);
    Ok(())
}

fn new<T: Compute<In = f32>>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let attrs = LrnAttrs::of(init.attrs)?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let x = ctx.input(0)?;
        let [_, _, _, depth] = four(x.shape(), "in must be 4-dimensional")?;
        let mut out = Tensor::alloc(T::DTYPE, x.shape().clone())?;
        let wide = Widened::new(ctx.pool(), x.data::<T>()?)?;
        fill(ctx.pool(), out.make_mut::<T>()?, |y| {
            rows(ctx.pool(), depth, y, &|start, y, scratch| {
                let x = &wide.get()[start..start + y.len()];
                vectorized(Forward {
                    x,
                    y,
                    scratch,
                    depth,
                    attrs,
                });
            })
        })?;
        ctx.set(0, out)
    }))
}

/// Elements that one job handles, about.
const BLOCK: usize = 1 << 14;

/// Calls `body(start, part of out, scratch)` for blocks of whole rows; the scratch has room for three padded rows.
pub(super) fn rows(
    pool: &ThreadPool,
    depth: usize,
    out: &mut [f32],
    body: &(dyn Fn(usize, &mut [f32], &mut [f32]) + Sync),
) -> Result<()> {
    if out.is_empty() {
        return Ok(());
    }
    let count = out.len() / depth;
    let block = (BLOCK / depth).max(1);
    let out = Disjoint::new(out);
    try_parallel(pool, count.div_ceil(block), &|job| {
        let (a, b) = (job * block, ((job + 1) * block).min(count));
        let mut scratch = Scratch::<f32>::new(9 * depth)?;
        // SAFETY: blocks of rows do not overlap.
        let part = unsafe { out.part(a * depth, (b - a) * depth) };
        body(a * depth, part, scratch.get_mut());
        Ok(())
    })
}

/// `sums[d] = Σ padded[d ..= d + 2 radius]`, where `padded` has `radius` zeros on both sides of the row.
#[inline(always)]
pub(super) fn window_sums(padded: &[f32], radius: usize, sums: &mut [f32]) {
    let depth = sums.len();
    sums.copy_from_slice(&padded[..depth]);
    for k in 1..=2 * radius {
        for (s, v) in sums.iter_mut().zip(&padded[k..k + depth]) {
            *s += *v;
        }
    }
}

/// Normalizes some rows.
struct Forward<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
    scratch: &'a mut [f32],
    depth: usize,
    attrs: LrnAttrs,
}

impl Loop for Forward<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (depth, a) = (self.depth, self.attrs);
        let radius = a.radius(depth);
        let (padded, sums) = self.scratch.split_at_mut(3 * depth);
        let sums = &mut sums[..depth];
        padded.fill(0.0);
        for (x, y) in self
            .x
            .chunks_exact(depth)
            .zip(self.y.chunks_exact_mut(depth))
        {
            for (p, v) in padded[radius..radius + depth].iter_mut().zip(x) {
                *p = v * v;
            }
            window_sums(padded, radius, sums);
            for ((y, x), s) in y.iter_mut().zip(x).zip(&*sums) {
                *y = x * exp(-a.beta * ln(a.bias + a.alpha * s));
            }
        }
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let op = ctx
        .scope
        .op("LRNGrad")
        .input(ctx.grad(0))
        .input(ctx.input(0))
        .input(ctx.output(0));
    dense([Some(LrnAttrs::of(ctx.attrs())?.set(op).out())])
}

impl<'g> Scope<'g> {
    /// Local response normalization over the channels of `[n, h, w, c]` (op `LRN`).
    #[track_caller]
    pub fn lrn(self, input: impl Operand<'g>, attrs: &LrnAttrs) -> Output<'g> {
        attrs.set(self.op("LRN").input(input)).out()
    }
}
