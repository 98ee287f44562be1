//! MirrorPadGrad: folds the mirrored border back onto the tensor.

use super::mirror_pad::Mirror;
use super::pad::{Padding, infer_padded, read_paddings};
use crate::device::cpu::Disjoint;
use crate::dtype::{DType, sets::INDEX};
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::ops::math::number::Number;
use crate::registry::OpEntry;
use crate::tensor::Tensor;
use half::{bf16, f16};
use num_complex::Complex;

pub(crate) static MIRROR_PAD_GRAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "MirrorPadGrad(input:T, paddings:Tpaddings) -> (output:T)",
        attrs: "T:type; Tpaddings:type{int32,int64}=int32; mode:string{REFLECT,SYMMETRIC}",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", &[DType::F32]), ("Tpaddings", INDEX)], new::<f32>),
        KernelDef::cpu(&[("T", &[DType::F64]), ("Tpaddings", INDEX)], new::<f64>),
        KernelDef::cpu(&[("T", &[DType::F16]), ("Tpaddings", INDEX)], new::<f16>),
        KernelDef::cpu(&[("T", &[DType::BF16]), ("Tpaddings", INDEX)], new::<bf16>),
        KernelDef::cpu(&[("T", &[DType::I8]), ("Tpaddings", INDEX)], new::<i8>),
        KernelDef::cpu(&[("T", &[DType::I16]), ("Tpaddings", INDEX)], new::<i16>),
        KernelDef::cpu(&[("T", &[DType::I32]), ("Tpaddings", INDEX)], new::<i32>),
        KernelDef::cpu(&[("T", &[DType::I64]), ("Tpaddings", INDEX)], new::<i64>),
        KernelDef::cpu(&[("T", &[DType::U8]), ("Tpaddings", INDEX)], new::<u8>),
        KernelDef::cpu(&[("T", &[DType::U16]), ("Tpaddings", INDEX)], new::<u16>),
        KernelDef::cpu(&[("T", &[DType::U32]), ("Tpaddings", INDEX)], new::<u32>),
        KernelDef::cpu(&[("T", &[DType::U64]), ("Tpaddings", INDEX)], new::<u64>),
        KernelDef::cpu(
            &[("T", &[DType::C64]), ("Tpaddings", INDEX)],
            new::<Complex<f32>>,
        ),
        KernelDef::cpu(
            &[("T", &[DType::C128]), ("Tpaddings", INDEX)],
            new::<Complex<f64>>,
        ),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    infer_padded(ctx, -1)
}

fn new<T: Number>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let mode = Mirror::of(init.attrs)?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let shape = ctx.input(0)?.shape().clone();
        let paddings = read_paddings(ctx.input(1)?, &shape, "")?;
        let mut pads: Vec<Padding> = Vec::with_capacity(paddings.len());
        for ((before, after), n) in paddings.into_iter().zip(shape.dims_i64()) {
            if before < 0 || after < 0 {
                return Err(Error::invalid_argument(format!(
                    "Paddings must be non-negative: {before}, {after}"
                )));
            }
            let (total, beyond) = before.overflowing_add(after);
            let size = n.wrapping_sub(total);
            let pad = mode.checked((before, after), size, "output ");
            if total >= n || beyond && pad.is_ok() {
                return Err(Error::invalid_argument(format!(
                    "Total paddings must be less than the input dimension size: {total} was not less than {n}"
                )));
            }
            pads.push(pad?);
        }
        let mut g = ctx.take_input(0)?;
        for (axis, pad) in pads.iter().enumerate().filter(|(_, p)| **p != (0, 0)) {
            g = folded::<T>(ctx, &g, axis, *pad, mode)?;
        }
        ctx.set(0, g)
    }))
}

/// Adds the border along one axis to the elements that it mirrors.
fn folded<T: Number>(
    ctx: &OpContext<'_>,
    g: &Tensor,
    axis: usize,
    (before, after): Padding,
    mode: Mirror,
) -> Result<Tensor> {
    let shape = g.shape();
    let padded = shape.dims()[axis];
    let n = padded - before - after;
    let inner = shape.product(axis + 1..shape.rank());
    let outer = shape.product(0..axis);
    let mut out = Tensor::alloc(T::DTYPE, shape.with_dim(axis, n)?)?;
    if out.elements() == 0 {
        return Ok(out);
    }
    let source = g.data::<T>()?;
    let skip = mode.offset();
    let target = Disjoint::new(out.make_mut::<T>()?);
    let each = (1usize << 14).div_ceil((n * inner).max(1));
    ctx.pool().for_blocks(outer, each, &|start, end| {
        for o in start..end {
            // SAFETY: one part for each outer index.
            let to = unsafe { target.part(o * n * inner, n * inner) };
            let from = &source[o * padded * inner..(o + 1) * padded * inner];
            to.copy_from_slice(&from[before * inner..(before + n) * inner]);
            let mut add = |row: usize, mirror: usize| {
                let to = &mut to[mirror * inner..(mirror + 1) * inner];
                for (a, b) in to.iter_mut().zip(&from[row * inner..(row + 1) * inner]) {
                    *a = a.plus(*b);
                }
            };
            for i in 0..before {
                add(i, before - 1 - i + skip);
            }
            for i in 0..after {
                add(before + n + i, n - 1 - skip - i);
            }
        }
    });
    Ok(out)
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let mode = Mirror::of(ctx.attrs())?;
    dense([
        Some(ctx.scope.mirror_pad(ctx.grad(0), ctx.input(1), mode)),
        None,
    ])
}
