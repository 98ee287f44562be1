//! TensorListGather, TensorListScatter, TensorListScatterV2, TensorListScatterIntoExistingList: elements by index.

use super::create::{row_shape, unset};
use super::engine::{
    check_type, element, element_shape, int, join, known_elements, list, same_list, set_list,
    shape_of, stacked, static_shape, take_list,
};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::Output;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::PartialShape;
use crate::tensor::{Tensor, TensorList};

pub(crate) static TENSOR_LIST_GATHER: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorListGather(input_handle:variant, indices:int32, element_shape:int32) -> (values:element_dtype)",
        attrs: "element_dtype:type",
        flags: Flags::PURE,
        infer: |ctx: &mut ShapeCtx<'_>| {
            let shape = known_elements(ctx, 0)?.merge(&static_shape(ctx, 2)?)?;
            let n = ctx.input(1).dim(0);
            ctx.set(0, PartialShape::vector(n).concat(&shape));
            Ok(())
        },
    },
    grad: Grad::Fn(gather_grad),
    kernels: &[KernelDef::cpu(&[], |init: &KernelInit<'_>| {
        let dtype = init.attrs.dtype("element_dtype")?;
        Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
            gather(ctx, dtype)
        }))
    })],
};

fn gather(ctx: &mut OpContext<'_>, dtype: DType) -> Result<()> {
    let list = list(ctx, 0)?;
    check_type(list, dtype)?;
    let told = shape_of(ctx.input(2)?)?;
    let indices = ctx.input(1)?.to_i64s()?;
    let shape = element_shape(list, &told)?;
    let Some(full) = shape.to_shape() else {
        return Err(Error::invalid_argument(format!(
            "Tried to gather uninitialized tensors from a list with non-fully-defined element_shape: {shape}"
        )));
    };
    let mut parts = Vec::with_capacity(indices.len());
    for i in &indices {
        let found = usize::try_from(*i).ok().and_then(|i| list.elements.get(i));
        let Some(found) = found else {
            return Err(Error::invalid_argument(format!(
                "Index {i} out o range; list only has {} elements.",
                list.elements.len()
            )));
        };
        let part = element(found.as_ref(), dtype, &shape)?;
        if *part.shape() != full {
            return Err(Error::invalid_argument(format!(
                "Incompatible shapes: {} vs. {full}",
                part.shape()
            )));
        }
        parts.push(part);
    }
    let out = join(dtype, stacked(parts.len(), &full)?, &parts)?;
    ctx.set(0, out)
}

pub(crate) static TENSOR_LIST_SCATTER: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorListScatter(tensor:element_dtype, indices:int32, element_shape:shape_type) -> (output_handle:variant)",
        attrs: "element_dtype:type; shape_type:type{int32,int64}",
        flags: Flags::PURE,
        infer: infer_scatter,
    },
    grad: Grad::Fn(|ctx: &GradCtx<'_>| {
        let d = scattered_grad(ctx, ctx.input(0), ctx.input(1));
        dense([Some(d), None, None])
    }),
    kernels: &[KernelDef::cpu(&[], |init: &KernelInit<'_>| {
        let dtype = init.attrs.dtype("element_dtype")?;
        Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
            scatter(ctx, dtype, -1)
        }))
    })],
};

pub(crate) static TENSOR_LIST_SCATTER_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorListScatterV2(tensor:element_dtype, indices:int32, element_shape:shape_type, num_elements:int32) -> (output_handle:variant)",
        attrs: "element_dtype:type; shape_type:type{int32,int64}",
        flags: Flags::PURE,
        infer: infer_scatter,
    },
    grad: Grad::Fn(|ctx: &GradCtx<'_>| {
        let d = scattered_grad(ctx, ctx.input(0), ctx.input(1));
        dense([Some(d), None, None, None])
    }),
    kernels: &[KernelDef::cpu(&[], |init: &KernelInit<'_>| {
        let dtype = init.attrs.dtype("element_dtype")?;
        Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
            let n = int(ctx, 3, "num_elements")?;
            scatter(ctx, dtype, n)
        }))
    })],
};

/// The rows of input 0, with the places in the list to which input 1 sends them.
fn placed(ctx: &OpContext<'_>, rows: usize, indices: usize) -> Result<Vec<(usize, Tensor)>> {
    let (t, at) = (ctx.input(rows)?, ctx.input(indices)?);
    if !at.shape().is_vector() {
        return Err(Error::invalid_argument(format!(
            "Expected indices to be a vector, but received shape: {}",
            at.shape()
        )));
    }
    let at = at.to_i64s()?;
    if t.shape().dim(0) != Some(at.len()) {
        return Err(Error::invalid_argument(format!(
            "Expected len(indices) == tensor.shape[0], but saw: {} vs. {}",
            at.len(),
            t.shape()
        )));
    }
    at.iter()
        .enumerate()
        .map(|(row, i)| {
            let i = usize::try_from(*i).map_err(|_| {
                Error::invalid_argument("Indices in TensorListScatter must all be non-negative.")
            })?;
            Ok((i, t.row(row)?))
        })
        .collect()
}

