//! RandomShuffle, StatelessShuffle: the rows of a tensor in random order.

use super::generator::Generator;
use super::stateless;
use crate::dtype::DType;
use crate::error::Result;
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use crate::resource::{Philox, Words};
use crate::tensor::{Bytes, Tensor};

pub(crate) static RANDOM_SHUFFLE: OpEntry = OpEntry {
    def: OpDef {
        signature: "RandomShuffle(value:T) -> (output:T)",
        attrs: "seed:int=0; seed2:int=0; T:type",
        flags: Flags::STATEFUL,
        infer: infer::unchanged,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(
        &[("T", crate::dtype::sets::PODS_AND_STRING)],
        new,
    )],
};

pub(crate) static STATELESS_SHUFFLE: OpEntry = OpEntry {
    def: OpDef {
        signature: "StatelessShuffle(value:T, key:uint64, counter:uint64, alg:int32) -> (output:T)",
        attrs: "T:type",
        flags: Flags::PURE,
        infer: |ctx| {
            stateless::infer_key(ctx, 1)?;
            infer::unchanged(ctx)
        },
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(
        &[("T", crate::dtype::sets::PODS_AND_STRING)],
        |_| {
            Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
                let from = stateless::from_key(ctx, 1)?;
                shuffle(ctx, |_| from)
            }))
        },
    )],
};

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let generator = Generator::new(init)?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        shuffle(ctx, |blocks| generator.reserve(blocks))
    }))
}

/// Shuffles the rows of input 0 with words from what `stream` gives for the blocks that it needs.
fn shuffle(ctx: &mut OpContext<'_>, stream: impl FnOnce(u64) -> Philox) -> Result<()> {
    let input = ctx.input(0)?;
    let rows = input.shape().dim(0).unwrap_or(1);
    if rows <= 1 || input.elements() <= 1 {
        let input = ctx.take_input(0)?;
        return ctx.set(0, input);
    }
    let mut words = Words::new(stream((rows as u64 - 1).div_ceil(4)));
    let mut order: Vec<usize> = (0..rows).collect();
    for i in 0..rows - 1 {
        // As TensorFlow: 32 bits choose among what is left.
        let left = (rows - i) as u64;
        let j = i + (u64::from(words.word()) % left) as usize;
        order.swap(i, j);
    }
    let out = reorder(input, &order)?;
    ctx.set(0, out)
}

/// The rows in this order.
fn reorder(input: &Tensor, order: &[usize]) -> Result<Tensor> {
    let inner = input.elements() / order.len().max(1);
    if input.dtype() == DType::String {
        let all = input.strings()?;
        let values: Vec<Bytes> = order
            .iter()
            .flat_map(|r| &all[r * inner..(r + 1) * inner])
            .cloned()
            .collect();
        return Tensor::from_strings(input.shape().clone(), values);
    }
    let mut out = Tensor::alloc(input.dtype(), input.shape().clone())?;
    let size = inner * input.dtype().size();
    let from = input.bytes()?;
    if size > 0 {
        for (to, row) in out.bytes_mut()?.chunks_exact_mut(size).zip(order) {
            to.copy_from_slice(&from[row * size..(row + 1) * size]);
        }
    }
    Ok(out)
}

impl<'g> Scope<'g> {
    /// The rows of `value` (its parts along dimension 0) in random order (op `RandomShuffle`).
    #[track_caller]
    pub fn random_shuffle(self, value: impl Operand<'g>, seed: Option<i64>) -> Output<'g> {
        let builder = self.op("RandomShuffle").input(value);
        let (seed, seed2) = self.graph().seeds(seed);
        builder.attr("seed", seed).attr("seed2", seed2).out()
    }
}
