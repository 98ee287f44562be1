//! ArgMax: the place of the greatest element along an axis; the first one wins ties.

use super::extreme::{Bounded, Contest, infer, kernels};
use crate::dtype::DType;
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef};
use crate::registry::OpEntry;

pub(crate) static ARG_MAX: OpEntry = OpEntry {
    def: OpDef {
        signature: "ArgMax(input:T, dimension:Tidx) -> (output:output_type)",
        attrs: "T:type{float,double,int32,uint8,int16,int8,int64,bfloat16,uint16,half,uint32,uint64,qint8,quint8,qint32,qint16,quint16,bool}; Tidx:type{int16,int32,int64}=int32; output_type:type{int16,uint16,int32,int64}=int64",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &kernels::<ArgMax>(),
};

struct ArgMax;

impl<T: Bounded> Contest<T> for ArgMax {
    const WORST: T = T::LEAST;
    #[inline(always)]
    fn beats(x: T, best: T) -> bool {
        x > best
    }
}

impl<'g> Scope<'g> {
    /// The place of the greatest element along an axis, as int64 (op `ArgMax`).
    #[track_caller]
    pub fn arg_max(self, input: impl Operand<'g>, axis: impl Operand<'g>) -> Output<'g> {
        self.op("ArgMax")
            .input(input)
            .input_like(axis, DType::I32)
            .out()
    }
}

impl<'g> Output<'g> {
    /// The place of the greatest element along an axis, as int64 (op `ArgMax`).
    #[track_caller]
    pub fn arg_max(self, axis: impl Operand<'g>) -> Output<'g> {
        self.scope().arg_max(self, axis)
    }
}
