//! TensorListGetItem, TensorListSetItem, TensorListPushBack, TensorListPopBack, TensorListPushBackBatch: one element.

use super::create::unset;
use super::engine::{
    check_type, count, element, element_shape, int, known_elements, list, same_list, set_list,
    shape_of, static_shape, take_list,
};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::tensor::{Tensor, TensorList, Variant};
use std::sync::Arc;

pub(crate) static TENSOR_LIST_GET_ITEM: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorListGetItem(input_handle:variant, index:int32, element_shape:int32) -> (item:element_dtype)",
        attrs: "element_dtype:type",
        flags: Flags::PURE,
        infer: |ctx: &mut ShapeCtx<'_>| {
            let shape = known_elements(ctx, 0)?.merge(&static_shape(ctx, 2)?)?;
            ctx.set(0, shape);
            Ok(())
        },
    },
    grad: Grad::Fn(get_grad),
    kernels: &[KernelDef::cpu(&[], |init: &KernelInit<'_>| {
        let dtype = init.attrs.dtype("element_dtype")?;
        Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
            get(ctx, dtype)
        }))
    })],
};

fn get(ctx: &mut OpContext<'_>, dtype: DType) -> Result<()> {
    let list = list(ctx, 0)?;
    if list.dtype != dtype {
        return Err(Error::invalid_argument(format!(
            "Invalid data types; list elements {} but tried to read {dtype}",
            list.dtype
        )));
    }
    let index = int(ctx, 1, "index")?;
    let found = usize::try_from(index)
        .ok()
        .and_then(|i| list.elements.get(i));
    let Some(found) = found else {
        return Err(Error::invalid_argument(format!(
            "Trying to access element {index} in a list with {} elements.",
            list.elements.len()
        )));
    };
    let told = shape_of(ctx.input(2)?)?;
    let item = match found {
        Some(t) if told.accepts(t.shape()) => t.clone(),
        Some(t) => {
            return Err(Error::invalid_argument(format!(
                "Incompatible shapes: {} vs. {told}",
                t.shape()
            )));
        }
        None => element(None, dtype, &element_shape(list, &told)?)?,
    };
    ctx.set(0, item)
}

pub(crate) static TENSOR_LIST_SET_ITEM: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorListSetItem(input_handle:variant, index:int32, item:element_dtype) -> (output_handle:variant)",
        attrs: "element_dtype:type; resize_if_index_out_of_bounds:bool=false",
        flags: Flags::PURE,
        infer: |ctx: &mut ShapeCtx<'_>| infer_put(ctx, 2),
    },
    grad: Grad::Fn(set_grad),
    kernels: &[KernelDef::cpu(&[], |init: &KernelInit<'_>| {
        let dtype = init.attrs.dtype("element_dtype")?;
        let grow = init.attrs.bool("resize_if_index_out_of_bounds")?;
        Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
            set(ctx, dtype, grow)
        }))
    })],
};

fn set(ctx: &mut OpContext<'_>, dtype: DType, grow: bool) -> Result<()> {
    let index = int(ctx, 1, "index")?;
    let item = ctx.input(2)?.clone();
    let old = list(ctx, 0)?;
    check_type(old, dtype)?;
    let len = old.elements.len();
    let place = count(index, || {
        format!("Trying to modify element {index} in a list with {len} elements.")
    })?;
    if place >= len && !grow {
        return Err(Error::invalid_argument(format!(
            "Trying to modify element {index} in a list with {len} elements."
        )));
    }
    if !old.element_shape.accepts(item.shape()) {
        return Err(Error::invalid_argument(format!(
            "Tried to set a tensor with incompatible shape at a list index. Item element shape: {} list shape: {}",
            item.shape(),
            old.element_shape
        )));
    }
    let mut list = take_list(ctx, 0)?;
    if place >= len {
        list.elements.extend(unset(place + 1 - len)?);
    }
    list.elements[place] = Some(item);
    ctx.set(0, Tensor::from(list))
}

