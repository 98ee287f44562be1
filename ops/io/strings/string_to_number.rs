//! StringToNumber: numbers from text.

use super::number;
use crate::dtype::DType;
use crate::error::Error;
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static STRING_TO_NUMBER: OpEntry = OpEntry {
    def: OpDef {
        signature: "StringToNumber(string_tensor:string) -> (output:out_type)",
        attrs: "out_type:type{float,double,int32,int64,uint32,uint64}=float",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], new)],
};

fn new(init: &KernelInit<'_>) -> crate::Result<AnyKernel> {
    let dtype = init.attrs.dtype("out_type")?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let input = ctx.input(0)?;
        let out = number::parse_all(dtype, input.shape(), input.strings()?, |_, text| {
            Error::invalid_argument(format!(
                "StringToNumberOp could not correctly convert string: {}",
                String::from_utf8_lossy(text)
            ))
        })?;
        ctx.set(0, out)
    }))
}

impl<'g> Scope<'g> {
    /// The numbers that strings spell (op `StringToNumber`).
    #[track_caller]
    pub fn string_to_number(self, strings: impl Operand<'g>, out_type: DType) -> Output<'g> {
        self.op("StringToNumber")
            .input(strings)
            .attr("out_type", out_type)
            .out()
    }
}
