//! Cumprod: running products along an axis.

use super::cumulative::{Running, Step, scan_op, scans};
use super::number::Number;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static CUMPROD: OpEntry = OpEntry {
    def: OpDef {
        signature: "Cumprod(x:T, axis:Tidx) -> (out:T)",
        attrs: "exclusive:bool=false; reverse:bool=false; T:type{number}; Tidx:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &scans::<Cumprod>(),
};

struct Cumprod;

impl<T: Number> Step<T> for Cumprod {
    #[inline(always)]
    fn start() -> T {
        T::ONE
    }
    #[inline(always)]
    fn next(so_far: T, x: T) -> T {
        so_far.times(x)
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let (s, x, axis) = (ctx.scope, ctx.input(0), ctx.input(1));
    let running = Running {
        exclusive: ctx.attrs().bool("exclusive")?,
        reverse: ctx.attrs().bool("reverse")?,
    };
    let product = s.cumprod(x, axis, running);
    let back = Running {
        reverse: !running.reverse,
        ..running
    };
    let out = s.cumsum(product * ctx.grad(0), axis, back);
    dense([Some(s.div_no_nan(out, x)), None])
}

impl<'g> Scope<'g> {
    /// Running products along an axis (op `Cumprod`).
    #[track_caller]
    pub fn cumprod(
        self,
        x: impl Operand<'g>,
        axis: impl Operand<'g>,
        running: Running,
    ) -> Output<'g> {
        scan_op(self, "Cumprod", x, axis, running)
    }
}
