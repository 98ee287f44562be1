//! L2Loss: half the sum of squares.

use crate::dtype::DType;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::ops::math::cuda;
use crate::ops::math::number::{Accumulate, Number};
use crate::ops::math::reduction::{Reduce, reduce_all};
use crate::registry::OpEntry;
use crate::tensor::Tensor;
use half::{bf16, f16};

pub(crate) static L2_LOSS: OpEntry = OpEntry {
    def: OpDef {
        signature: "L2Loss(t:T) -> (output:T)",
        attrs: "T:type{half,bfloat16,float,double}",
        flags: Flags::PURE,
        infer: infer::scalar,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", &[DType::F32])], new::<f32>),
        KernelDef::cpu(&[("T", &[DType::F64])], new::<f64>),
        KernelDef::cpu(&[("T", &[DType::F16])], new::<f16>),
        KernelDef::cpu(&[("T", &[DType::BF16])], new::<bf16>),
        KernelDef::gpu(cuda::ON_FLOATS, cuda::reduction::to_scalar),
    ],
};

struct SumOfSquares;

impl<T: Accumulate> Reduce<T> for SumOfSquares {
    const IN_PACKETS: bool = true;
    type Acc = T::Sum;
    #[inline(always)]
    fn start() -> T::Sum {
        <T::Sum as Number>::ZERO
    }
    #[inline(always)]
    fn add(acc: T::Sum, x: T) -> T::Sum {
        let x = x.widen();
        acc.plus(x.times(x))
    }
    #[inline(always)]
    fn merge(a: T::Sum, b: T::Sum) -> T::Sum {
        a.plus(b)
    }
    fn finish(acc: T::Sum, _: usize) -> T {
        T::narrow(acc)
    }
}

/// Half of a sum.
trait Halved: Accumulate {
    fn halved(sum: Self::Sum) -> Self;
}
macro_rules! halved {
    ($($t:ty => $two:expr),*) => { $(
        impl Halved for $t {
            fn halved(sum: <$t as Accumulate>::Sum) -> $t {
                <$t as Accumulate>::narrow(sum / $two)
            }
        }
    )* };
}
halved!(f32 => 2.0, f64 => 2.0, f16 => 2.0, bf16 => 2.0);

fn new<T: Halved>(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
        let sum = reduce_all::<SumOfSquares, T>(ctx.pool(), ctx.data::<T>(0)?);
        let out = Tensor::scalar(T::halved(sum))?;
        ctx.set(0, out)
    }))
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let g = ctx
        .scope
        .op("Mul")
        .input(ctx.input(0))
        .input(ctx.grad(0))
        .name("mul")
        .out();
    dense([Some(g)])
}

impl<'g> Scope<'g> {
    /// Half the sum of the squares (op `L2Loss`).
    #[track_caller]
    pub fn l2_loss(self, t: impl Operand<'g>) -> Output<'g> {
        self.op("L2Loss").input(t).out()
    }
}
impl<'g> Output<'g> {
    /// Half the sum of the squares (op `L2Loss`).
    #[track_caller]
    pub fn l2_loss(self) -> Output<'g> {
        self.scope().l2_loss(self)
    }
}
