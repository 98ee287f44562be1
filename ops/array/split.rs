//! Split and SplitV: cutting a tensor apart along an axis.

use super::cuda;
use super::items::MOVABLE;
use super::strided::{Layout, rearranged};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, Gradient};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{Dim, PartialShape};
use crate::tensor::Tensor;

pub(crate) static SPLIT: OpEntry = OpEntry {
    def: OpDef {
        signature: "Split(split_dim:int32, value:T) -> (output:num_split*T)",
        attrs: "num_split:int>=1; T:type",
        flags: Flags::PURE,
        infer: infer_split,
    },
    grad: Grad::Fn(|ctx| {
        let joined = joined_grads(ctx, 0);
        Ok(vec![None, joined])
    }),
    kernels: &[
        KernelDef::cpu(&[("T", MOVABLE)], new_split),
        KernelDef::gpu_host(&[("T", cuda::ON_GPU)], &["split_dim"], new_split),
        KernelDef::gpu_host(
            &[("T", cuda::INT32)],
            &["split_dim", "value", "output"],
            new_split,
        ),
    ],
};

pub(crate) static SPLIT_V: OpEntry = OpEntry {
    def: OpDef {
        signature: "SplitV(value:T, size_splits:Tlen, split_dim:int32) -> (output:num_split*T)",
        attrs: "num_split:int>=1; T:type; Tlen:type{int8,int32,int64}=int64",
        flags: Flags::PURE,
        infer: infer_split_v,
    },
    grad: Grad::Fn(|ctx| {
        let joined = joined_grads(ctx, 2);
        Ok(vec![joined, None, None])
    }),
    kernels: &[
        KernelDef::cpu(&[("T", MOVABLE), ("Tlen", LENGTHS)], new_split_v),
        KernelDef::gpu_host(
            &[("T", cuda::ON_GPU), ("Tlen", LENGTHS)],
            &["size_splits", "split_dim"],
            new_split_v,
        ),
        KernelDef::gpu_host(
            &[("T", cuda::INT32), ("Tlen", LENGTHS)],
            &["value", "size_splits", "split_dim", "output"],
            new_split_v,
        ),
    ],
};

const LENGTHS: &[DType] = &[DType::I8, DType::I32, DType::I64];

fn joined_grads<'g>(ctx: &GradCtx<'g>, axis: usize) -> Option<Gradient<'g>> {
    let parts: Vec<Output<'g>> = (0..ctx.node.num_outputs()).map(|i| ctx.grad(i)).collect();
    Some(Gradient::Dense(ctx.scope.concat(&parts, ctx.input(axis))))
}

fn checked_axis(axis: i64, rank: usize) -> Result<usize> {
    ShapeCtx::axis(axis, rank).map_err(|_| {
        Error::invalid_argument(format!(
            "-input rank(-{rank}) <= split_dim < input rank ({rank}), but got {axis}"
        ))
    })
}

fn not_divisible(axis: usize, size: usize, count: usize) -> Error {
    Error::invalid_argument(format!(
        "Number of ways to split should evenly divide the split dimension, but got split_dim {axis} (size = {size}) and num_split {count}"
    ))
}

fn infer_split(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ctx.with_rank(0, 0)?;
    let count = ctx.outputs.len().max(1);
    let axis = ctx.constant_int(0)?;
    let input = ctx.input(1);
    let shape = match (input.dims(), axis) {
        (Some(dims), Some(axis)) => {
            let axis = checked_axis(axis, dims.len())?;
            let mut dims = dims.to_vec();
            if let Some(size) = dims[axis] {
                if size % count != 0 {
                    return Err(not_divisible(axis, size, count));
                }
                dims[axis] = Some(size / count);
            }
            PartialShape::of(dims)
        }
        (Some(dims), None) => PartialShape::of_rank(dims.len()),
        _ => PartialShape::unknown(),
    };
    for i in 0..ctx.outputs.len() {
        ctx.set(i, shape.clone());
    }
    Ok(())
}

fn infer_split_v(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ctx.with_rank(2, 0)?;
    let count = ctx.outputs.len();
    let lengths = ctx.with_rank(1, 1)?;
    if lengths.dim(0).is_some_and(|n| n != count) {
        return Err(Error::invalid_argument(format!(
            "Length of size_splits should be equal to num_outputs, but got {} and {count}",
            lengths.dim(0).unwrap_or_default()
        )));
    }
    let (axis, sizes) = (ctx.constant_int(2)?, ctx.constant_ints(1)?);
    let input = ctx.input(0);
    let Some(dims) = input.dims() else {
        return Ok(());
    };
    let Some(axis) = axis else {
        for i in 0..count {
            ctx.set(i, PartialShape::of_rank(dims.len()));
        }
        return Ok(());
    };
    let axis = checked_axis(axis, dims.len())?;
    let sizes: Vec<Dim> = match (sizes, dims[axis]) {
        (Some(sizes), Some(size)) => filled(&sizes, size)?.into_iter().map(Some).collect(),
        (Some(sizes), None) => sizes.iter().map(|s| usize::try_from(*s).ok()).collect(),
        (None, size) => vec![if count == 1 { size } else { None }; count],
    };
    for (i, size) in sizes.into_iter().enumerate() {
        let mut dims = dims.to_vec();
        dims[axis] = size;
        ctx.set(i, PartialShape::of(dims));
    }
    Ok(())
}

