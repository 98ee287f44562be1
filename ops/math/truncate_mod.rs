//! TruncateMod: the rest of a division rounded towards zero; it has the sign of the dividend.

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

pub(crate) static TRUNCATE_MOD: OpEntry = OpEntry {
    def: OpDef {
        signature: "TruncateMod(x:T, y:T) -> (z:T)",
        attrs: "T:type{int32,int64,bfloat16,half,float,double}",
        flags: Flags::PURE,
        infer: infer::broadcast,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        binary_for::<TruncateMod, i32>(),
        binary_for::<TruncateMod, i64>(),
        binary_for::<TruncateMod, f32>(),
        binary_for::<TruncateMod, f64>(),
        KernelDef::gpu(
            &[("T", &[DType::I64, DType::F32, DType::F64])],
            cuda::binary,
        ),
        int32_on_host::<TruncateMod>(),
    ],
};

struct TruncateMod;

impl<T: Quotient> Binary<T> for TruncateMod {
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
    /// The rest of a division rounded towards zero (op `TruncateMod`), with broadcasting.
    #[track_caller]
    pub fn truncate_mod(self, x: impl Operand<'g>, y: impl Operand<'g>) -> Output<'g> {
        binary_op(self, "TruncateMod", "TruncateMod", x, y)
    }
}

impl<'g> Output<'g> {
    /// The rest of a division rounded towards zero (op `TruncateMod`), with broadcasting.
    #[track_caller]
    pub fn truncate_mod(self, y: impl Operand<'g>) -> Output<'g> {
        self.scope().truncate_mod(self, y)
    }
}
