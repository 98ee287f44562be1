//! Switch, RefSwitch: a tensor goes to one of two outputs; the other output is dead.

use super::forward;
use crate::dtype::DType;
use crate::error::Error;
use crate::grad::{Grad, GradCtx, Gradient, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::Shape;
use crate::tensor::Tensor;

pub(crate) static SWITCH: OpEntry = OpEntry {
    def: OpDef {
        signature: "Switch(data:T, pred:bool) -> (output_false:T, output_true:T)",
        attrs: "T:type",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[KernelDef::cpu(&[], new)],
};

pub(crate) static REF_SWITCH: OpEntry = OpEntry {
    def: OpDef {
        signature: "RefSwitch(data:ref T, pred:bool) -> (output_false:ref T, output_true:ref T)",
        attrs: "T:type",
        flags: Flags::UNINITIALIZED_OK,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[KernelDef::cpu(&[], new)],
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
    let Some((pred, taken)) = s.branch_of(ctx.node) else {
        let pred = ctx.input(1);
        let sides = [(0, "Switch"), (1, "Switch")].map(|(side, name)| {
            let g = match ctx.has_grad(side) {
                true => ctx.grad(side),
                false => zeros_like(ctx, side),
            };
            s.op("Switch")
                .name(name)
                .input(g)
                .input(pred)
                .finish()
                .output(side)
        });
        return dense([Some(s.op("Merge").list(sides).out()), None]);
    };
    let (here, there) = (usize::from(taken), usize::from(!taken));
    if !ctx.has_grad(here) || !ctx.input(0).dtype().is_trainable() {
        return dense([None, None]);
    }
    let mut sides = [Output::broken(s); 2];
    sides[here] = ctx.grad(here);
    sides[there] = match ctx.has_grad(there) {
        true => ctx.grad(there),
        false => zeros_on(ctx, pred, there, sides[here].dtype()),
    };
    let merged = s.op("Merge").name("cond_grad").list(sides).out();
    Ok(vec![Some(Gradient::Dense(merged)), None])
}

/// Zeros for an output without gradient, dead where that output is.
fn zeros_like<'g>(ctx: &GradCtx<'g>, side: usize) -> Output<'g> {
    let z = ctx.outer.named("zeros_like");
    z.op("ZerosLike").input(ctx.output(side)).out()
}

/// Zeros of the data's shape that are live exactly when `pred` leads to `side`.
fn zeros_on<'g>(ctx: &GradCtx<'g>, pred: Output<'g>, side: usize, dtype: DType) -> Output<'g> {
    let s = ctx.outer;
    let data = ctx.node.input(0);
    let live = s.op("Switch").input(data).input(pred).finish().output(side);
    let pivot = s.op("Identity").input(live).finish();
    let shape_op = match data.dtype() {
        DType::Resource => "VariableShape",
        _ => "Shape",
    };
    let shape = s.op(shape_op).input(live).out();
    let s = s.after([pivot]).scope("zeros");
    let zero = s.op("Const").name("Const");
    let zero = match Tensor::zeros(dtype, Shape::scalar()) {
        Ok(z) => zero.attr("dtype", dtype).attr("value", z).out(),
        Err(e) => {
            s.graph().fail(e);
            Output::broken(s)
        }
    };
    let name = format!("{}/", s.name());
    let bare = ctx.outer.op("Fill").name(name);
    bare.input(shape).input(zero).out()
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
