//! OnesLike: ones (true) of the input's shape and type.

use super::cuda;
use super::zeros::number;
use crate::dtype::sets::PODS;
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::ops::array::items::{Repeat, produce};
use crate::registry::OpEntry;

pub(crate) static ONES_LIKE: OpEntry = OpEntry {
    def: OpDef {
        signature: "OnesLike(x:T) -> (y:T)",
        attrs: "T:type{bfloat16,half,float,double,int8,uint8,int16,uint16,int32,uint32,int64,uint64,complex64,complex128,bool}",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[("T", PODS)], new),
        KernelDef::gpu(&[("T", cuda::ON_GPU)], new),
        KernelDef::gpu_host(&[("T", cuda::INT32)], &["x", "y"], new),
    ],
};

fn new(init: &KernelInit<'_>) -> crate::Result<AnyKernel> {
    let one = number(init.attrs.dtype("T")?, 1)?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let shape = ctx.input(0)?.shape().clone();
        if let Some(gpu) = ctx.input(0)?.gpu().cloned() {
            return ctx.set(0, cuda::filled(&gpu, shape, &one)?);
        }
        ctx.set(0, produce(one.dtype(), shape, &[&one], Repeat)?)
    }))
}

impl<'g> Scope<'g> {
    /// Ones of the shape and type of `x` (a Fill with the shape of `x`, as TensorFlow builds it).
    #[track_caller]
    pub fn ones_like(self, x: impl Operand<'g>) -> Output<'g> {
        let x = x.operand(self, None);
        let inside = self.composite("ones_like");
        let shape = inside.shape(x);
        match number(x.dtype(), 1) {
            Ok(one) => {
                let one = inside.constant(one);
                inside.result_op("Fill").input(shape).input(one).out()
            }
            Err(_) => inside.result_op("OnesLike").input(x).out(),
        }
    }
}

impl<'g> Output<'g> {
    /// Ones of this shape and type (see [`Scope::ones_like`]).
    #[track_caller]
    pub fn ones_like(self) -> Output<'g> {
        self.scope().ones_like(self)
    }
}