pub(crate) static TENSOR_LIST_PUSH_BACK: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorListPushBack(input_handle:variant, tensor:element_dtype) -> (output_handle:variant)",
        attrs: "element_dtype:type",
        flags: Flags::PURE,
        infer: |ctx: &mut ShapeCtx<'_>| infer_put(ctx, 1),
    },
    grad: Grad::Fn(push_grad),
    kernels: &[KernelDef::cpu(&[], |init: &KernelInit<'_>| {
        let dtype = init.attrs.dtype("element_dtype")?;
        Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
            let item = ctx.input(1)?.clone();
            can_push(list(ctx, 0)?, dtype, &item)?;
            let mut list = take_list(ctx, 0)?;
            list.elements.push(Some(item));
            ctx.set(0, Tensor::from(list))
        }))
    })],
};

fn can_push(list: &TensorList, dtype: DType, item: &Tensor) -> Result<()> {
    if !list.element_shape.accepts(item.shape()) {
        return Err(Error::invalid_argument(format!(
            "Tried to append a tensor with incompatible shape to a list. Op element shape: {} list shape: {}",
            item.shape(),
            list.element_shape
        )));
    }
    if dtype != list.dtype {
        return Err(Error::invalid_argument(format!(
            "Invalid data type. op elements {dtype} but list elements {}",
            list.dtype
        )));
    }
    match list.max_elements {
        Some(max) if list.elements.len() >= max => Err(Error::invalid_argument(format!(
            "Tried to push item into a full list list size: {} max_num_elements: {max}",
            list.elements.len()
        ))),
        _ => Ok(()),
    }
}

pub(crate) static TENSOR_LIST_POP_BACK: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorListPopBack(input_handle:variant, element_shape:int32) -> (output_handle:variant, tensor:element_dtype)",
        attrs: "element_dtype:type",
        flags: Flags::PURE,
        infer: |ctx: &mut ShapeCtx<'_>| {
            same_list(ctx)?;
            let shape = known_elements(ctx, 0)?.merge(&static_shape(ctx, 1)?)?;
            ctx.set(1, shape);
            Ok(())
        },
    },
    grad: Grad::Fn(pop_grad),
    kernels: &[KernelDef::cpu(&[], |init: &KernelInit<'_>| {
        let dtype = init.attrs.dtype("element_dtype")?;
        Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
            let told = shape_of(ctx.input(1)?)?;
            let old = list(ctx, 0)?;
            check_type(old, dtype)?;
            let Some(last) = old.elements.last() else {
                return Err(Error::invalid_argument("Trying to pop from an empty list."));
            };
            let item = match last {
                Some(t) => t.clone(),
                None => element(None, dtype, &element_shape(old, &told)?)?,
            };
            let mut list = take_list(ctx, 0)?;
            list.elements.pop();
            ctx.set(0, Tensor::from(list))?;
            ctx.set(1, item)
        }))
    })],
};

pub(crate) static TENSOR_LIST_PUSH_BACK_BATCH: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorListPushBackBatch(input_handles:variant, tensor:element_dtype) -> (output_handles:variant)",
        attrs: "element_dtype:type",
        flags: Flags::PURE,
        infer: |ctx: &mut ShapeCtx<'_>| {
            let shape = ctx.with_rank(0, 1)?;
            ctx.input(1).with_rank_at_least(1)?;
            ctx.set(0, shape);
            Ok(())
        },
    },
    grad: Grad::Missing,
    kernels: &[KernelDef::cpu(&[], |init: &KernelInit<'_>| {
        let dtype = init.attrs.dtype("element_dtype")?;
        Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
            push_batch(ctx, dtype)
        }))
    })],
};

fn push_batch(ctx: &mut OpContext<'_>, dtype: DType) -> Result<()> {
    let items = ctx.input(1)?.clone();
    let shape = ctx.input(0)?.shape().clone();
    let n = items.shape().dim(0).filter(|_| shape.is_vector());
    if n != Some(shape.elements()) {
        return Err(Error::invalid_argument(format!(
            "Expected tensor.shape[0] == input_handles.size, but {} vs. {shape}",
            items.shape()
        )));
    }
    let mut lists = ctx.take_input(0)?.into_variants()?;
    for (i, v) in lists.iter_mut().enumerate() {
        let Variant::List(list) = v else {
            return Err(Error::invalid_argument(format!(
                "input handle {i} is not a list."
            )));
        };
        let item = items.row(i)?;
        can_push(list, dtype, &item)?;
        Arc::make_mut(list).elements.push(Some(item));
    }
    ctx.set(0, Tensor::from_variants(shape, lists)?)
}

