//! StatelessRandomGetKeyCounter, StatelessRandomGetAlg, StatelessRandomGetKeyCounterAlg: what V2 random ops draw from.

use super::stateless;
use crate::error::Result;
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::PartialShape;
use crate::tensor::Tensor;

pub(crate) static GET_KEY_COUNTER: OpEntry = OpEntry {
    def: OpDef {
        signature: "StatelessRandomGetKeyCounter(seed:Tseed) -> (key:uint64, counter:uint64)",
        attrs: "Tseed:type{int32,int64}=int64",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], new)],
};

pub(crate) static GET_KEY_COUNTER_ALG: OpEntry = OpEntry {
    def: OpDef {
        signature: "StatelessRandomGetKeyCounterAlg(seed:Tseed) -> (key:uint64, counter:uint64, alg:int32)",
        attrs: "Tseed:type{int32,int64}=int64",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], new)],
};

pub(crate) static GET_ALG: OpEntry = OpEntry {
    def: OpDef {
        signature: "StatelessRandomGetAlg() -> (alg:int32)",
        attrs: "",
        flags: Flags::STATEFUL,
        infer: crate::op::infer::scalar,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
            ctx.set(0, Tensor::from(stateless::PHILOX))
        }))
    })],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    stateless::infer_seed(ctx, 0)?;
    ctx.set(0, PartialShape::vector(Some(1)));
    ctx.set(1, PartialShape::vector(Some(2)));
    ctx.set(2, PartialShape::scalar());
    Ok(())
}

fn new(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
        let (key, counter) = stateless::from_seed(ctx.input(0)?)?.parts();
        ctx.set(0, Tensor::from([key]))?;
        ctx.set(1, Tensor::from(counter))?;
        if ctx.num_outputs() > 2 {
            ctx.set(2, Tensor::from(stateless::PHILOX))?;
        }
        Ok(())
    }))
}

impl<'g> Scope<'g> {
    /// The key `[1]`, the counter `[2]` and the algorithm (a scalar) that V2 stateless random ops take, from a seed of
    /// two integers (op `StatelessRandomGetKeyCounterAlg`).
    #[track_caller]
    pub fn random_key_counter_alg(
        self,
        seed: impl Operand<'g>,
    ) -> (Output<'g>, Output<'g>, Output<'g>) {
        let node = self
            .op("StatelessRandomGetKeyCounterAlg")
            .input(seed)
            .finish();
        (node.output(0), node.output(1), node.output(2))
    }
}
