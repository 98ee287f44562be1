//! Squeeze: drops dimensions of size 1, without a copy.

use super::cuda;
use super::reshape::like_input;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{Dim, PartialShape, Shape};

pub(crate) static SQUEEZE: OpEntry = OpEntry {
    def: OpDef {
        signature: "Squeeze(input:T) -> (output:T)",
        attrs: "T:type; squeeze_dims:list(int)>=0=[]",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[], new),
        KernelDef::gpu(&[("T", cuda::ON_GPU)], new),
        KernelDef::gpu_host(&[("T", cuda::INT32)], &["input", "output"], new),
    ],
};

/// Which dimensions are named; none means all of size 1.
fn named(axes: &[i64], rank: usize) -> Result<Vec<bool>> {
    let mut out = vec![false; rank];
    for a in axes {
        let axis = ShapeCtx::axis(*a, rank).map_err(|_| {
            Error::invalid_argument(format!(
                "Tried to squeeze dim index {a} for tensor with {rank} dimensions."
            ))
        })?;
        out[axis] = true;
    }
    Ok(out)
}

fn squeezed(dims: &[Dim], axes: &[i64]) -> Result<Vec<Dim>> {
    let named = named(axes, dims.len())?;
    let mut out = Vec::new();
    for (i, (d, named)) in dims.iter().zip(&named).enumerate() {
        match d {
            Some(n) if *named && *n != 1 => {
                return Err(Error::invalid_argument(format!(
                    "Can not squeeze dim[{i}], expected a dimension of 1, got {n}"
                )));
            }
            _ if *named => {}
            Some(1) if axes.is_empty() => {}
            d => out.push(*d),
        }
    }
    Ok(out)
}

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let axes = ctx.attrs.ints("squeeze_dims")?;
    let input = ctx.input(0);
    if let Some(dims) = input.dims()
        && (!axes.is_empty() || input.is_fully_known())
    {
        let out = squeezed(dims, axes)?;
        ctx.set(0, PartialShape::of(out));
    }
    Ok(())
}

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let axes = init.attrs.ints("squeeze_dims")?.to_vec();
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let x = ctx.take_input(0)?;
        let dims: Vec<Dim> = x.shape().dims().iter().map(|d| Some(*d)).collect();
        let dims: Vec<usize> = squeezed(&dims, &axes)?.into_iter().flatten().collect();
        ctx.set(0, x.into_shape(Shape::of(&dims)?)?)
    }))
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    dense([Some(like_input(ctx))])
}

impl<'g> Scope<'g> {
    /// `x` without the dimensions of size 1 at these axes; without axes, without any of size 1 (op `Squeeze`).
    #[track_caller]
    pub fn squeeze(self, x: impl Operand<'g>, axes: &[i64]) -> Output<'g> {
        self.op("Squeeze").input(x).attr("squeeze_dims", axes).out()
    }
}

impl<'g> Output<'g> {
    /// The same without the dimensions of size 1 at these axes (see [`Scope::squeeze`]).
    #[track_caller]
    pub fn squeeze(self, axes: &[i64]) -> Output<'g> {
        self.scope().squeeze(self, axes)
    }
}
