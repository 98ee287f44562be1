//! Shape: the sizes of a tensor.

use super::cuda;
use crate::dtype::{DType, sets::INDEX};
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;

pub(crate) static SHAPE: OpEntry = OpEntry {
    def: OpDef {
        signature: "Shape(input:T) -> (output:out_type)",
        attrs: "T:type; out_type:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[("out_type", INDEX)], new),
        KernelDef::gpu_host(
            &[("T", cuda::ON_GPU), ("out_type", INDEX)],
            &["output"],
            new,
        ),
        KernelDef::gpu_host(
            &[("T", cuda::INT32), ("out_type", INDEX)],
            &["input", "output"],
            new,
        ),
    ],
};

/// Each output is a vector with the rank of its input as length.
pub(super) fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    for i in 0..ctx.len() {
        let rank = ctx.input(i).rank();
        ctx.set(i, PartialShape::vector(rank));
    }
    Ok(())
}

/// Also the kernel of ShapeN.
pub(super) fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let dtype = init.attrs.dtype("out_type")?;
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        for i in 0..ctx.num_inputs() {
            let sizes = sizes_as(dtype, ctx.input(i)?.shape())?;
            ctx.set(i, sizes)?;
        }
        Ok(())
    }))
}

/// A shape as a vector of that integer type.
fn sizes_as(dtype: DType, shape: &Shape) -> Result<Tensor> {
    if dtype == DType::I64 {
        return Ok(Tensor::from(shape.dims_i64().to_vec()));
    }
    let mut sizes = Vec::with_capacity(shape.rank());
    for (i, d) in shape.dims().iter().enumerate() {
        sizes.push(i32::try_from(*d).map_err(|_| {
            Error::invalid_argument(format!("Shape output type is 32-bit  but dim {i} is {d}"))
        })?);
    }
    Ok(Tensor::from(sizes))
}

impl<'g> Scope<'g> {
    /// The sizes of `x`, an int32 vector: a constant where they are known, else op `Shape`.
    #[track_caller]
    pub fn shape(self, x: impl Operand<'g>) -> Output<'g> {
        self.shape_as(x, DType::I32)
    }
    /// The sizes of `x` as a vector of int32 or int64: a constant where they are known, else op `Shape`.
    #[track_caller]
    pub fn shape_as(self, x: impl Operand<'g>, dtype: DType) -> Output<'g> {
        let x = x.operand(self, None);
        if x.is_valid()
            && let Some(shape) = x.shape().to_shape()
            && let Ok(sizes) = sizes_as(dtype, &shape)
        {
            let constant = self.op("Const").default_name("Shape");
            return constant.attr("dtype", dtype).attr("value", sizes).out();
        }
        self.op("Shape").input(x).attr("out_type", dtype).out()
    }
}
