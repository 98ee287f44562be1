//! ScatterNd: adds slices at tuples of indices to a tensor of zeros.

use super::gather_nd::{ignores_bad_indices, slice_numbers};
use super::runs::{list, position};
use crate::dtype::{DType, sets::INDEX};
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::ops::math::number::Number;
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use crate::tensor::{Bytes, Tensor};
use half::{bf16, f16};
use num_complex::Complex;

pub(crate) static SCATTER_ND: OpEntry = OpEntry {
    def: OpDef {
        signature: "ScatterNd(indices:Tindices, updates:T, shape:Tindices) -> (output:T)",
        attrs: "T:type; Tindices:type{int16,int32,int64}; bad_indices_policy:string=\"\"",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", &[DType::F32]), ("Tindices", INDEX)], new::<f32>),
        KernelDef::cpu(&[("T", &[DType::F64]), ("Tindices", INDEX)], new::<f64>),
        KernelDef::cpu(&[("T", &[DType::F16]), ("Tindices", INDEX)], new::<f16>),
        KernelDef::cpu(&[("T", &[DType::BF16]), ("Tindices", INDEX)], new::<bf16>),
        KernelDef::cpu(&[("T", &[DType::I8]), ("Tindices", INDEX)], new::<i8>),
        KernelDef::cpu(&[("T", &[DType::I16]), ("Tindices", INDEX)], new::<i16>),
        KernelDef::cpu(&[("T", &[DType::I32]), ("Tindices", INDEX)], new::<i32>),
        KernelDef::cpu(&[("T", &[DType::I64]), ("Tindices", INDEX)], new::<i64>),
        KernelDef::cpu(&[("T", &[DType::U8]), ("Tindices", INDEX)], new::<u8>),
        KernelDef::cpu(&[("T", &[DType::U16]), ("Tindices", INDEX)], new::<u16>),
        KernelDef::cpu(&[("T", &[DType::U32]), ("Tindices", INDEX)], new::<u32>),
        KernelDef::cpu(&[("T", &[DType::U64]), ("Tindices", INDEX)], new::<u64>),
        KernelDef::cpu(
            &[("T", &[DType::C64]), ("Tindices", INDEX)],
            new::<Complex<f32>>,
        ),
        KernelDef::cpu(
            &[("T", &[DType::C128]), ("Tindices", INDEX)],
            new::<Complex<f64>>,
        ),
        KernelDef::cpu(&[("T", &[DType::Bool]), ("Tindices", INDEX)], |init| {
            kernel(ignores_bad_indices(init.attrs)?, |u, places, len, shape| {
                scattered(u.data::<bool>()?, places, len, shape, |a, b| *a |= b)
            })
        }),
        KernelDef::cpu(&[("T", &[DType::String]), ("Tindices", INDEX)], |init| {
            kernel(ignores_bad_indices(init.attrs)?, strings)
        }),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let out = ctx.constant_shape(2)?;
    let (indices, updates) = (ctx.input(0), ctx.input(1));
    if indices.rank() == Some(0) {
        return Err(Error::invalid_argument(format!(
            "Indices shape must have rank at least one. Found: {indices}"
        )));
    }
    if updates.rank() == Some(0) && indices.rank().is_some_and(|r| r > 1) {
        return Err(Error::invalid_argument(format!(
            "Updates shape must have rank at least one. Found: {updates}"
        )));
    }
    let split = match indices.dims() {
        Some([count]) => Some((Some(1), std::slice::from_ref(count))),
        Some([outer @ .., depth]) => Some((*depth, outer)),
        _ => None,
    };
    if let (Some((Some(depth), outer)), Some(o)) = (split, out.dims()) {
        let rest = o.get(depth..).ok_or_else(|| {
            Error::invalid_argument(format!(
                "Dimension {depth} of the indices is more than the rank {} of the output",
                o.len()
            ))
        })?;
        let wanted = PartialShape::of(outer.to_vec()).concat(&PartialShape::of(rest.to_vec()));
        updates.merge(&wanted)?;
    }
    ctx.set(0, out);
    Ok(())
}

/// Updates as a new tensor: slice `i` of `len` elements goes to place `places[i]`.
type Scatter = fn(&Tensor, &[Option<usize>], usize, Shape) -> Result<Tensor>;

fn new<T: Number>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    kernel(ignores_bad_indices(init.attrs)?, |u, places, len, shape| {
        scattered(u.data::<T>()?, places, len, shape, |a, b| *a = a.plus(b))
    })
}

