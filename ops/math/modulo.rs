//! Mod: the rest of a division rounded towards zero; it has the sign of the dividend.

use super::binary::{Binary, binary_for, int32_on_host};
use super::cuda;
use super::division::Quotient;
use super::operators::binary_op;
use crate::dtype::DType;
use crate::error::Result;
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::KernelDef;
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static MOD: OpEntry = OpEntry {
    def: OpDef {
        signature: "Mod(x:T, y:T) -> (z:T)",
        attrs: "T:type{int32,int64,half,bfloat16,float,double}",
        flags: Flags::PURE,
        infer: infer::broadcast,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        binary_for::<Mod, i32>(),
        binary_for::<Mod, i64>(),
        binary_for::<Mod, f32>(),
        binary_for::<Mod, f64>(),
        KernelDef::gpu(
            &[("T", &[DType::I64, DType::F32, DType::F64])],
            cuda::binary,
        ),
        int32_on_host::<Mod>(),
    ],
};

struct Mod;

impl<T: Quotient> Binary<T> for Mod {
    type Out = T;
    #[inline(always)]
    fn apply(x: T, y: T) -> T {
        x.truncated_rest(y)
    }

    fn check(y: &[T]) -> Result<()> {
        T::check_divisors(y)
    }
}

impl<'g> Scope<'g> {
    /// The rest of a division rounded towards zero (op `Mod`), with broadcasting.
    #[track_caller]
    pub fn rest(self, x: impl Operand<'g>, y: impl Operand<'g>) -> Output<'g> {
        binary_op(self, "Mod", "Mod", x, y)
    }
}

impl<'g> Output<'g> {
    /// The rest of a division rounded towards zero (op `Mod`), with broadcasting.
    #[track_caller]
    pub fn rest(self, y: impl Operand<'g>) -> Output<'g> {
        self.scope().rest(self, y)
    }
}
