//! ReduceJoin: the strings along some dimensions, joined.

use crate::error::{Code, Error, Result};
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use crate::shape::Shape;
use crate::tensor::{Bytes, Tensor};

pub(crate) static REDUCE_JOIN: OpEntry = OpEntry {
    def: OpDef {
        signature: "ReduceJoin(inputs:string, reduction_indices:int32) -> (output:string)",
        attrs: "keep_dims:bool=false; separator:string=\"\"",
        flags: Flags::PURE,
        infer: infer::reduction,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], new)],
};

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let separator = init.attrs.bytes("separator")?.to_vec();
    let keep_dims = init.attrs.bool("keep_dims")?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let out = reduce(ctx.input(0)?, ctx.input(1)?, &separator, keep_dims)?;
        ctx.set(0, out)
    }))
}

/// The elements of the dimensions `axes` of a tensor with these strides, as offsets; the first axis runs fastest.
fn offsets(shape: &Shape, axes: &[usize]) -> Vec<usize> {
    let strides = shape.strides();
    let mut all = vec![0];
    for axis in axes {
        let (size, stride) = (shape.dims()[*axis], strides[*axis]);
        all = (0..size)
            .flat_map(|i| all.iter().map(move |o| o + i * stride))
            .collect();
    }
    all
}

fn reduce(input: &Tensor, axes: &Tensor, separator: &[u8], keep_dims: bool) -> Result<Tensor> {
    let shape = input.shape();
    let rank = shape.rank();
    let mut reduced: Vec<usize> = Vec::new();
    for a in axes.to_i64s()? {
        let axis = shape.axis(a).map_err(|_| {
            Error::new(
                Code::OutOfRange,
                format!("Invalid reduction dimension {a} for input with {rank} dimension(s)"),
            )
        })?;
        if reduced.contains(&axis) {
            return Err(Error::invalid_argument(format!(
                "Duplicate reduction dimension {a}"
            )));
        }
        reduced.push(axis);
    }
    if reduced.is_empty() {
        return Ok(input.clone());
    }
    let mut dims: Vec<usize> = Vec::new();
    let mut kept: Vec<usize> = Vec::new();
    for (axis, d) in shape.dims().iter().enumerate() {
        match (reduced.contains(&axis), keep_dims) {
            (false, _) => {
                dims.push(*d);
                kept.push(axis);
            }
            (true, true) => dims.push(1),
            (true, false) => {}
        }
    }
    // The last of the kept dimensions runs fastest.
    kept.reverse();
    let strings = input.strings()?;
    let inner = offsets(shape, &reduced);
    let joined = offsets(shape, &kept).into_iter().map(|base| {
        let parts: Vec<&[u8]> = inner.iter().map(|o| &*strings[base + o]).collect();
        Bytes::from(parts.join(separator))
    });
    Tensor::from_strings(Shape::of(&dims)?, joined.collect())
}
