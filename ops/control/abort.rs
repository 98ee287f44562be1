//! Abort: ends the step with an error. (A graph does not get to end the process.)

use crate::error::{Code, Error};
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static ABORT: OpEntry = OpEntry {
    def: OpDef {
        signature: "Abort() -> ()",
        attrs: "error_msg:string=\"\"; exit_without_error:bool=false",
        flags: Flags::PURE,
        infer: infer::unknown,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], new)],
};

fn new(init: &KernelInit<'_>) -> crate::Result<AnyKernel> {
    let message = String::from_utf8_lossy(init.attrs.bytes("error_msg")?).into_owned();
    let error = if init.attrs.bool("exit_without_error")? {
        Error::new(Code::Aborted, format!("the graph asks to exit; {message}"))
    } else {
        Error::new(
            Code::Aborted,
            format!("Abort_op intentional failure; {message}"),
        )
    };
    Ok(AnyKernel::cheap(move |_: &mut OpContext<'_>| {
        Err(error.clone())
    }))
}