fn kernel(ignore: bool, scatter: Scatter) -> Result<AnyKernel> {
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let (indices, updates, sizes) = (ctx.input(0)?, ctx.input(1)?, ctx.input(2)?);
        if !sizes.shape().is_vector() {
            return Err(Error::invalid_argument("Shape must be a vector"));
        }
        let (i, u) = (indices.shape(), updates.shape());
        let (depth, outer) = match i.dims() {
            [] => {
                return Err(Error::invalid_argument(format!(
                    "Indices shape must have rank at least one. Found:{i}"
                )));
            }
            // A vector holds tuples of one index each.
            [count] => (1, std::slice::from_ref(count)),
            [outer @ .., depth] => (*depth, outer),
        };
        if u.rank() == 0 {
            return Err(Error::invalid_argument(format!(
                "Updates shape must have rank at least one. Found:{u}"
            )));
        }
        let shape = Shape::new(&sizes.to_i64s()?)?;
        let empty = [i.elements(), u.elements(), shape.elements()].map(|n| n == 0);
        if empty.contains(&true) && !(empty[0] && empty[1]) {
            return Err(Error::invalid_argument(if !empty[0] && !empty[1] {
                format!("Indices and updates specified for empty output.  indices shape: {i}")
            } else {
                "Indices and updates specified for empty output shape".to_string()
            }));
        }
        if !u.dims().starts_with(outer) {
            let size = |s: &Shape| match (i.is_vector(), s.dim(0)) {
                (true, Some(n)) => format!(" = {n}"),
                _ => String::new(),
            };
            return Err(Error::invalid_argument(format!(
                "Dimensions [0,{n}) of indices[shape={i}]{} must match dimensions [0,{n}) of updates[shape={u}]{}",
                size(i),
                size(u),
                n = outer.len()
            )));
        }
        if shape.dims().get(depth..) != u.dims().get(outer.len()..) {
            return Err(Error::invalid_argument(format!(
                "Dimensions [{depth},{}) of input[shape={shape}] must match dimensions [{},{}) of updates[shape={u}]",
                shape.rank(),
                outer.len(),
                u.rank()
            )));
        }
        let outer = Shape::of(outer)?;
        let tuples = indices.to_i64s()?;
        let places = match depth {
            0 => vec![Some(0); outer.elements()],
            _ => slice_numbers(&tuples, depth, shape.dims()),
        };
        if let Some(bad) = places.iter().position(Option::is_none).filter(|_| !ignore) {
            return Err(Error::invalid_argument(format!(
                "indices{} = [{}] does not index into shape {shape}",
                position(&outer, bad),
                list(&tuples[bad * depth..(bad + 1) * depth])
            )));
        }
        let len = shape.product(depth..shape.rank());
        let out = scatter(updates, &places, len, shape)?;
        ctx.set(0, out)
    }))
}

fn scattered<T: crate::dtype::Element>(
    updates: &[T],
    places: &[Option<usize>],
    len: usize,
    shape: Shape,
    add: impl Fn(&mut T, T),
) -> Result<Tensor> {
    let mut out = Tensor::zeros(T::DTYPE, shape)?;
    if len == 0 {
        return Ok(out);
    }
    let to = out.make_mut::<T>()?;
    // In the order of the updates, so that sums are always rounded alike.
    for (run, place) in updates.chunks_exact(len).zip(places) {
        let Some(place) = place else { continue };
        let target = to
            .get_mut(place * len..(place + 1) * len)
            .ok_or_else(|| Error::internal("a slice beyond its tensor"))?;
        for (a, b) in target.iter_mut().zip(run) {
            add(a, *b);
        }
    }
    Ok(out)
}

/// Strings that meet at one place are put one after the other.
fn strings(updates: &Tensor, places: &[Option<usize>], len: usize, shape: Shape) -> Result<Tensor> {
    let mut out: Vec<Bytes> = Tensor::zeros(DType::String, shape.clone())?
        .strings()?
        .to_vec();
    let updates = updates.strings()?;
    for (i, place) in places.iter().enumerate() {
        let Some(place) = place else { continue };
        for k in 0..len {
            let (Some(a), Some(b)) = (out.get_mut(place * len + k), updates.get(i * len + k))
            else {
                return Err(Error::internal("a slice beyond its tensor"));
            };
            *a = if a.is_empty() {
                b.clone()
            } else {
                [&a[..], &b[..]].concat().into()
            };
        }
    }
    Tensor::from_strings(shape, out)
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    dense([None, Some(ctx.grad(0).gather_nd(ctx.input(0))), None])
}

impl<'g> Scope<'g> {
    /// A tensor of zeros to which `updates` are added at the tuples in the last dimension of `indices`
    /// (op `ScatterNd`).
    #[track_caller]
    pub fn scatter_nd(
        self,
        indices: impl Operand<'g>,
        updates: impl Operand<'g>,
        shape: impl Operand<'g>,
    ) -> Output<'g> {
        self.op("ScatterNd")
            .input(indices)
            .input(updates)
            .input(shape)
            .out()
    }
}
