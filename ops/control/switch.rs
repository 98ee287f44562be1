//! Switch, RefSwitch: a tensor goes to one of two outputs; the other output is dead.

use super::forward;
use crate::error::Error;
use crate::grad::{Grad, GradCtx, Gradient, InputGradients, dense};
use crate::graph::{Operand, Output, Scope, Surroundings};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::ops::array::cuda;
use crate::registry::OpEntry;

pub(crate) static SWITCH: OpEntry = OpEntry {
    def: OpDef {
        signature: "Switch(data:T, pred:bool) -> (output_false:T, output_true:T)",
        attrs: "T:type",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[], new),
        KernelDef::gpu_host(&[("T", cuda::ON_GPU)], &["pred"], new),
        KernelDef::gpu_host(
            &[("T", cuda::INT32)],
            &["data", "pred", "output_false", "output_true"],
            new,
        ),
    ],
};

pub(crate) static REF_SWITCH: OpEntry = OpEntry {
    def: OpDef {
        signature: "RefSwitch(data:ref T, pred:bool) -> (output_false:ref T, output_true:ref T)",
        attrs: "T:type",
        flags: Flags::UNINITIALIZED_OK,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[], new),
        KernelDef::gpu_host(&[("T", cuda::ON_GPU)], &["pred"], new),
        KernelDef::gpu_host(
            &[("T", cuda::INT32)],
            &["data", "pred", "output_false", "output_true"],
            new,
        ),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> crate::Result<()> {
    ctx.with_rank(1, 0)?;
    forward::infer(ctx)
}

/// Sets the output that the predicate chooses and leaves the other one unset.
fn new(_: &KernelInit<'_>) -> crate::Result<AnyKernel> {
    Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
        let pred = ctx.input(1)?;
        if !pred.shape().is_scalar() {
            return Err(Error::invalid_argument(format!(
                "The second input must be a scalar, but it has shape {}",
                pred.shape()
            )));
        }
        let taken = usize::from(pred.to_scalar::<bool>()?);
        let data = ctx.take_value(0)?;
        ctx.set(taken, data)
    }))
}

/// Merges the gradients of both sides; where only one is used, the other gives zeros when it is taken.
fn grad<'g>(ctx: &GradCtx<'g>) -> crate::Result<InputGradients<'g>> {
    let s = ctx.scope;
    let (pred, taken) = match ctx.surroundings(ctx.output(0)) {
        Surroundings::Branch(pred, taken) => (pred, taken),
        Surroundings::Loop => return loop_grad(ctx),
        Surroundings::None => {
            let pred = ctx.input(1);
            let sides = [0, 1].map(|side| {
                let switch = s.op("Switch").input(ctx.grad(side)).input(pred);
                switch.finish().output(side)
            });
            return dense([Some(s.op("Merge").list(sides).out()), None]);
        }
    };
    let (here, there) = (usize::from(taken), usize::from(!taken));
    if !ctx.has_grad(here) || !ctx.input(0).dtype().is_trainable() {
        return dense([None, None]);
    }
    let mut sides = [Output::broken(s); 2];
    sides[here] = ctx.grad(here);
    sides[there] = match ctx.has_grad(there) {
        true => ctx.grad(there),
        false => ctx.zeros_on_side(pred, there, sides[here].dtype())?,
    };
    let merged = s.op("Merge").name("cond_grad").list(sides).out();
    Ok(vec![Some(Gradient::Dense(merged)), None])
}

/// A loop's Switch is differentiated twice: from the Exit comes the gradient of the last iteration, and from the body
/// that of the one before, which closes the backward loop.
fn loop_grad<'g>(ctx: &GradCtx<'g>) -> crate::Result<InputGradients<'g>> {
    let s = ctx.scope;
    if let Some(merge) = ctx.switch_merge() {
        if ctx.has_grad(1) {
            let next = s.op("NextIteration").input(ctx.grad(1)).out();
            s.graph().check()?;
            s.graph().set_input(merge.node().id(), 1, next)?;
        }
        return dense([None, None]);
    }
    if !ctx.has_grad(0) {
        return dense([None, None]);
    }
    let last = ctx.grad(0);
    let merge = s.op("Merge").name("b_switch").list([last, last]).out();
    ctx.keep_switch_merge(merge)?;
    dense([Some(merge), None])
}

impl<'g> Scope<'g> {
    /// Passes `data` to the first output when `predicate` is false and to the second when it is true; what
    /// depends on the other output does not run (op `Switch`, on references `RefSwitch`).
    #[track_caller]
    pub fn switch(
        self,
        data: impl Operand<'g>,
        predicate: impl Operand<'g>,
    ) -> (Output<'g>, Output<'g>) {
        let data = data.operand(self, None);
        let op = if data.type_ref().is_ref {
            "RefSwitch"
        } else {
            "Switch"
        };
        let node = self
            .colocate_with(data)
            .op(op)
            .input(data)
            .input(predicate)
            .finish();
        let s = self.unnamed();
        (node.output(0).in_scope(s), node.output(1).in_scope(s))
    }
}
