//! StridedSliceGrad: puts a gradient back where a strided slice was taken, zeros elsewhere.

use super::super::items::{MOVABLE, produce};
use super::super::strided::{BoxCopy, Boxes, Layout};
use super::super::zeros::number;
use super::{DenseSlice, MASKS, Masks, read_vectors};
use crate::dtype::{DType, sets::INDEX};
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::ops::array::cuda;
use crate::registry::OpEntry;
use crate::shape::Shape;
use crate::tensor::Tensor;
use smallvec::SmallVec;

pub(crate) static STRIDED_SLICE_GRAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "StridedSliceGrad(shape:Index, begin:Index, end:Index, strides:Index, dy:T) -> (output:T)",
        attrs: "T:type; Index:type{int32,int64}; begin_mask:int=0; end_mask:int=0; ellipsis_mask:int=0; new_axis_mask:int=0; shrink_axis_mask:int=0",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", MOVABLE), ("Index", INDEX)], new),
        KernelDef::gpu_host(
            &[("T", cuda::ON_GPU), ("Index", INDEX)],
            &["shape", "begin", "end", "strides"],
            new,
        ),
        KernelDef::gpu_host(
            &[("T", cuda::INT32), ("Index", INDEX)],
            &["shape", "begin", "end", "strides", "dy", "output"],
            new,
        ),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ctx.with_rank(0, 1)?;
    let shape = ctx.constant_shape(0)?;
    ctx.set(0, shape);
    Ok(())
}

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let masks = Masks::of(init.attrs)?;
    let dtype = init.attrs.dtype("T")?;
    let zero = match dtype {
        DType::Resource => None,
        d => Some(number(d, 0)?),
    };
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let sizes = ctx.input(0)?;
        if !sizes.shape().is_vector() {
            return Err(Error::invalid_argument(format!(
                "shape must be 1-D, got shape.shape = {}",
                sizes.shape()
            )));
        }
        let shape = Shape::new(&sizes.to_i64s()?)?;
        let [begin, end, strides] = read_vectors(ctx, 1)?;
        let dims: Vec<_> = shape.dims().iter().map(|d| Some(*d)).collect();
        let slice = DenseSlice::new(&dims, Some(&begin), Some(&end), &strides, masks)?;
        let (size, to, sliced) = slice.place(&shape)?;
        let dy = ctx.input(4)?;
        if *dy.shape() != sliced {
            return Err(Error::invalid_argument(format!(
                "shape of dy was {} instead of {sliced}",
                dy.shape()
            )));
        }
        let copies = [BoxCopy {
            input: 0,
            dims: SmallVec::from_slice(size.dims()),
            from: Layout::dense(&size),
            to,
        }];
        let job = Boxes {
            pool: ctx.pool(),
            // Handles are empty from the start.
            fill: zero.as_ref().map(|_| 1),
            copies: &copies,
        };
        let inputs: Vec<&Tensor> = std::iter::once(dy).chain(&zero).collect();
        let out = produce(dtype, shape, &inputs, job)?;
        ctx.set(0, out)
    }))
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let mut op = ctx.scope.op("StridedSlice").input(ctx.grad(0));
    for i in 1..4 {
        op = op.input(ctx.input(i));
    }
    for name in MASKS {
        op = op.attr(name, ctx.attrs().int(name)?);
    }
    dense([None, None, None, None, Some(op.out())])
}
