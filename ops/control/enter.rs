//! Enter, RefEnter: a tensor goes into a child frame, the activation of a loop.

use super::forward;
use crate::error::Error;
use crate::grad::{Grad, GradCtx, InputGradients};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit};
use crate::op::{Attrs, Flags, OpDef, ShapeCtx};
use crate::ops::array::cuda;
use crate::registry::OpEntry;

pub(crate) static ENTER: OpEntry = OpEntry {
    def: OpDef {
        signature: "Enter(data:T) -> (output:T)",
        attrs: "T:type; frame_name:string; is_constant:bool=false; parallel_iterations:int=10",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[], new),
        KernelDef::gpu(&[("T", cuda::ON_GPU)], new),
        KernelDef::gpu_host(&[("T", cuda::INT32)], &["data", "output"], new),
    ],
};

pub(crate) static REF_ENTER: OpEntry = OpEntry {
    def: OpDef {
        signature: "RefEnter(data:ref T) -> (output:ref T)",
        attrs: "T:type; frame_name:string; is_constant:bool=false; parallel_iterations:int=10",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[], new),
        KernelDef::gpu(&[("T", cuda::ON_GPU)], new),
        KernelDef::gpu_host(&[("T", cuda::INT32)], &["data", "output"], new),
    ],
};

fn check(attrs: &Attrs) -> crate::Result<()> {
    if attrs.bytes("frame_name")?.is_empty() {
        return Err(Error::invalid_argument("The Enter must have a frame name."));
    }
    let parallel = attrs.int("parallel_iterations")?;
    if !(1..=i64::from(i32::MAX)).contains(&parallel) {
        return Err(Error::invalid_argument(format!(
            "parallel_iterations must be a positive int32, got {parallel}"
        )));
    }
    Ok(())
}

/// The shape of a loop variable may change from one iteration to the next; only a constant's is known.
fn infer(ctx: &mut ShapeCtx<'_>) -> crate::Result<()> {
    check(ctx.attrs)?;
    if ctx.attrs.bool("is_constant")? {
        return forward::infer(ctx);
    }
    if let (Some(h), Some(o)) = (ctx.handles.first(), ctx.output_handles.first_mut()) {
        o.clone_from(h);
    }
    Ok(())
}

/// The gradient of a loop variable leaves the backward loop; that of a loop invariant is added up over the iterations.
fn grad<'g>(ctx: &GradCtx<'g>) -> crate::Result<InputGradients<'g>> {
    let Some(g) = ctx.grads.first().copied().flatten() else {
        return Ok(vec![None]);
    };
    if !ctx.in_backward_loop() {
        return Ok(vec![Some(g)]);
    }
    Ok(vec![Some(match ctx.attrs().bool("is_constant")? {
        true => ctx.accumulate_invariant(g)?,
        false => ctx.leave_backward_loop(g.dense(ctx.scope))?.into(),
    })])
}

fn new(init: &KernelInit<'_>) -> crate::Result<AnyKernel> {
    check(init.attrs)?;
    forward::kernel(init)
}

/// How a tensor enters a frame.
#[derive(Clone, Copy, Debug)]
pub struct EnterOptions {
    /// It is the same in all iterations.
    pub is_constant: bool,
    /// How many iterations may be under way at the same time.
    pub parallel_iterations: i64,
}

impl Default for EnterOptions {
    fn default() -> EnterOptions {
        EnterOptions {
            is_constant: false,
            parallel_iterations: 10,
        }
    }
}

impl<'g> Scope<'g> {
    /// Brings `data` into the frame of that name (op `Enter`, on references `RefEnter`).
    #[track_caller]
    pub fn enter(
        self,
        data: impl Operand<'g>,
        frame_name: &str,
        options: EnterOptions,
    ) -> Output<'g> {
        let data = data.operand(self, None);
        let op = if data.type_ref().is_ref {
            "RefEnter"
        } else {
            "Enter"
        };
        self.op(op)
            .input(data)
            .attr("frame_name", frame_name)
            .attr("is_constant", options.is_constant)
            .attr("parallel_iterations", options.parallel_iterations)
            .out()
    }
}
