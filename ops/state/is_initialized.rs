//! IsVariableInitialized and VarIsInitializedOp: whether a variable has a value.

use crate::error::Result;
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::ops::array::cuda::ON_GPU;
use crate::registry::OpEntry;
use crate::resource::Variable;
use crate::tensor::Tensor;

pub(crate) static IS_VARIABLE_INITIALIZED: OpEntry = OpEntry {
    def: OpDef {
        signature: "IsVariableInitialized(ref:ref dtype) -> (is_initialized:bool)",
        attrs: "dtype:type",
        flags: Flags::UNINITIALIZED_OK,
        infer: infer::scalar,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[], |_| Ok(AnyKernel::cheap(by_reference))),
        KernelDef::gpu_host(&[("dtype", ON_GPU)], &["is_initialized"], |_| {
            Ok(AnyKernel::cheap(by_reference))
        }),
    ],
};

fn by_reference(ctx: &mut OpContext<'_>) -> Result<()> {
    let known = ctx.variable(0)?.is_initialized();
    ctx.set(0, Tensor::from(known))
}

pub(crate) static VAR_IS_INITIALIZED_OP: OpEntry = OpEntry {
    def: OpDef {
        signature: "VarIsInitializedOp(resource:resource) -> (is_initialized:bool)",
        attrs: "",
        flags: Flags::STATEFUL,
        infer: infer::scalar,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[], |_| Ok(AnyKernel::cheap(by_handle))),
        KernelDef::gpu_host(&[], &["resource", "is_initialized"], |_| {
            Ok(AnyKernel::cheap(by_handle))
        }),
    ],
};

fn by_handle(ctx: &mut OpContext<'_>) -> Result<()> {
    let handle = ctx.handle(0)?;
    let found = ctx.env.lookup::<Variable>(handle);
    let known = found.is_ok_and(|v| v.is_initialized());
    ctx.set(0, Tensor::from(known))
}