/// The sizes with a -1 replaced by what is left of `size`.
fn filled(sizes: &[i64], size: usize) -> Result<Vec<usize>> {
    let mut out = Vec::with_capacity(sizes.len());
    let (mut unknown, mut total) = (None, 0usize);
    for (i, s) in sizes.iter().enumerate() {
        match usize::try_from(*s) {
            Ok(s) => {
                total = total.saturating_add(s);
                out.push(s);
            }
            Err(_) if *s == -1 => {
                if unknown.replace(i).is_some() {
                    return Err(Error::invalid_argument(
                        "There can only be one -1 in the input.",
                    ));
                }
                out.push(0);
            }
            Err(_) => {
                return Err(Error::invalid_argument(format!(
                    "Split size at index {i} must be >= 0. Got: {s}"
                )));
            }
        }
    }
    let fits = match unknown {
        Some(_) => total <= size,
        None => total == size,
    };
    if !fits {
        return Err(Error::invalid_argument(format!(
            "Determined shape must either match input shape along split_dim exactly if fully specified, or be less than the size of the input along split_dim if not fully specified.  Got: {total}"
        )));
    }
    if let Some(i) = unknown {
        out[i] = size - total;
    }
    Ok(out)
}

fn read_axis(axis: &Tensor, rank: usize) -> Result<usize> {
    if axis.elements() != 1 {
        return Err(Error::invalid_argument(
            "split_dim_tensor must have exactly one element.",
        ));
    }
    checked_axis(i64::from(axis.to_scalar::<i32>()?), rank)
}

fn new_split(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let count = init.outputs.len();
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let (axis, x) = (ctx.input(0)?, ctx.input(1)?);
        if !axis.shape().is_scalar() {
            return Err(Error::invalid_argument(format!(
                "split_dim must be a scalar but has rank {}",
                axis.shape().rank()
            )));
        }
        let axis = read_axis(axis, x.shape().rank())?;
        let size = x.shape().dims()[axis];
        if count == 0 || size % count != 0 {
            return Err(not_divisible(axis, size, count));
        }
        let x = ctx.take_input(1)?;
        cut(ctx, x, axis, &vec![size / count; count])
    }))
}

fn new_split_v(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let count = init.outputs.len();
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let (x, sizes) = (ctx.input(0)?, ctx.input(1)?);
        let axis = read_axis(ctx.input(2)?, x.shape().rank())?;
        if !sizes.shape().is_vector() || sizes.elements() != count {
            return Err(Error::invalid_argument(format!(
                "size of the split_tensor must be 1-D and have the same elements as outputs got {} -D and {} elements",
                sizes.shape().rank(),
                sizes.elements()
            )));
        }
        let sizes = filled(&sizes.to_i64s()?, x.shape().dims()[axis])?;
        let x = ctx.take_input(0)?;
        cut(ctx, x, axis, &sizes)
    }))
}

/// Gives the parts as outputs; where they lie one after the other, they share the buffer of `x`.
fn cut(ctx: &mut OpContext<'_>, x: Tensor, axis: usize, sizes: &[usize]) -> Result<()> {
    if sizes.len() == 1 {
        return ctx.set(0, x);
    }
    let shape = x.shape().clone();
    let mut begin = vec![0; shape.rank()];
    for (i, size) in sizes.iter().enumerate() {
        let part = shape.with_dim(axis, *size)?;
        let part = rearranged(ctx.pool(), &x, part, Layout::at(&shape, &begin)?)?;
        ctx.set(i, part)?;
        begin[axis] += size;
    }
    Ok(())
}

impl<'g> Scope<'g> {
    /// `value` cut into `count` equal parts along an axis (op `Split`).
    #[track_caller]
    pub fn split(self, value: Output<'g>, count: usize, axis: impl Operand<'g>) -> Vec<Output<'g>> {
        let made = self
            .op("Split")
            .default_name("split")
            .input(axis)
            .input(value)
            .attr("num_split", count as i64)
            .finish();
        (0..count).map(|i| made.output(i)).collect()
    }
    /// `value` cut along an axis into `count` parts of these sizes, of which one may be -1: the rest (op `SplitV`).
    #[track_caller]
    pub fn split_sizes(
        self,
        value: Output<'g>,
        sizes: impl Operand<'g>,
        axis: impl Operand<'g>,
        count: usize,
    ) -> Vec<Output<'g>> {
        let sizes = sizes.operand(self.unnamed(), None);
        let made = self
            .op("SplitV")
            .default_name("split")
            .input(value)
            .input(sizes)
            .input(axis)
            .attr("num_split", count as i64)
            .finish();
        (0..count).map(|i| made.output(i)).collect()
    }
}

impl<'g> Output<'g> {
    /// The tensor cut into `count` equal parts along an axis (op `Split`).
    #[track_caller]
    pub fn split(self, count: usize, axis: impl Operand<'g>) -> Vec<Output<'g>> {
        self.scope().split(self, count, axis)
    }
    /// The tensor cut into parts of these sizes along an axis (op `SplitV`).
    #[track_caller]
    pub fn split_sizes<const N: usize>(
        self,
        sizes: [i32; N],
        axis: impl Operand<'g>,
    ) -> Vec<Output<'g>> {
        self.scope().split_sizes(self, sizes, axis, N)
    }
}
