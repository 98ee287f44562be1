//! SelectV2: elements of one tensor where a condition holds, of another where not, with broadcasting.

use super::gradient::reduce_to_inputs;
use super::select::SELECTABLE;
use super::selection::{Plan, select};
use crate::dtype::sets::PODS;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::broadcast_shapes;

pub(crate) static SELECT_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "SelectV2(condition:bool, t:T, e:T) -> (output:T)",
        attrs: "T:type",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", SELECTABLE)], |_| Ok(AnyKernel::new(compute))),
        KernelDef::gpu(&[("T", PODS)], |_| Ok(AnyKernel::cheap(compute))),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let values = broadcast_shapes(&ctx.input(1), &ctx.input(2))?;
    let shape = broadcast_shapes(&ctx.input(0), &values)?;
    ctx.set(0, shape);
    Ok(())
}

fn compute(ctx: &mut OpContext<'_>) -> Result<()> {
    let shapes = [
        ctx.input(0)?.shape(),
        ctx.input(1)?.shape(),
        ctx.input(2)?.shape(),
    ];
    let plan = Plan::new(shapes).ok_or_else(|| {
        Error::invalid_argument(format!(
            "condition {}, then {}, and else {} must be broadcastable",
            shapes[0], shapes[1], shapes[2]
        ))
    })?;
    select(ctx, &plan)
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let (s, g, c) = (ctx.scope, ctx.grad(0), ctx.input(0));
    let (x, y, z) = (ctx.input(1), ctx.input(2), ctx.output(0));
    let zeros = 0.0f64.operand(s.named("zeros"), Some(g.dtype()));
    let (gx, gy) = (s.select_v2(c, g, zeros), s.select_v2(c, zeros, g));
    let [gx, _] = reduce_to_inputs(s, [x, z], [Some(gx), None]);
    let [gy, _] = reduce_to_inputs(s, [y, z], [Some(gy), None]);
    dense([None, gx, gy])
}

impl<'g> Scope<'g> {
    /// Elements of `t` where `condition` holds, of `e` where not (op `SelectV2`), with broadcasting of all three.
    #[track_caller]
    pub fn select_v2(
        self,
        condition: impl Operand<'g>,
        t: impl Operand<'g>,
        e: impl Operand<'g>,
    ) -> Output<'g> {
        let builder = self.op("SelectV2").input(condition);
        if t.output().is_none() && e.output().is_some() {
            let e = e.operand(self, None);
            return builder.input_like(t, e.dtype()).input(e).out();
        }
        let builder = builder.input(t);
        match builder.latest_dtype() {
            Some(d) => builder.input_like(e, d).out(),
            None => builder.input(e).out(),
        }
    }
}
