//! TopK and TopKV2: the k largest elements of each row, and where they are.

use super::rows::row_blocks;
use crate::device::cpu::Disjoint;
use crate::dtype::{DType, sets::REALS};
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::ops::array::SliceSpec;
use crate::ops::math::number::Real;
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;
use half::{bf16, f16};
use std::cmp::Ordering;

pub(crate) static TOP_K: OpEntry = OpEntry {
    def: OpDef {
        signature: "TopK(input:T) -> (values:T, indices:int32)",
        attrs: "k:int>=0; sorted:bool=true; T:type{realnumber}",
        flags: Flags::PURE,
        infer: |ctx| {
            let k = ctx.attrs.int("k")?;
            infer(ctx, Some(k))
        },
    },
    grad: Grad::Fn(grad),
    kernels: &[KernelDef::cpu(&[("T", REALS)], |init| {
        let (k, dtype) = (init.attrs.int("k")?, init.attrs.dtype("T")?);
        new(dtype, Some(k), DType::I32)
    })],
};

pub(crate) static TOP_K_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "TopKV2(input:T, k:Tk) -> (values:T, indices:index_type)",
        attrs: "sorted:bool=true; T:type{realnumber}; Tk:type{int16,int32,int64}=int32; index_type:type{int16,int32,int64}=int32",
        flags: Flags::PURE,
        infer: |ctx| {
            ctx.with_rank(1, 0)?;
            let k = ctx.constant_int(1)?;
            infer(ctx, k)
        },
    },
    grad: Grad::Fn(grad),
    kernels: &[KernelDef::cpu(&[("T", REALS)], |init| {
        let dtype = init.attrs.dtype("T")?;
        new(dtype, None, init.attrs.dtype("index_type")?)
    })],
};

fn checked_k(k: i64) -> Result<usize> {
    usize::try_from(k).map_err(|_| Error::invalid_argument(format!("Need k >= 0, got {k}")))
}

fn too_few(columns: usize, k: usize) -> Error {
    Error::invalid_argument(format!(
        "input must have at least k columns. Had {columns}, needed {k}"
    ))
}

fn infer(ctx: &mut ShapeCtx<'_>, k: Option<i64>) -> Result<()> {
    let input = ctx.input(0);
    input.with_rank_at_least(1)?;
    let k = k.map(checked_k).transpose()?;
    let Some((columns, outer)) = input.dims().and_then(|d| d.split_last()) else {
        return Ok(());
    };
    if let (Some(n), Some(k)) = (columns, k)
        && *n < k
    {
        return Err(too_few(*n, k));
    }
    let shape = PartialShape::of(outer.to_vec()).concat(&PartialShape::vector(k));
    ctx.set(0, shape.clone());
    ctx.set(1, shape);
    Ok(())
}

/// The kernel for that type; `k`: the attribute, or `None`: input 1.
fn new(dtype: DType, k: Option<i64>, index: DType) -> Result<AnyKernel> {
    Ok(match dtype {
        DType::F32 => typed::<f32>(k, index),
        DType::F64 => typed::<f64>(k, index),
        DType::F16 => typed::<f16>(k, index),
        DType::BF16 => typed::<bf16>(k, index),
        DType::I8 => typed::<i8>(k, index),
        DType::I16 => typed::<i16>(k, index),
        DType::I32 => typed::<i32>(k, index),
        DType::I64 => typed::<i64>(k, index),
        DType::U8 => typed::<u8>(k, index),
        DType::U16 => typed::<u16>(k, index),
        DType::U32 => typed::<u32>(k, index),
        DType::U64 => typed::<u64>(k, index),
        d => {
            return Err(Error::internal(format!(
                "no order among elements of type {d}"
            )));
        }
    })
}

