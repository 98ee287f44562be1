//! SoftsignGrad: the gradient of x / (|x| + 1).

use super::activation::paired_floats;
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::ops::math::binary::Binary;
use crate::ops::math::number::Float;
use crate::registry::OpEntry;

pub(crate) static SOFTSIGN_GRAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "SoftsignGrad(gradients:T, features:T) -> (backprops:T)",
        attrs: "T:type{half,bfloat16,float,double}",
        flags: Flags::PURE,
        infer: infer::merged,
    },
    // TensorFlow has none either.
    grad: Grad::Missing,
    kernels: &paired_floats::<SoftsignGrad>(),
};

struct SoftsignGrad;

impl<T: Float> Binary<T> for SoftsignGrad {
    type Out = T;
    #[inline(always)]
    fn apply(g: T, x: T) -> T {
        let d = x.magnitude().plus(T::ONE);
        g.over(d.times(d))
    }
}

impl<'g> Scope<'g> {
    /// gradients / (|features| + 1)² (op `SoftsignGrad`).
    #[track_caller]
    pub fn softsign_grad(
        self,
        gradients: impl Operand<'g>,
        features: impl Operand<'g>,
    ) -> Output<'g> {
        self.op("SoftsignGrad")
            .input(gradients)
            .input(features)
            .out()
    }
}