fn put(list: &mut TensorList, placed: Vec<(usize, Tensor)>) -> Result<()> {
    let longest = placed.iter().map(|(i, _)| i + 1).max().unwrap_or(0);
    if let Some(more) = longest.checked_sub(list.elements.len()) {
        list.elements.extend(unset(more)?);
    }
    for (i, t) in placed {
        if !list.element_shape.accepts(t.shape()) {
            return Err(Error::invalid_argument(format!(
                "Specified a list with shape {} from a tensor with shape {}",
                list.element_shape,
                t.shape()
            )));
        }
        list.elements[i] = Some(t);
    }
    Ok(())
}

fn scatter(ctx: &mut OpContext<'_>, dtype: DType, num_elements: i32) -> Result<()> {
    if num_elements < -1 {
        return Err(Error::invalid_argument(format!(
            "TensorListScatter expects num_elements >= -1, found: {num_elements}"
        )));
    }
    let rows = placed(ctx, 0, 1)?;
    let reserved = usize::try_from(num_elements).ok();
    let highest = rows.iter().map(|(i, _)| *i).max();
    if let (Some(n), Some(highest)) = (reserved, highest)
        && highest >= n
    {
        return Err(Error::invalid_argument(format!(
            "TensorListScatter: Trying to scatter at index {highest} in list with size {n}"
        )));
    }
    let mut list = TensorList {
        dtype,
        element_shape: shape_of(ctx.input(2)?)?,
        max_elements: None,
        elements: unset(reserved.unwrap_or(0))?,
    };
    put(&mut list, rows)?;
    ctx.set(0, Tensor::from(list))
}

pub(crate) static TENSOR_LIST_SCATTER_INTO_EXISTING_LIST: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorListScatterIntoExistingList(input_handle:variant, tensor:element_dtype, indices:int32) -> (output_handle:variant)",
        attrs: "element_dtype:type",
        flags: Flags::PURE,
        infer: |ctx: &mut ShapeCtx<'_>| {
            ctx.with_rank(2, 1)?;
            same_list(ctx)
        },
    },
    grad: Grad::Fn(|ctx: &GradCtx<'_>| {
        let (t, indices) = (ctx.input(1), ctx.input(2));
        let zeros = ctx.scope.zeros_like(t);
        let b = ctx.scope.op("TensorListScatterIntoExistingList");
        let rest = b.input(ctx.grad(0)).input(zeros).input(indices).out();
        let d = scattered_grad(ctx, t, indices);
        dense([Some(rest), Some(d), None])
    }),
    kernels: &[KernelDef::cpu(&[], |init: &KernelInit<'_>| {
        let dtype = init.attrs.dtype("element_dtype")?;
        Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
            check_type(list(ctx, 0)?, dtype)?;
            let rows = placed(ctx, 1, 2)?;
            let mut list = take_list(ctx, 0)?;
            put(&mut list, rows)?;
            ctx.set(0, Tensor::from(list))
        }))
    })],
};

fn infer_scatter(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ctx.with_rank(1, 1)?;
    let shape = static_shape(ctx, 2)?;
    let dtype = ctx.attrs.dtype("element_dtype")?;
    set_list(ctx, 0, Some((dtype, shape)));
    Ok(())
}

fn gather_grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.scope;
    let size = s.op("TensorListLength").input(ctx.input(0)).out();
    let shape = s.op("TensorListElementShape").input(ctx.input(0));
    let shape = shape.attr("shape_type", DType::I32).out();
    let b = s
        .op("TensorListScatterV2")
        .input(ctx.grad(0))
        .input(ctx.input(1));
    dense([Some(b.input(shape).input(size).out()), None, None])
}

/// The gradient of the rows that were scattered: the elements at their places.
fn scattered_grad<'g>(ctx: &GradCtx<'g>, rows: Output<'g>, indices: Output<'g>) -> Output<'g> {
    let shape = row_shape(ctx.scope, rows);
    let b = ctx
        .scope
        .op("TensorListGather")
        .input(ctx.grad(0))
        .input(indices);
    b.input(shape).attr("element_dtype", rows.dtype()).out()
}
