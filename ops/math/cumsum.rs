//! Cumsum: running sums along an axis.

use super::cumulative::{Running, Step, scan_op, scans};
use super::number::Number;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static CUMSUM: OpEntry = OpEntry {
    def: OpDef {
        signature: "Cumsum(x:T, axis:Tidx) -> (out:T)",
        attrs: "exclusive:bool=false; reverse:bool=false; T:type{number}; Tidx:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &scans::<Cumsum>(),
};

struct Cumsum;

impl<T: Number> Step<T> for Cumsum {
    #[inline(always)]
    fn start() -> T {
        T::ZERO
    }
    #[inline(always)]
    fn next(so_far: T, x: T) -> T {
        so_far.plus(x)
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let running = Running {
        exclusive: ctx.attrs().bool("exclusive")?,
        reverse: !ctx.attrs().bool("reverse")?,
    };
    dense([
        Some(ctx.scope.cumsum(ctx.grad(0), ctx.input(1), running)),
        None,
    ])
}

impl<'g> Scope<'g> {
    /// Running sums along an axis (op `Cumsum`).
    #[track_caller]
    pub fn cumsum(
        self,
        x: impl Operand<'g>,
        axis: impl Operand<'g>,
        running: Running,
    ) -> Output<'g> {
        scan_op(self, "Cumsum", x, axis, running)
    }
}
