//! Atan2: the angle of the point (x, y), from −π to π.

use super::binary::{Binary, binary_floats};
use super::gradient::reduce_to_inputs;
use super::number::Float;
use super::operators::binary_op;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static ATAN2: OpEntry = OpEntry {
    def: OpDef {
        signature: "Atan2(y:T, x:T) -> (z:T)",
        attrs: "T:type{bfloat16,half,float,double}",
        flags: Flags::PURE,
        infer: infer::broadcast,
    },
    grad: Grad::Fn(grad),
    kernels: &binary_floats::<Atan2>(),
};

struct Atan2;

impl<T: Float> Binary<T> for Atan2 {
    type Out = T;
    #[inline(always)]
    fn apply(x: T, y: T) -> T {
        x.lift2(y, f32::atan2, f64::atan2)
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let g = ctx.grad(0);
    let (y, x) = (ctx.input(0), ctx.input(1));
    let s = ctx.after_grad();
    let (y_in, x_in) = (y.in_scope(s), x.in_scope(s));
    let inverse = s.true_div(g, s.square(y_in) + s.square(x_in));
    let gy = x_in * inverse;
    let gx = -y_in * inverse;
    dense(reduce_to_inputs(ctx.scope, [y, x], [Some(gy), Some(gx)]))
}

impl<'g> Scope<'g> {
    /// The angle of the point whose ordinate is the first tensor and whose abscissa the second (op `Atan2`), with broadcasting.
    #[track_caller]
    pub fn atan2(self, x: impl Operand<'g>, y: impl Operand<'g>) -> Output<'g> {
        binary_op(self, "Atan2", "Atan2", x, y)
    }
}

impl<'g> Output<'g> {
    /// The angle of the point whose ordinate is this tensor and whose abscissa the other (op `Atan2`), with broadcasting.
    #[track_caller]
    pub fn atan2(self, y: impl Operand<'g>) -> Output<'g> {
        self.scope().atan2(self, y)
    }
}
