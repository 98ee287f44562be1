//! IsVariableInitialized and VarIsInitializedOp: whether a variable has a value.

use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, OpContext};
use crate::op::{Flags, OpDef, infer};
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
    kernels: &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
            let known = ctx.variable(0)?.is_initialized();
            ctx.set(0, Tensor::from(known))
        }))
    })],
};

pub(crate) static VAR_IS_INITIALIZED_OP: OpEntry = OpEntry {
    def: OpDef {
        signature: "VarIsInitializedOp(resource:resource) -> (is_initialized:bool)",
        attrs: "",
        flags: Flags::STATEFUL,
        infer: infer::scalar,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
            let handle = ctx.handle(0)?;
            let found = ctx
                .env
                .resources
                .get::<Variable>(&handle.container, &handle.name);
            let known = found.is_ok_and(|v| v.is_initialized());
            ctx.set(0, Tensor::from(known))
        }))
    })],
};
