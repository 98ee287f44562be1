//! Merge, RefMerge: the first live input passes.

use crate::dtype::DType;
use crate::error::Error;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Output, Scope, Surroundings};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::ops::array::cuda;
use crate::registry::OpEntry;
use crate::shape::PartialShape;
use crate::tensor::Tensor;

pub(crate) static MERGE: OpEntry = OpEntry {
    def: OpDef {
        signature: "Merge(inputs:N*T) -> (output:T, value_index:int32)",
        attrs: "T:type; N:int>=1",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[], new),
        KernelDef::gpu_host(&[("T", cuda::ON_GPU)], &["value_index"], new),
        KernelDef::gpu_host(
            &[("T", cuda::INT32)],
            &["inputs", "output", "value_index"],
            new,
        ),
    ],
};

pub(crate) static REF_MERGE: OpEntry = OpEntry {
    def: OpDef {
        signature: "RefMerge(inputs:ref N*T) -> (output:ref T, value_index:int32)",
        attrs: "T:type; N:int>=1",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[], new),
        KernelDef::gpu_host(&[("T", cuda::ON_GPU)], &["value_index"], new),
        KernelDef::gpu_host(
            &[("T", cuda::INT32)],
            &["inputs", "output", "value_index"],
            new,
        ),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> crate::Result<()> {
    let mut shape = ctx.input(0);
    for i in 1..ctx.len() {
        shape = shape.relax(&ctx.input(i));
    }
    ctx.set(0, shape);
    ctx.set(1, PartialShape::scalar());
    if ctx.handles.windows(2).all(|w| w[0] == w[1])
        && let (Some(h), Some(o)) = (ctx.handles.first(), ctx.output_handles.first_mut())
    {
        o.clone_from(h);
    }
    Ok(())
}

fn new(_: &KernelInit<'_>) -> crate::Result<AnyKernel> {
    Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
        for i in 0..ctx.num_inputs() {
            if let Ok(value) = ctx.take_value(i) {
                ctx.set(0, value)?;
                return ctx.set(1, Tensor::from(i as i32));
            }
        }
        Err(Error::internal("Merge op has no live input"))
    }))
}

/// Sends the gradient back to the input that passed.
fn grad<'g>(ctx: &GradCtx<'g>) -> crate::Result<InputGradients<'g>> {
    let s = ctx.scope;
    let g = ctx.grad(0);
    let inputs = ctx.node.inputs();
    let at = s.colocate_with(g);
    let Some(first) = inputs.first() else {
        return Err(Error::internal("a Merge without inputs"));
    };
    let (pred, name) = match ctx.surroundings(*first) {
        Surroundings::Loop => (Some(ctx.backward_pivot()?), "Switch"),
        Surroundings::Branch(pred, _) => (Some(ctx.real_predicate(pred)?), "cond_grad"),
        Surroundings::None => (None, "Switch"),
    };
    if let Some(pred) = pred {
        if inputs.len() != 2 {
            return Err(Error::unimplemented(
                "the gradient of a Merge of other than two inputs in a loop or a conditional",
            ));
        }
        let node = at.op("Switch").name(name).input(g).input(pred).finish();
        return dense(node.outputs().into_iter().map(Some));
    }
    let chosen: Vec<Output<'g>> = (0..inputs.len())
        .map(|i| {
            let y = s.op("Const").name("Equal/y").attr("dtype", DType::I32);
            let y = y.attr("value", Tensor::from(i as i32)).out();
            s.op("Equal").input(ctx.output(1)).input(y).out()
        })
        .collect();
    dense(chosen.into_iter().map(|c| {
        let node = at.op("Switch").input(g).input(c).finish();
        Some(node.output(1))
    }))
}

impl<'g> Scope<'g> {
    /// The first of `inputs` that is live, and its number (op `Merge`; `RefMerge` when all are references).
    #[track_caller]
    pub fn merge(self, inputs: &[Output<'g>]) -> (Output<'g>, Output<'g>) {
        let refs = !inputs.is_empty() && inputs.iter().all(|i| i.type_ref().is_ref);
        let op = if refs { "RefMerge" } else { "Merge" };
        let node = self.op(op).list(inputs.iter().copied()).finish();
        (node.output(0), node.output(1))
    }
}
