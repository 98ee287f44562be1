//! Tile: a tensor repeated along its dimensions.

use super::cuda;
use super::items::{MOVABLE, produce};
use super::strided::{BoxCopy, Boxes, Layout, Steps, steps_of};
use crate::dtype::sets::INDEX;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{Dim, PartialShape, Shape};
use smallvec::SmallVec;

pub(crate) static TILE: OpEntry = OpEntry {
    def: OpDef {
        signature: "Tile(input:T, multiples:Tmultiples) -> (output:T)",
        attrs: "T:type; Tmultiples:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", MOVABLE), ("Tmultiples", INDEX)], new),
        KernelDef::gpu_host(
            &[("T", cuda::ON_GPU), ("Tmultiples", INDEX)],
            &["multiples"],
            new,
        ),
        KernelDef::gpu_host(
            &[("T", cuda::INT32), ("Tmultiples", INDEX)],
            &["input", "multiples", "output"],
            new,
        ),
    ],
};

fn overflow(a: usize, b: usize) -> Error {
    Error::invalid_argument(format!(
        "Encountered overflow when multiplying {a} with {b}, result: -1"
    ))
}

fn multiplied(i: usize, n: usize, multiple: i64) -> Result<usize> {
    let m = usize::try_from(multiple).map_err(|_| {
        Error::invalid_argument(format!("Expected multiples[{i}] >= 0, but got {multiple}"))
    })?;
    n.checked_mul(m).ok_or_else(|| overflow(n, m))
}

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let length = ctx.with_rank(1, 1)?.dim(0);
    let input = ctx.input(0);
    if let (Some(r), Some(n)) = (input.rank(), length)
        && r != n
    {
        return Err(Error::invalid_argument(format!(
            "Shape must be rank {n} but is rank {r}"
        )));
    }
    let rank = input.rank().or(length);
    let Some(rank) = rank.filter(|r| *r <= crate::shape::MAX_RANK) else {
        return Ok(());
    };
    let multiples = ctx.constant_ints(1)?.filter(|m| m.len() == rank);
    let mut dims: Vec<Dim> = Vec::with_capacity(rank);
    for i in 0..rank {
        let m = multiples.as_ref().map(|m| m[i]);
        dims.push(match (input.dim(i), m) {
            (Some(n), Some(m)) => Some(multiplied(i, n, m)?),
            _ => None,
        });
    }
    ctx.set(0, PartialShape::of(dims));
    Ok(())
}

fn new(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
        let (x, multiples) = (ctx.input(0)?, ctx.input(1)?);
        let shape = x.shape();
        let rank = shape.rank();
        if !multiples.shape().is_vector() {
            return Err(Error::invalid_argument(format!(
                "Expected multiples to be 1-D, but got shape {}",
                multiples.shape()
            )));
        }
        if multiples.elements() != rank {
            return Err(Error::invalid_argument(format!(
                "Expected multiples argument to be a vector of length {rank} but got length {}",
                multiples.elements()
            )));
        }
        let multiples = multiples.to_i64s()?;
        let mut dims = Vec::with_capacity(rank);
        for (i, (n, m)) in shape.dims().iter().zip(&multiples).enumerate() {
            dims.push(multiplied(i, *n, *m)?);
        }
        let mut product = 1usize;
        for d in &dims {
            let next = product.checked_mul(*d).filter(|p| *p <= i64::MAX as usize);
            if next.is_none() && !dims.contains(&0) {
                return Err(overflow(product, *d));
            }
            product = next.unwrap_or(0);
        }
        let out = Shape::of(&dims)?;
        if out == *shape {
            let x = ctx.take_input(0)?;
            return ctx.set(0, x);
        }
        // Each dimension is two: the repetitions, which do not move in the input, and the elements.
        let (mut size, mut from, mut to) = (SmallVec::new(), Steps::new(), Steps::new());
        let (source, target) = (steps_of(shape), steps_of(&out));
        for i in 0..rank {
            let n = shape.dims()[i];
            size.extend([dims[i] / n.max(1), n]);
            from.extend([0, source[i]]);
            to.extend([target[i].saturating_mul(n as isize), target[i]]);
        }
        let copies = [BoxCopy {
            input: 0,
            dims: size,
            from: Layout {
                start: 0,
                steps: from,
            },
            to: Layout {
                start: 0,
                steps: to,
            },
        }];
        let job = Boxes {
            pool: ctx.pool(),
            fill: None,
            copies: &copies,
        };
        let tiled = produce(x.dtype(), out, &[x], job)?;
        ctx.set(0, tiled)
    }))
}

/// The repetitions become dimensions of their own, over which the gradient is summed.
fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.scope;
    let (x, multiples) = (ctx.input(0), ctx.input(1));
    let shape = s.shape_as(x, multiples.dtype());
    let pairs = s.stack(&[multiples, shape], 0).transpose([1, 0]);
    let split = pairs.reshape([-1]);
    let axes = s.range(0i32, s.size(split), 2i32);
    let split = ctx.grad(0).reshape(split);
    let sum = s.op("Sum").input(split).input(axes);
    dense([Some(sum.attr("keep_dims", false).out()), None])
}

impl<'g> Scope<'g> {
    /// `x` repeated `multiples[i]` times along dimension `i` (op `Tile`).
    #[track_caller]
    pub fn tile(self, x: impl Operand<'g>, multiples: impl Operand<'g>) -> Output<'g> {
        self.op("Tile").input(x).input(multiples).out()
    }
}

impl<'g> Output<'g> {
    /// The tensor repeated `multiples[i]` times along dimension `i` (op `Tile`).
    #[track_caller]
    pub fn tile(self, multiples: impl Operand<'g>) -> Output<'g> {
        self.scope().tile(self, multiples)
    }
}
