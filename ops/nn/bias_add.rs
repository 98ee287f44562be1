//! BiasAdd, BiasAddV1: one number for each channel, added everywhere.

use super::compute::Compute;
use super::cuda;
use super::window::DataFormat;
use crate::device::cpu::Disjoint;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::ops::math::number::Number;
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use half::{bf16, f16};
use num_complex::Complex;

/// The kernels of both ops.
const KERNELS: &[KernelDef] = &[
    KernelDef::cpu(&[("T", &[DType::F32])], new::<f32>),
    KernelDef::cpu(&[("T", &[DType::F64])], new::<f64>),
    KernelDef::cpu(&[("T", &[DType::F16])], new::<f16>),
    KernelDef::cpu(&[("T", &[DType::BF16])], new::<bf16>),
    KernelDef::cpu(&[("T", &[DType::I8])], new::<i8>),
    KernelDef::cpu(&[("T", &[DType::I16])], new::<i16>),
    KernelDef::cpu(&[("T", &[DType::I32])], new::<i32>),
    KernelDef::cpu(&[("T", &[DType::I64])], new::<i64>),
    KernelDef::cpu(&[("T", &[DType::U8])], new::<u8>),
    KernelDef::cpu(&[("T", &[DType::U16])], new::<u16>),
    KernelDef::cpu(&[("T", &[DType::U32])], new::<u32>),
    KernelDef::cpu(&[("T", &[DType::U64])], new::<u64>),
    KernelDef::cpu(&[("T", &[DType::C64])], new::<Complex<f32>>),
    KernelDef::cpu(&[("T", &[DType::C128])], new::<Complex<f64>>),
    KernelDef::gpu(
        &[(
            "T",
            &[DType::F32, DType::F64, DType::F16, DType::BF16, DType::I32],
        )],
        cuda::bias_add,
    ),
];

pub(crate) static BIAS_ADD: OpEntry = OpEntry {
    def: OpDef {
        signature: "BiasAdd(value:T, bias:T) -> (output:T)",
        attrs: "T:type{number}; data_format:string{NHWC,NCHW}=\"NHWC\"",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: KERNELS,
};
pub(crate) static BIAS_ADD_V1: OpEntry = OpEntry {
    def: OpDef {
        signature: "BiasAddV1(value:T, bias:T) -> (output:T)",
        attrs: "T:type{number}",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad_v1),
    kernels: KERNELS,
};

pub(super) fn format_of(attrs: &crate::op::Attrs) -> Result<DataFormat> {
    match attrs.get("data_format") {
        Ok(_) => DataFormat::parse(attrs.str("data_format")?),
        Err(_) => Ok(DataFormat::Nhwc),
    }
}

/// The channels' axis in a tensor of that rank.
pub(super) fn channel_axis(format: DataFormat, rank: usize) -> usize {
    if format == DataFormat::Nhwc {
        rank.saturating_sub(1)
    } else {
        1
    }
}

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let format = format_of(ctx.attrs)?;
    let (value, bias) = (ctx.input(0), ctx.with_rank(1, 1)?);
    value.with_rank_at_least(if format == DataFormat::Nhwc { 2 } else { 3 })?;
    let Some(dims) = value.dims() else {
        return Ok(());
    };
    let mut dims = dims.to_vec();
    let axis = channel_axis(format, dims.len());
    let merged = PartialShape::vector(dims[axis]).merge(&bias)?;
    dims[axis] = merged.dim(0);
    ctx.set(0, PartialShape::of(dims));
    Ok(())
}

/// Elements that one job handles, about.
const BLOCK: usize = 1 << 15;

fn new<T: Compute + Number>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let format = format_of(init.attrs)?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let shape = ctx.input(0)?.shape().clone();
        let bias = ctx.input(1)?.clone();
        let channels = check(&shape, bias.shape(), format)?;
        let (mut out, reused) = ctx.forward_or_alloc(&[0], T::DTYPE, &shape)?;
        if reused.is_none() {
            out.make_mut::<T>()?.copy_from_slice(ctx.data::<T>(0)?);
        }
        let inner = shape.product(channel_axis(format, shape.rank()) + 1..shape.rank());
        let bias = bias.data::<T>()?;
        let values = Disjoint::new(out.make_mut::<T>()?);
        let group = channels * inner;
        if !values.is_empty() {
            let groups = values.len() / group;
            ctx.pool()
                .for_blocks(groups, (BLOCK / group).max(1), &|a, b| {
                    // SAFETY: blocks of groups do not overlap.
                    let part = unsafe { values.part(a * group, (b - a) * group) };
                    for group in part.chunks_exact_mut(group) {
                        if inner == 1 {
                            group
                                .iter_mut()
                                .zip(bias)
                                .for_each(|(v, b)| *v = v.plus(*b));
                        } else {
                            for (plane, b) in group.chunks_exact_mut(inner).zip(bias) {
                                plane.iter_mut().for_each(|v| *v = v.plus(*b));
                            }
                        }
                    }
                });
        }
        ctx.set(0, out)
    }))
}

/// Checks the shapes and gives the number of channels.
pub(super) fn check(value: &Shape, bias: &Shape, format: DataFormat) -> Result<usize> {
    if value.rank() < 2 || format != DataFormat::Nhwc && value.rank() < 3 {
        let least = if format == DataFormat::Nhwc { 2 } else { 3 };
        return Err(Error::invalid_argument(format!(
            "Input tensor must be at least {least}D: {value}"
        )));
    }
    if !bias.is_vector() {
        return Err(Error::invalid_argument(format!(
            "Biases must be 1D: {bias}"
        )));
    }
    let channels = value.dims()[channel_axis(format, value.rank())];
    if bias.elements() != channels {
        let which = if format == DataFormat::Nhwc {
            "last"
        } else {
            "channel"
        };
        return Err(Error::invalid_argument(format!(
            "Must provide as many biases as the {which} dimension of the input tensor: {bias} vs. {value}"
        )));
    }
    Ok(channels)
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let g = ctx.grad(0);
    let format = ctx.attrs().str("data_format")?.to_string();
    let bias = ctx
        .scope
        .op("BiasAddGrad")
        .input(g)
        .attr("data_format", format)
        .out();
    dense([Some(g), Some(bias)])
}

fn grad_v1<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let g = ctx.grad(0);
    dense([Some(g), Some(ctx.scope.op("BiasAddGrad").input(g).out())])
}

impl<'g> Scope<'g> {
    /// A vector added along the last axis (op `BiasAdd`).
    #[track_caller]
    pub fn bias_add(self, value: impl Operand<'g>, bias: impl Operand<'g>) -> Output<'g> {
        self.op("BiasAdd").input(value).input(bias).out()
    }
}
