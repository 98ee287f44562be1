//! GatherNd: slices of a tensor by tuples of indices.

use super::items::{Item, MOVABLE, Move, produce};
use super::runs::{list, position};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, Gradient, IndexedSlices, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Attrs, Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;

pub(crate) static GATHER_ND: OpEntry = OpEntry {
    def: OpDef {
        signature: "GatherNd(params:Tparams, indices:Tindices) -> (output:Tparams)",
        attrs: "Tparams:type; Tindices:type{int16,int32,int64}; bad_indices_policy:string=\"\"",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[KernelDef::cpu(
        &[("Tparams", MOVABLE), ("Tindices", INDICES)],
        new,
    )],
};

const INDICES: &[DType] = &[DType::I16, DType::I32, DType::I64];

/// Whether tuples out of range are passed over instead of refused.
pub(super) fn ignores_bad_indices(attrs: &Attrs) -> Result<bool> {
    match attrs.str("bad_indices_policy")? {
        "" | "DEFAULT" | "ERROR" => Ok(false),
        "IGNORE" => Ok(true),
        other => Err(Error::invalid_argument(format!(
            "Bad indices policy attribute value: {other}"
        ))),
    }
}

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let (params, indices) = (ctx.input(0), ctx.input(1));
    indices.with_rank_at_least(1)?;
    let Some(i) = indices.dims() else {
        return Ok(());
    };
    let (Some(p), Some((Some(depth), outer))) = (params.dims(), i.split_last()) else {
        return Ok(());
    };
    let rest = p.get(*depth..).ok_or_else(|| {
        Error::invalid_argument(format!(
            "indices.shape[-1] must be <= params.rank, but saw indices shape: {indices} and params shape: {params}"
        ))
    })?;
    let outer = PartialShape::of(outer.to_vec());
    ctx.set(0, outer.concat(&PartialShape::of(rest.to_vec())));
    Ok(())
}

/// Tuples of indices into the leading dimensions of a shape, as numbers of the slices that they name
/// (`None`: out of range).
pub(super) fn slice_numbers(tuples: &[i64], depth: usize, dims: &[usize]) -> Vec<Option<usize>> {
    let number = |tuple: &[i64]| {
        tuple.iter().zip(dims).try_fold(0usize, |at, (i, d)| {
            let i = usize::try_from(*i).ok().filter(|i| i < d)?;
            Some(at * d + i)
        })
    };
    if depth == 0 {
        return Vec::new();
    }
    tuples.chunks_exact(depth).map(number).collect()
}

struct TakeSlices<'a> {
    len: usize,
    numbers: &'a [Option<usize>],
}

impl Move for TakeSlices<'_> {
    fn run<E: Item>(self, inputs: &[&[E]], out: &mut [E]) -> Result<()> {
        let [src] = inputs else {
            return Err(Error::internal("one input was expected"));
        };
        for (number, out) in self.numbers.iter().zip(out.chunks_exact_mut(self.len)) {
            if let Some(i) = number {
                let run = src.get(i * self.len..(i + 1) * self.len);
                let run = run.ok_or_else(|| Error::internal("a slice beyond its tensor"))?;
                out.clone_from_slice(run);
            }
        }
        Ok(())
    }
}

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let ignore = ignores_bad_indices(init.attrs)?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let (params, indices) = (ctx.input(0)?, ctx.input(1)?);
        let (p, i) = (params.shape(), indices.shape());
        if p.rank() == 0 {
            return Err(Error::invalid_argument("params must be at least a vector"));
        }
        let Some((&depth, outer)) = i.dims().split_last() else {
            return Err(Error::invalid_argument("indices must be at least a vector"));
        };
        if depth > p.rank() {
            return Err(Error::invalid_argument(format!(
                "index innermost dimension length must be <= params rank; saw: {depth} vs. {}",
                p.rank()
            )));
        }
        let mut dims = outer.to_vec();
        dims.extend_from_slice(&p.dims()[depth..]);
        let shape = Shape::of(&dims)?;
        let outer = Shape::of(outer)?;
        if outer.elements() > 0 && p.elements() == 0 {
            return Err(Error::invalid_argument(format!(
                "Requested more than 0 entries, but params is empty.  Params shape: {p}"
            )));
        }
        let tuples = indices.to_i64s()?;
        let numbers = match depth {
            0 => vec![Some(0); outer.elements()],
            _ => slice_numbers(&tuples, depth, p.dims()),
        };
        if let Some(bad) = numbers.iter().position(Option::is_none).filter(|_| !ignore) {
            return Err(Error::invalid_argument(format!(
                "indices{} = [{}] does not index into param shape {p}, node name: {}",
                position(&outer, bad),
                list(&tuples[bad * depth..(bad + 1) * depth]).replace(',', ", "),
                ctx.node.name
            )));
        }
        let len = p.product(depth..p.rank());
        if shape.elements() == 0 {
            let none = Tensor::zeros(params.dtype(), shape)?;
            return ctx.set(0, none);
        }
        let job = TakeSlices {
            len,
            numbers: &numbers,
        };
        let mut out = produce(params.dtype(), shape, &[params], job)?;
        if ignore && out.dtype().is_pod() {
            // Slices that nothing names are zero.
            let bytes = len * out.dtype().size();
            for (number, part) in numbers.iter().zip(out.bytes_mut()?.chunks_exact_mut(bytes)) {
                if number.is_none() {
                    part.fill(0);
                }
            }
        }
        ctx.set(0, out)
    }))
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.scope;
    let (params, indices) = (ctx.input(0), ctx.input(1));
    let mut wide = indices;
    if indices.dtype() == DType::I16 {
        wide = s.op("Cast").input(indices).attr("DstT", DType::I32).out();
    }
    let shape = s.shape_as(params, wide.dtype());
    let is_rows = indices.shape().rank() == Some(2) && indices.shape().dim(1) == Some(1);
    if is_rows && wide.dtype() == DType::I32 {
        let slices = IndexedSlices {
            values: ctx.grad(0),
            indices: wide.squeeze(&[-1]),
            dense_shape: shape,
        };
        return Ok(vec![Some(Gradient::Slices(slices)), None]);
    }
    let mut g = ctx.grad(0);
    if indices.shape().rank() == Some(1) {
        // To ScatterNd, a vector is not one tuple but many.
        (wide, g) = (wide.expand_dims(0), g.expand_dims(0));
    }
    let g = s.scatter_nd(wide, g, shape);
    dense([Some(g), None])
}

impl<'g> Scope<'g> {
    /// The slices of `params` that the tuples in the last dimension of `indices` name (op `GatherNd`).
    #[track_caller]
    pub fn gather_nd(self, params: impl Operand<'g>, indices: impl Operand<'g>) -> Output<'g> {
        self.op("GatherNd").input(params).input(indices).out()
    }
}

impl<'g> Output<'g> {
    /// The slices that the tuples in the last dimension of `indices` name (op `GatherNd`).
    #[track_caller]
    pub fn gather_nd(self, indices: impl Operand<'g>) -> Output<'g> {
        self.scope().gather_nd(self, indices)
    }
}
