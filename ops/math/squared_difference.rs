//! SquaredDifference: the square of the difference of two tensors.

use super::binary::{Binary, binary_for, int32_on_host};
use super::cuda;
use super::gradient::{reduce_to_inputs, same_known_shape};
use super::number::Number;
use super::operators::binary_op;
use crate::dtype::DType;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::KernelDef;
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use half::{bf16, f16};
use num_complex::Complex;

pub(crate) static SQUARED_DIFFERENCE: OpEntry = OpEntry {
    def: OpDef {
        signature: "SquaredDifference(x:T, y:T) -> (z:T)",
        attrs: "T:type{bfloat16,half,float,double,int32,int64,complex64,complex128}",
        flags: Flags::COMMUTATIVE,
        infer: infer::broadcast,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        binary_for::<SquaredDifference, f32>(),
        binary_for::<SquaredDifference, f64>(),
        binary_for::<SquaredDifference, f16>(),
        binary_for::<SquaredDifference, bf16>(),
        binary_for::<SquaredDifference, i32>(),
        binary_for::<SquaredDifference, i64>(),
        binary_for::<SquaredDifference, Complex<f32>>(),
        binary_for::<SquaredDifference, Complex<f64>>(),
        KernelDef::gpu(cuda::ON_FLOATS, cuda::binary),
        KernelDef::gpu(&[("T", &[DType::I64])], cuda::binary),
        int32_on_host::<SquaredDifference>(),
    ],
};

struct SquaredDifference;

impl<T: Number> Binary<T> for SquaredDifference {
    type Out = T;
    #[inline(always)]
    fn apply(x: T, y: T) -> T {
        let d = x.minus(y);
        d.times(d.conjugate())
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let g = ctx.grad(0);
    let (x, y) = (ctx.input(0), ctx.input(1));
    let s = ctx.after_grad();
    let two = 2.0f64.operand(s.named("scalar"), Some(g.dtype()));
    let gx = s.mul(two, g) * s.named("sub").sub(x, y);
    if same_known_shape(x, y) && same_known_shape(x, g) {
        return dense([Some(gx), Some(-gx)]);
    }
    dense(reduce_to_inputs(ctx.scope, [x, y], [Some(gx), Some(-gx)]))
}

impl<'g> Scope<'g> {
    /// The square of the difference of two tensors (op `SquaredDifference`), with broadcasting.
    #[track_caller]
    pub fn squared_difference(self, x: impl Operand<'g>, y: impl Operand<'g>) -> Output<'g> {
        binary_op(self, "SquaredDifference", "SquaredDifference", x, y)
    }
}

impl<'g> Output<'g> {
    /// The square of the difference of two tensors (op `SquaredDifference`), with broadcasting.
    #[track_caller]
    pub fn squared_difference(self, y: impl Operand<'g>) -> Output<'g> {
        self.scope().squared_difference(self, y)
    }
}
