//! ReverseSequence: the beginning of each sequence in a batch walked backwards.

use super::items::produce;
use super::strided::{BoxCopy, Boxes, Layout};
use crate::dtype::sets::{INDEX, PODS_AND_STRING};
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::Shape;
use smallvec::SmallVec;

pub(crate) static REVERSE_SEQUENCE: OpEntry = OpEntry {
    def: OpDef {
        signature: "ReverseSequence(input:T, seq_lengths:Tlen) -> (output:T)",
        attrs: "seq_dim:int; batch_dim:int=0; T:type; Tlen:type{int32,int64}=int64",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[KernelDef::cpu(
        &[("T", PODS_AND_STRING), ("Tlen", INDEX)],
        new,
    )],
};

/// Sequence and batch dimension, checked against the rank.
fn dimensions(seq: i64, batch: i64, rank: usize) -> Result<(usize, usize)> {
    let one = |name: &str, v: i64| {
        usize::try_from(v)
            .ok()
            .filter(|v| *v < rank)
            .ok_or_else(|| {
                Error::invalid_argument(format!("{name} must be < input rank ({v} vs. {rank})"))
            })
    };
    let (s, b) = (one("seq_dim", seq)?, one("batch_dim", batch)?);
    if s == b {
        return Err(Error::invalid_argument(format!(
            "batch_dim == seq_dim == {s}"
        )));
    }
    Ok((s, b))
}

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let lengths = ctx.with_rank(1, 1)?;
    let (seq, batch) = (ctx.attrs.int("seq_dim")?, ctx.attrs.int("batch_dim")?);
    let mut input = ctx.input(0);
    if let Some(dims) = input.dims() {
        let (_, b) = dimensions(seq, batch, dims.len())?;
        let mut dims = dims.to_vec();
        dims[b] = match (dims[b], lengths.dim(0)) {
            (Some(x), Some(y)) if x != y => {
                return Err(Error::invalid_argument(format!(
                    "Dimensions must be equal, but are {x} and {y}"
                )));
            }
            (x, y) => x.or(y),
        };
        input = crate::shape::PartialShape::of(dims);
    }
    ctx.set(0, input);
    Ok(())
}

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let (seq, batch) = (init.attrs.int("seq_dim")?, init.attrs.int("batch_dim")?);
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let (x, lengths) = (ctx.input(0)?, ctx.input(1)?);
        let shape = x.shape().clone();
        if !lengths.shape().is_vector() {
            return Err(Error::invalid_argument(format!(
                "seq_lengths input must be 1-dim, not {}",
                lengths.shape().rank()
            )));
        }
        let (seq, batch) = dimensions(seq, batch, shape.rank())?;
        let (n, size) = (shape.dims()[batch], shape.dims()[seq]);
        if lengths.elements() != n {
            return Err(Error::invalid_argument(format!(
                "Length of seq_lengths != input.dims({batch}), ({} vs. {n})",
                lengths.elements()
            )));
        }
        let mut copies = Vec::with_capacity(2 * n);
        for (i, length) in lengths.to_i64s()?.into_iter().enumerate() {
            let Ok(length_) = usize::try_from(length) else {
                return Err(Error::invalid_argument(format!("seq_lengths({i}) < 0")));
            };
            if length_ > size {
                return Err(Error::invalid_argument(format!(
                    "seq_lengths({i}) > input.dims({seq})"
                )));
            }
            let piece = |first: usize, count: usize| part(&shape, (batch, i), (seq, first), count);
            if length_ > 0 {
                let mut copy = piece(0, length_)?;
                copy.from = part(&shape, (batch, i), (seq, length_ - 1), length_)?.from;
                copy.from.steps[seq] = -copy.from.steps[seq];
                copies.push(copy);
            }
            if length_ < size {
                copies.push(piece(length_, size - length_)?);
            }
        }
        let job = Boxes {
            pool: ctx.pool(),
            fill: None,
            copies: &copies,
        };
        let out = produce(x.dtype(), shape, &[x], job)?;
        ctx.set(0, out)
    }))
}

/// Element `batch.1` of the batch, `count` steps of its sequence from `seq.1` on, as a copy to the same place.
fn part(
    shape: &Shape,
    batch: (usize, usize),
    seq: (usize, usize),
    count: usize,
) -> Result<BoxCopy> {
    let mut begin = vec![0; shape.rank()];
    let mut dims: SmallVec<[usize; 6]> = SmallVec::from_slice(shape.dims());
    begin[batch.0] = batch.1;
    begin[seq.0] = seq.1;
    dims[batch.0] = 1;
    dims[seq.0] = count;
    let place = Layout::at(shape, &begin)?;
    Ok(BoxCopy {
        input: 0,
        dims,
        from: place.clone(),
        to: place,
    })
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let op = ctx.scope.op("ReverseSequence").input(ctx.grad(0));
    let op = op
        .input(ctx.input(1))
        .attr("seq_dim", ctx.attrs().int("seq_dim")?)
        .attr("batch_dim", ctx.attrs().int("batch_dim")?);
    dense([Some(op.out()), None])
}

impl<'g> Scope<'g> {
    /// For each index of dimension `batch_dim`, the first `seq_lengths[index]` slices along `seq_dim` walked
    /// backwards (op `ReverseSequence`).
    #[track_caller]
    pub fn reverse_sequence(
        self,
        x: impl Operand<'g>,
        seq_lengths: impl Operand<'g>,
        seq_dim: i64,
        batch_dim: i64,
    ) -> Output<'g> {
        self.op("ReverseSequence")
            .input(x)
            .input(seq_lengths)
            .attr("seq_dim", seq_dim)
            .attr("batch_dim", batch_dim)
            .out()
    }
}
