//! Print: passes a tensor on and prints others to standard error.

use crate::error::Error;
use crate::grad::{Grad, GradCtx, InputGradients};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use std::io::Write;
use std::sync::atomic::{AtomicI64, Ordering};

pub(crate) static PRINT: OpEntry = OpEntry {
    def: OpDef {
        signature: "Print(input:T, data:U) -> (output:T)",
        attrs: "T:type; U:list(type)>=0; message:string=\"\"; first_n:int=-1; summarize:int=3",
        flags: Flags::STATEFUL,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &[KernelDef::cpu(&[], new)],
};

fn new(init: &KernelInit<'_>) -> crate::Result<AnyKernel> {
    let message = init.attrs.bytes("message")?.to_vec();
    let first_n = init.attrs.int("first_n")?;
    let summarize = init.attrs.int("summarize")?;
    let printed = AtomicI64::new(0);
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        if first_n < 0 || printed.fetch_add(1, Ordering::Relaxed) < first_n {
            let line = line(&message, summarize, ctx)?;
            std::io::stderr()
                .write_all(&line)
                .map_err(|e| Error::internal(format!("cannot print: {e}")))?;
        } else {
            // Stays at the limit instead of wrapping round after 2^63 calls.
            printed.store(first_n, Ordering::Relaxed);
        }
        let x = ctx.take_value(0)?;
        ctx.set(0, x)
    }))
}

/// The message and each tensor in brackets.
fn line(message: &[u8], summarize: i64, ctx: &OpContext<'_>) -> crate::Result<Vec<u8>> {
    let mut line = message.to_vec();
    for i in 1..ctx.num_inputs() {
        line.extend_from_slice(format!("[{}]", ctx.input(i)?.summarize(summarize)).as_bytes());
    }
    line.push(b'\n');
    Ok(line)
}

fn grad<'g>(ctx: &GradCtx<'g>) -> crate::Result<InputGradients<'g>> {
    let mut grads = vec![None; ctx.node.inputs().len()];
    if let (Some(first), Some(g)) = (grads.first_mut(), ctx.grads.first()) {
        *first = *g;
    }
    Ok(grads)
}

/// How [`Scope::print`] prints.
#[derive(Clone, Debug)]
pub struct PrintOptions {
    /// Stands before the tensors.
    pub message: String,
    /// Only the first so many runs print (negative: all).
    pub first_n: i64,
    /// The number of elements of each tensor (negative: all).
    pub summarize: i64,
}

impl Default for PrintOptions {
    fn default() -> PrintOptions {
        PrintOptions {
            message: String::new(),
            first_n: -1,
            summarize: 3,
        }
    }
}

impl<'g> Scope<'g> {
    /// `input`, printing the tensors in `data` to standard error each time it is computed (op `Print`).
    #[track_caller]
    pub fn print(
        self,
        input: impl Operand<'g>,
        data: &[Output<'g>],
        options: &PrintOptions,
    ) -> Output<'g> {
        self.op("Print")
            .input(input)
            .list(data.iter().copied())
            .attr("message", options.message.as_str())
            .attr("first_n", options.first_n)
            .attr("summarize", options.summarize)
            .out()
    }
}
