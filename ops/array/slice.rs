//! Slice: a box of a tensor.

use super::cuda;
use super::items::MOVABLE;
use super::strided::{Layout, rearranged};
use crate::dtype::sets::INDEX;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{Dim, PartialShape, Shape};

pub(crate) static SLICE: OpEntry = OpEntry {
    def: OpDef {
        signature: "Slice(input:T, begin:Index, size:Index) -> (output:T)",
        attrs: "T:type; Index:type{int32,int64}",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", MOVABLE), ("Index", INDEX)], new),
        KernelDef::gpu_host(&[("T", cuda::ON_GPU)], &["begin", "size"], new),
        KernelDef::gpu_host(
            &[("T", cuda::INT32)],
            &["input", "begin", "size", "output"],
            new,
        ),
    ],
};

/// Begin and size along one dimension of size `n`.
fn checked(i: usize, n: usize, begin: i64, size: i64) -> Result<(usize, usize)> {
    let b = usize::try_from(begin).ok().filter(|b| *b <= n);
    let b = b.ok_or_else(|| {
        Error::invalid_argument(format!("Expected begin[{i}] in [0, {n}], but got {begin}"))
    })?;
    let rest = n - b;
    if size == -1 {
        return Ok((b, rest));
    }
    match usize::try_from(size).ok().filter(|s| *s <= rest) {
        Some(s) => Ok((b, s)),
        None => Err(Error::invalid_argument(format!(
            "Expected size[{i}] in [0, {rest}], but got {size}"
        ))),
    }
}

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let vectors = ctx.with_rank(1, 1)?.merge(&ctx.with_rank(2, 1)?)?;
    let input = ctx.input(0);
    let rank = match (input.rank(), vectors.dim(0)) {
        (Some(r), Some(n)) if r != n => {
            return Err(Error::invalid_argument(format!(
                "Shape must be rank {n} but is rank {r}"
            )));
        }
        (r, n) => r.or(n),
    };
    let Some(rank) = rank.filter(|r| *r <= crate::shape::MAX_RANK) else {
        return Ok(());
    };
    let (begin, size) = (ctx.constant_ints(1)?, ctx.constant_ints(2)?);
    let at = |v: &Option<Vec<i64>>, i: usize| v.as_ref().and_then(|v| v.get(i).copied());
    let mut dims: Vec<Dim> = Vec::with_capacity(rank);
    for i in 0..rank {
        let (n, b, s) = (input.dim(i), at(&begin, i), at(&size, i));
        dims.push(match (n, b, s) {
            (Some(n), Some(b), Some(s)) => Some(checked(i, n, b, s)?.1),
            // From the start to the end, whatever that is.
            (_, _, Some(s)) if s >= 0 => usize::try_from(s).ok(),
            (_, _, Some(s)) if s < -1 => {
                return Err(Error::invalid_argument(format!(
                    "Expected size[{i}] to be at least -1, but got {s}"
                )));
            }
            _ => None,
        });
    }
    ctx.set(0, PartialShape::of(dims));
    Ok(())
}

fn new(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
        let (x, begin, size) = (ctx.input(0)?, ctx.input(1)?, ctx.input(2)?);
        let shape = x.shape().clone();
        let rank = shape.rank();
        let fits = |s: &Shape| s.is_vector() && s.elements() == rank;
        if !fits(begin.shape()) || !fits(size.shape()) {
            return Err(Error::invalid_argument(format!(
                "Expected begin and size arguments to be 1-D tensors of size {rank}, but got shapes {} and {} instead.",
                begin.shape(),
                size.shape()
            )));
        }
        let (begin, size) = (begin.to_i64s()?, size.to_i64s()?);
        let (mut starts, mut dims) = (Vec::with_capacity(rank), Vec::with_capacity(rank));
        for (i, n) in shape.dims().iter().enumerate() {
            let (b, s) = checked(i, *n, begin[i], size[i])?;
            starts.push(b);
            dims.push(s);
        }
        let from = Layout::at(&shape, &starts)?;
        let part = rearranged(ctx.pool(), x, Shape::of(&dims)?, from)?;
        ctx.set(0, part)
    }))
}

/// The gradient lies where the slice was taken, zeros around it.
fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.scope;
    let (x, begin) = (ctx.input(0), ctx.input(1));
    let rank = s.rank(x);
    let size = s.shape_as(ctx.output(0), begin.dtype());
    let column = column_shape(s, rank);
    let before = begin.reshape(column);
    let whole = s.shape_as(x, begin.dtype());
    let sub =
        |a: Output<'g>, b: Output<'g>| s.op("Sub").default_name("sub").input(a).input(b).out();
    let after = sub(sub(whole, size), begin).reshape(column);
    let paddings = s.concat(&[before, after], 1i32);
    dense([Some(s.pad(ctx.grad(0), paddings)), None, None])
}

/// The vector `[rank, 1]`: the shape of one value for each dimension, as a column.
pub(super) fn column_shape<'g>(s: Scope<'g>, rank: Output<'g>) -> Output<'g> {
    let inside = s.composite("stack");
    let one = inside.named("1").constant(1i32);
    inside.result_op("Pack").list([rank, one]).out()
}

impl<'g> Scope<'g> {
    /// The box of `x` that begins at `begin` and has size `size`, of which -1 means up to the end (op `Slice`).
    #[track_caller]
    pub fn slice(
        self,
        x: impl Operand<'g>,
        begin: impl Operand<'g>,
        size: impl Operand<'g>,
    ) -> Output<'g> {
        self.op("Slice").input(x).input(begin).input(size).out()
    }
}

impl<'g> Output<'g> {
    /// The box that begins at `begin` and has size `size`, of which -1 means up to the end (op `Slice`).
    ///
    /// ```
    /// let g = tensorloom::Graph::new();
    /// let x = g.root().zeros([4, 5], tensorloom::DType::F32);
    /// assert_eq!(x.slice([1, 0], [2, -1]).shape().to_string(), "[2,5]");
    /// ```
    #[track_caller]
    pub fn slice(self, begin: impl Operand<'g>, size: impl Operand<'g>) -> Output<'g> {
        self.scope().slice(self, begin, size)
    }
}
