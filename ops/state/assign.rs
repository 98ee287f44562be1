//! Assign: gives a reference variable a new value.

use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext, Value};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::ops::array::cuda::ON_GPU;
use crate::registry::OpEntry;

pub(crate) static ASSIGN: OpEntry = OpEntry {
    def: OpDef {
        signature: "Assign(ref:ref T, value:T) -> (output_ref:ref T)",
        attrs: "T:type; validate_shape:bool=true; use_locking:bool=true",
        flags: Flags::UNINITIALIZED_OK,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[], new),
        KernelDef::gpu(&[("T", ON_GPU)], new),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let shape = if ctx.attrs.bool("validate_shape")? {
        ctx.input(0).merge(&ctx.input(1))?
    } else {
        ctx.input(1)
    };
    ctx.set(0, shape);
    Ok(())
}

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let validate = init.attrs.bool("validate_shape")?;
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let variable = ctx.variable(0)?;
        let value = ctx.take_input(1)?;
        if validate {
            let current = variable.lock().as_ref().map(|t| t.shape().clone());
            let left = current.or_else(|| variable.shape.to_shape());
            if let Some(left) = left
                && left != *value.shape()
            {
                return Err(Error::invalid_argument(format!(
                    "Assign requires shapes of both tensors to match. lhs shape= {left} rhs shape= {}",
                    value.shape()
                )));
            }
            if !variable.shape.accepts(value.shape()) {
                return Err(Error::invalid_argument(format!(
                    "Assign requires shapes of both tensors to match. lhs shape= {} rhs shape= {}",
                    variable.shape,
                    value.shape()
                )));
            }
        }
        variable.assign(value)?;
        ctx.set(0, Value::Ref(variable))
    }))
}

impl<'g> Scope<'g> {
    /// Gives a reference variable a new value of the same shape, and gives the reference (op `Assign`).
    /// For variables of either kind use [`Variable::assign`](crate::Variable::assign).
    #[track_caller]
    pub fn assign_ref(self, reference: Output<'g>, value: impl Operand<'g>) -> Output<'g> {
        self.op("Assign")
            .input(reference)
            .input_like(value, reference.dtype())
            .out()
    }
}