fn typed<T: Real>(k: Option<i64>, index: DType) -> AnyKernel {
    AnyKernel::new(move |ctx: &mut OpContext<'_>| compute::<T>(ctx, k, index))
}

fn compute<T: Real>(ctx: &mut OpContext<'_>, k: Option<i64>, index: DType) -> Result<()> {
    let k = match k {
        Some(k) => k,
        None => {
            let k = ctx.input(1)?;
            if !k.shape().is_scalar() {
                return Err(Error::invalid_argument(format!(
                    "k must be scalar, got shape {}",
                    k.shape()
                )));
            }
            k.to_i64s()?.first().copied().unwrap_or_default()
        }
    };
    let k = checked_k(k)?;
    let x = ctx.input(0)?;
    let Some((&columns, outer)) = x.shape().dims().split_last() else {
        return Err(Error::invalid_argument(format!(
            "input must be >= 1-D, got shape {}",
            x.shape()
        )));
    };
    if columns < k {
        return Err(too_few(columns, k));
    }
    let limit = match index {
        DType::I16 => i16::MAX as usize,
        DType::I32 => i32::MAX as usize,
        _ => i64::MAX as usize,
    };
    if columns > limit {
        return Err(Error::invalid_argument(format!(
            "input has {columns} columns, too many for indices of type {index}"
        )));
    }
    let shape = Shape::of(&[outer, &[k]].concat())?;
    let mut values = Tensor::alloc(T::DTYPE, shape.clone())?;
    let mut places = vec![0usize; shape.elements()];
    let data = x.data::<T>()?;
    if let Some(rows) = shape.elements().checked_div(k) {
        let to = Disjoint::new(values.make_mut::<T>()?);
        let at = Disjoint::new(&mut places);
        row_blocks(ctx.pool(), rows, columns, &|start, end| {
            let mut order: Vec<usize> = Vec::with_capacity(columns);
            for r in start..end {
                let row = &data[r * columns..(r + 1) * columns];
                // SAFETY: one part for each row.
                let (to, at) = unsafe { (to.part(r * k, k), at.part(r * k, k)) };
                largest(row, &mut order, at);
                for (v, i) in to.iter_mut().zip(at) {
                    *v = row[*i];
                }
            }
        });
    }
    ctx.set(0, values)?;
    // No place is beyond the limit checked above.
    let indices = match index {
        DType::I16 => Tensor::from_slice(
            &shape,
            &places.iter().map(|i| *i as i16).collect::<Vec<_>>(),
        ),
        DType::I32 => Tensor::from_slice(
            &shape,
            &places.iter().map(|i| *i as i32).collect::<Vec<_>>(),
        ),
        _ => Tensor::from_slice(
            &shape,
            &places.iter().map(|i| *i as i64).collect::<Vec<_>>(),
        ),
    };
    ctx.set(1, indices?)
}

/// Larger first, NaN last, and equal ones in the order of their places.
pub(super) fn descending<T: Real>(row: &[T], a: usize, b: usize) -> Ordering {
    let (x, y) = (row[a], row[b]);
    let by_value = y
        .partial_cmp(&x)
        .unwrap_or_else(|| x.is_nan().cmp(&y.is_nan()));
    by_value.then(a.cmp(&b))
}

/// Writes the places of the largest elements of a row in descending order.
fn largest<T: Real>(row: &[T], order: &mut Vec<usize>, to: &mut [usize]) {
    let k = to.len();
    if k == 1 {
        let best = (0..row.len()).reduce(|a, b| {
            if descending(row, b, a) == Ordering::Less {
                b
            } else {
                a
            }
        });
        to[0] = best.unwrap_or_default();
        return;
    }
    order.clear();
    order.extend(0..row.len());
    if k < row.len() {
        order.select_nth_unstable_by(k - 1, |a, b| descending(row, *a, *b));
        order.truncate(k);
    }
    order.sort_unstable_by(|a, b| descending(row, *a, *b));
    to.copy_from_slice(order);
}

/// The gradient goes back to the places of the largest elements.
fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.scope;
    let (x, indices) = (ctx.input(0), ctx.output(1));
    let indices = if indices.dtype() == DType::I32 {
        indices
    } else {
        s.cast(indices, DType::I32)
    };
    let shape = s.shape(x);
    let last = |shape: Output<'g>| shape.strided_slice(&SliceSpec::new().at(-1));
    let columns = last(shape);
    let minus_one = s.constant(-1i32);
    let table = indices.reshape([minus_one, last(s.shape(indices))]);
    let rows = s.shape(table).index(0);
    let starts = s.range(0i32, rows * columns, columns).expand_dims(-1);
    let places = (table + starts).reshape([-1]).expand_dims(-1);
    let size = s
        .op("Prod")
        .input(shape)
        .input([0i32])
        .attr("keep_dims", false)
        .out();
    let g = ctx.grad(0).reshape([-1]);
    let g = s.scatter_nd(places, g, size.expand_dims(0)).reshape(shape);
    let mut out = vec![Some(g)];
    out.resize(ctx.node.inputs().len(), None);
    dense(out)
}

impl<'g> Scope<'g> {
    /// The `k` largest elements along the last dimension, largest first, and their places, int32; of equal
    /// elements those with the lower place come first (op `TopKV2`).
    #[track_caller]
    pub fn top_k(self, input: impl Operand<'g>, k: impl Operand<'g>) -> [Output<'g>; 2] {
        let made = self.op("TopKV2").input(input).input(k).finish();
        [made.output(0), made.output(1)]
    }
}
