//! Cast: the same values in another element type.

mod convert;
#[cfg(test)]
mod tests;

use super::cuda;
use super::elementwise::{BLOCK, blocks};
use crate::device::cpu::Disjoint;
use crate::dtype::DType;
use crate::dtype::sets::PODS;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use crate::tensor::Tensor;

pub(crate) static CAST: OpEntry = OpEntry {
    def: OpDef {
        signature: "Cast(x:SrcT) -> (y:DstT)",
        attrs: "SrcT:type; DstT:type; Truncate:bool=false",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[], new),
        KernelDef::gpu(&[("SrcT", PODS), ("DstT", PODS)], new),
    ],
};

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let (from, to) = (init.attrs.dtype("SrcT")?, init.attrs.dtype("DstT")?);
    if from == to {
        return Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
            let x = ctx.take_input(0)?;
            ctx.set(0, x)
        }));
    }
    let truncate = init.attrs.bool("Truncate")?;
    let row = convert::row(from, to, truncate)
        .ok_or_else(|| Error::unimplemented(format!("Cast {from} to {to} is not supported")))?;
    if init.env.gpu.is_some() {
        return Ok(cuda::cast(init, from, to, convert::cut(from, to, truncate)));
    }
    let (size_in, size_out) = (from.size(), to.size());
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let x = ctx.input(0)?;
        crate::dtype::expect_dtype(from, x.dtype())?;
        let mut y = Tensor::alloc(to, x.shape().clone())?;
        let n = x.elements();
        let bytes = x.bytes()?;
        let out = Disjoint::new(y.bytes_mut()?);
        blocks(ctx.pool(), n, BLOCK, &|start, end| {
            // SAFETY: blocks do not overlap.
            let part = unsafe { out.part(start * size_out, (end - start) * size_out) };
            row(&bytes[start * size_in..end * size_in], part);
        });
        ctx.set(0, y)
    }))
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let from = ctx.attrs().dtype("SrcT")?;
    let to = ctx.attrs().dtype("DstT")?;
    let smooth = |d: DType| d.is_floating() || d.is_complex();
    if smooth(from) && smooth(to) {
        dense([Some(ctx.grad(0).cast(from))])
    } else {
        dense([None])
    }
}

impl<'g> Scope<'g> {
    /// The same values as another element type (op `Cast`); a tensor of that type already is given back as it is.
    #[track_caller]
    pub fn cast(self, x: impl Operand<'g>, to: DType) -> Output<'g> {
        if x.output().is_some() {
            let x = x.operand(self, None);
            if x.is_valid() && x.dtype() == to {
                return x;
            }
            return self.op("Cast").input(x).attr("DstT", to).out();
        }
        self.op("Cast").input(x).attr("DstT", to).out()
    }
}

impl<'g> Output<'g> {
    /// The same values as another element type (op `Cast`); a tensor of that type already is given back as it is.
    #[track_caller]
    pub fn cast(self, to: DType) -> Output<'g> {
        self.scope().cast(self, to)
    }
}
