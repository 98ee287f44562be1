//! Concat and ConcatV2: tensors one after the other along an axis.

use super::cuda;
use super::items::{MOVABLE, produce};
use super::strided::{BoxCopy, Boxes, Layout, steps_of};
use crate::device::cpu::ThreadPool;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, Gradient, InputGradients};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;
use smallvec::SmallVec;

pub(crate) static CONCAT: OpEntry = OpEntry {
    def: OpDef {
        signature: "Concat(concat_dim:int32, values:N*T) -> (output:T)",
        attrs: "N:int>=2; T:type",
        flags: Flags::PURE,
        infer: |ctx| {
            let last = ctx.len();
            infer(ctx, 0, 1..last)
        },
    },
    grad: Grad::Fn(|ctx| {
        let count = ctx.node.inputs().len();
        grad(ctx, 0, 1..count)
    }),
    kernels: &[
        KernelDef::cpu(&[("T", MOVABLE)], new_v1),
        KernelDef::gpu_host(&[("T", cuda::ON_GPU)], &["concat_dim"], new_v1),
        KernelDef::gpu_host(
            &[("T", cuda::INT32)],
            &["concat_dim", "values", "output"],
            new_v1,
        ),
    ],
};

pub(crate) static CONCAT_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "ConcatV2(values:N*T, axis:Tidx) -> (output:T)",
        attrs: "N:int>=2; T:type; Tidx:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer: |ctx| {
            let last = ctx.len().saturating_sub(1);
            infer(ctx, last, 0..last)
        },
    },
    grad: Grad::Fn(|ctx| {
        let last = ctx.node.inputs().len().saturating_sub(1);
        grad(ctx, last, 0..last)
    }),
    kernels: &[
        KernelDef::cpu(&[("T", MOVABLE)], new_v2),
        KernelDef::gpu_host(&[("T", cuda::ON_GPU)], &["axis"], new_v2),
        KernelDef::gpu_host(&[("T", cuda::INT32)], &["values", "axis", "output"], new_v2),
    ],
};

type Range = std::ops::Range<usize>;

fn new_v1(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
        let last = ctx.num_inputs();
        compute(ctx, 0, 1..last, "concat_dim")
    }))
}

fn new_v2(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
        let last = ctx.num_inputs().saturating_sub(1);
        compute(ctx, last, 0..last, "axis")
    }))
}

fn infer(ctx: &mut ShapeCtx<'_>, axis: usize, values: Range) -> Result<()> {
    let scalar = |s: PartialShape| s.rank().is_none_or(|r| r == 0) || s.elements() == Some(1);
    if !scalar(ctx.input(axis)) {
        return Err(Error::invalid_argument(format!(
            "Shape must be rank 0 but is rank {}",
            ctx.input(axis).rank().unwrap_or_default()
        )));
    }
    let axis = ctx.constant_ints(axis)?;
    let axis = axis.and_then(|a| a.first().copied());
    let Some(axis) = axis else {
        // Only the rank is common to all.
        let rank = values.clone().find_map(|i| ctx.input(i).rank());
        if let Some(rank) = rank {
            for i in values {
                ctx.with_rank(i, rank)?;
            }
            ctx.set(0, PartialShape::of_rank(rank));
        }
        return Ok(());
    };
    let Some(rank) = values.clone().find_map(|i| ctx.input(i).rank()) else {
        return Ok(());
    };
    let at = ShapeCtx::axis(axis, rank).map_err(|_| {
        let needed = if axis < 0 {
            axis.unsigned_abs()
        } else {
            axis as u64 + 1
        };
        Error::invalid_argument(format!(
            "Shape must be at least rank {needed} but is rank {rank}"
        ))
    })?;
    let mut total = Some(0usize);
    let mut rest = PartialShape::of_rank(rank);
    for i in values {
        let shape = ctx.with_rank(i, rank)?;
        total = match (total, shape.dim(at)) {
            (Some(a), Some(b)) => Some(a.checked_add(b).ok_or_else(|| {
                Error::invalid_argument("the sizes along the concatenated axis overflow")
            })?),
            _ => None,
        };
        rest = rest.merge(&with(&shape, at, None))?;
    }
    ctx.set(0, with(&rest, at, total));
    Ok(())
}

/// The shape with one dimension replaced.
fn with(shape: &PartialShape, axis: usize, dim: Option<usize>) -> PartialShape {
    let mut dims = shape.dims().unwrap_or(&[]).to_vec();
    if let Some(d) = dims.get_mut(axis) {
        *d = dim;
    }
    PartialShape::of(dims)
}

fn compute(ctx: &mut OpContext<'_>, axis: usize, values: Range, name: &str) -> Result<()> {
    let axis = ctx.input(axis)?;
    if !axis.shape().is_scalar() && axis.shape().dims() != [1] {
        return Err(Error::invalid_argument(format!(
            "{name} tensor should be a scalar integer, but got shape {}",
            axis.shape()
        )));
    }
    let axis = axis.to_i64s()?.first().copied().unwrap_or_default();
    let values: Vec<&Tensor> = values.map(|i| ctx.input(i)).collect::<Result<_>>()?;
    let joined = joined(ctx.pool(), &values, axis)?;
    ctx.set(0, joined)
}