/// The list as it was known, narrowed by the shape of what is put into it.
fn infer_put(ctx: &mut ShapeCtx<'_>, item: usize) -> Result<()> {
    ctx.with_rank(0, 0)?;
    let dtype = ctx.attrs.dtype("element_dtype")?;
    let known = known_elements(ctx, 0)?;
    known.merge(&ctx.input(item))?;
    let told = ctx.handles.first().is_some_and(Option::is_some);
    set_list(ctx, 0, told.then_some((dtype, known)));
    Ok(())
}

fn get_grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.scope;
    let dtype = ctx.attrs().dtype("element_dtype")?;
    let size = s.op("TensorListLength").input(ctx.input(0)).out();
    let shape = s
        .op("TensorListElementShape")
        .input(ctx.input(0))
        .attr("shape_type", DType::I32);
    let empty = s
        .op("TensorListReserve")
        .input(shape.out())
        .input(size)
        .attr("element_dtype", dtype);
    let b = s
        .op("TensorListSetItem")
        .input(empty.out())
        .input(ctx.input(1))
        .input(ctx.grad(0));
    dense([Some(b.out()), None, None])
}

fn set_grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.scope;
    let (index, item, d) = (ctx.input(1), ctx.input(2), ctx.grad(0));
    let zeros = s.zeros_like(item);
    let b = s.op("TensorListSetItem").input(d).input(index).input(zeros);
    let rest = b.out();
    let shape = s.op("Shape").input(item).out();
    let b = s.op("TensorListGetItem").input(d).input(index).input(shape);
    let item = b.attr("element_dtype", item.dtype()).out();
    dense([Some(rest), None, Some(item)])
}

fn push_grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.scope;
    let item = ctx.input(1);
    let shape = s.op("Shape").input(item).out();
    let b = s.op("TensorListPopBack").input(ctx.grad(0)).input(shape);
    let popped = b.attr("element_dtype", item.dtype()).finish();
    dense([Some(popped.output(0)), Some(popped.output(1))])
}

fn pop_grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.scope;
    let rest = ctx.grad(0);
    let b = s.op("TensorListPushBack").input(rest).input(ctx.grad(1));
    dense([Some(b.out()), None])
}

/// Any shape will do.
const ANY: i32 = -1;

impl<'g> Scope<'g> {
    /// An element of a list (op `TensorListGetItem`).
    #[track_caller]
    pub fn tensor_list_get_item(
        self,
        list: impl Operand<'g>,
        index: impl Operand<'g>,
        element_dtype: DType,
    ) -> Output<'g> {
        let b = self.op("TensorListGetItem").input(list);
        let b = b.input_like(index, DType::I32).input(ANY);
        b.attr("element_dtype", element_dtype).out()
    }
    /// A list with one element changed (op `TensorListSetItem`).
    #[track_caller]
    pub fn tensor_list_set_item(
        self,
        list: impl Operand<'g>,
        index: impl Operand<'g>,
        item: impl Operand<'g>,
    ) -> Output<'g> {
        let b = self.op("TensorListSetItem").input(list);
        b.input_like(index, DType::I32).input(item).out()
    }
    /// A list with one more element (op `TensorListPushBack`).
    #[track_caller]
    pub fn tensor_list_push_back(
        self,
        list: impl Operand<'g>,
        item: impl Operand<'g>,
    ) -> Output<'g> {
        self.op("TensorListPushBack").input(list).input(item).out()
    }
    /// A list without its last element, and that element (op `TensorListPopBack`).
    #[track_caller]
    pub fn tensor_list_pop_back(
        self,
        list: impl Operand<'g>,
        element_dtype: DType,
    ) -> (Output<'g>, Output<'g>) {
        let b = self.op("TensorListPopBack").input(list).input(ANY);
        let node = b.attr("element_dtype", element_dtype).finish();
        (node.output(0), node.output(1))
    }
}
