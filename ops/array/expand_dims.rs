//! ExpandDims: a new dimension of size 1, without a copy.

use super::cuda;
use super::reshape::like_input;
use crate::dtype::sets::INDEX;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};

pub(crate) static EXPAND_DIMS: OpEntry = OpEntry {
    def: OpDef {
        signature: "ExpandDims(input:T, dim:Tdim) -> (output:T)",
        attrs: "T:type; Tdim:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("Tdim", INDEX)], new),
        KernelDef::gpu_host(&[("T", cuda::ON_GPU), ("Tdim", INDEX)], &["dim"], new),
        KernelDef::gpu_host(
            &[("T", cuda::INT32), ("Tdim", INDEX)],
            &["input", "dim", "output"],
            new,
        ),
    ],
};

/// Where the dimension goes.
fn place(dim: i64, rank: usize) -> Result<usize> {
    let r = rank as i64;
    if dim < -1 - r || dim > r {
        return Err(Error::invalid_argument(format!(
            "Tried to expand dim index {dim} for tensor with {rank} dimensions."
        )));
    }
    Ok(if dim < 0 { dim + r + 1 } else { dim } as usize)
}

fn single(values: &[i64]) -> Result<i64> {
    match values {
        [v] => Ok(*v),
        _ => Err(Error::invalid_argument(
            "'dim' must be a tensor with a single value",
        )),
    }
}

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let input = ctx.input(0);
    if let Some(n) = ctx.input(1).elements()
        && n != 1
    {
        return Err(Error::invalid_argument(format!(
            "'dim' input must be a tensor with a single value, got {n}"
        )));
    }
    let Some(dims) = input.dims() else {
        return Ok(());
    };
    match ctx.constant_ints(1)? {
        Some(v) => {
            let mut dims = dims.to_vec();
            dims.insert(place(single(&v)?, dims.len())?, Some(1));
            ctx.set(0, PartialShape::of(dims));
        }
        None => {
            let rank = dims.len() + 1;
            ctx.set(0, PartialShape::of_rank(rank));
        }
    }
    Ok(())
}

fn new(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
        let dim = single(&ctx.input(1)?.to_i64s()?)?;
        let mut dims = ctx.input(0)?.shape().dims().to_vec();
        dims.insert(place(dim, dims.len())?, 1);
        let shape = Shape::of(&dims)?;
        let x = ctx.take_input(0)?;
        ctx.set(0, x.into_shape(shape)?)
    }))
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    dense([Some(like_input(ctx)), None])
}

impl<'g> Scope<'g> {
    /// `x` with a new dimension of size 1 at `axis` (op `ExpandDims`).
    #[track_caller]
    pub fn expand_dims(self, x: impl Operand<'g>, axis: impl Operand<'g>) -> Output<'g> {
        self.op("ExpandDims").input(x).input(axis).out()
    }
}

impl<'g> Output<'g> {
    /// The same with a new dimension of size 1 at `axis` (op `ExpandDims`).
    #[track_caller]
    pub fn expand_dims(self, axis: impl Operand<'g>) -> Output<'g> {
        self.scope().expand_dims(self, axis)
    }
}