/// The tensors one after the other along an axis, which may count from the back.
///
/// # Errors
/// `InvalidArgument` when there is no such axis or the other sizes differ.
pub(crate) fn joined(pool: &ThreadPool, values: &[&Tensor], axis: i64) -> Result<Tensor> {
    let Some(first) = values.first() else {
        return Err(Error::invalid_argument("ConcatOp : no values"));
    };
    let rank = first.shape().rank();
    for (i, v) in values.iter().enumerate() {
        if v.shape().rank() != rank {
            return Err(Error::invalid_argument(format!(
                "ConcatOp : Ranks of all input tensors should match: shape[0] = {} vs. shape[{i}] = {}",
                first.shape(),
                v.shape()
            )));
        }
    }
    if rank == 0 {
        return Err(Error::invalid_argument(
            "ConcatOp : Can't concatenate scalars (use tf.stack instead)",
        ));
    }
    let axis = ShapeCtx::axis(axis, rank).map_err(|_| {
        Error::invalid_argument(format!(
            "ConcatOp : Expected concatenating dimensions in the range [-{rank}, {rank}), but got {axis}"
        ))
    })?;
    let mut total = 0usize;
    for (i, v) in values.iter().enumerate() {
        for (d, (a, b)) in first
            .shape()
            .dims()
            .iter()
            .zip(v.shape().dims())
            .enumerate()
        {
            if d != axis && a != b {
                return Err(Error::invalid_argument(format!(
                    "ConcatOp : Dimension {d} in both shapes must be equal: shape[0] = {} vs. shape[{i}] = {}",
                    first.shape(),
                    v.shape()
                )));
            }
        }
        total = total.saturating_add(v.shape().dims()[axis]);
    }
    let shape = first.shape().with_dim(axis, total)?;
    join(pool, values, axis, shape)
}

/// Copies tensors of fitting shapes next to each other.
fn join(pool: &ThreadPool, values: &[&Tensor], axis: usize, shape: Shape) -> Result<Tensor> {
    let mut begin = vec![0; shape.rank()];
    let mut copies = Vec::with_capacity(values.len());
    for (i, v) in values.iter().enumerate() {
        copies.push(BoxCopy {
            input: i,
            dims: SmallVec::from_slice(v.shape().dims()),
            from: Layout {
                start: 0,
                steps: steps_of(v.shape()),
            },
            to: Layout::at(&shape, &begin)?,
        });
        begin[axis] += v.shape().dims()[axis];
    }
    let job = Boxes {
        pool,
        fill: None,
        copies: &copies,
    };
    let dtype = values.first().map_or(DType::F32, |v| v.dtype());
    produce(dtype, shape, values, job)
}

/// More inputs than this are cut apart by one SplitV instead of a Slice each.
const MANY: usize = 16;

fn grad<'g>(ctx: &GradCtx<'g>, axis: usize, values: Range) -> Result<InputGradients<'g>> {
    let s = ctx.scope;
    let inputs: Vec<Output<'g>> = values.clone().map(|i| ctx.input(i)).collect();
    let Some(first) = inputs.first() else {
        return Ok(vec![None; ctx.node.inputs().len()]);
    };
    let mut axis = ctx.input(axis);
    if axis.dtype() != DType::I32 {
        axis = s.op("Cast").input(axis).attr("DstT", DType::I32).out();
    }
    let rank = s.rank(*first);
    let axis = s
        .op("FloorMod")
        .default_name("mod")
        .input(axis)
        .input(rank)
        .out();
    let known = inputs.iter().all(|x| x.shape().is_fully_known());
    let sizes: Vec<Output<'g>> = if known {
        inputs.iter().map(|x| s.shape(*x)).collect()
    } else {
        s.shape_n(&inputs)
    };
    let g = ctx.grad(0);
    let parts: Vec<Output<'g>> = if inputs.len() > MANY {
        let table = s.stack(&sizes, 1);
        let begin = s.stack(&[axis, s.constant(0i32)], 0);
        let lengths = s.slice(table, begin, [1i32, -1]).squeeze(&[0]);
        s.split_sizes(g, lengths, axis, inputs.len())
    } else {
        let offsets = s.concat_offset(axis, &sizes);
        let slice = |(begin, size): (&Output<'g>, &Output<'g>)| s.slice(g, *begin, *size);
        offsets.iter().zip(&sizes).map(slice).collect()
    };
    let mut out: InputGradients<'g> = vec![None; ctx.node.inputs().len()];
    for (i, part) in values.zip(parts) {
        out[i] = Some(Gradient::Dense(part));
    }
    Ok(out)
}

impl<'g> Scope<'g> {
    /// The tensors one after the other along an axis, which may count from the back (op `ConcatV2`;
    /// a single tensor is passed through).
    #[track_caller]
    pub fn concat(self, values: &[Output<'g>], axis: impl Operand<'g>) -> Output<'g> {
        if let [only] = values {
            let inside = self.composite("concat");
            axis.operand(inside.named("concat_dim"), None);
            let only = inside.op("Identity").name("concat").input(*only).out();
            return only.in_scope(self.unnamed());
        }
        self.op("ConcatV2")
            .default_name("concat")
            .list(values.iter().copied())
            .input(axis)
            .out()
    }
}
