//! EmptyTensorList, TensorListReserve, TensorListFromTensor: where lists come from.

use super::engine::{count, int, set_list, shape_of, static_shape};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::PartialShape;
use crate::tensor::{Tensor, TensorList};

pub(crate) static EMPTY_TENSOR_LIST: OpEntry = OpEntry {
    def: OpDef {
        signature: "EmptyTensorList(element_shape:shape_type, max_num_elements:int32) -> (handle:variant)",
        attrs: "element_dtype:type; shape_type:type{int32,int64}",
        flags: Flags::PURE,
        infer: infer_new,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |init: &KernelInit<'_>| {
        let dtype = init.attrs.dtype("element_dtype")?;
        Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
            let list = TensorList {
                dtype,
                element_shape: shape_of(ctx.input(0)?)?,
                max_elements: usize::try_from(int(ctx, 1, "max_num_elements")?).ok(),
                elements: Vec::new(),
            };
            ctx.set(0, Tensor::from(list))
        }))
    })],
};

pub(crate) static TENSOR_LIST_RESERVE: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorListReserve(element_shape:shape_type, num_elements:int32) -> (handle:variant)",
        attrs: "element_dtype:type; shape_type:type{int32,int64}",
        flags: Flags::PURE,
        infer: infer_new,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |init: &KernelInit<'_>| {
        let dtype = init.attrs.dtype("element_dtype")?;
        Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
            let n = int(ctx, 1, "num_elements")?;
            let n = count(n, || {
                format!("The num_elements to reserve must be a non negative number, but got {n}")
            })?;
            let list = TensorList {
                dtype,
                element_shape: shape_of(ctx.input(0)?)?,
                max_elements: None,
                elements: unset(n)?,
            };
            ctx.set(0, Tensor::from(list))
        }))
    })],
};

pub(crate) static TENSOR_LIST_FROM_TENSOR: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorListFromTensor(tensor:element_dtype, element_shape:shape_type) -> (output_handle:variant)",
        attrs: "element_dtype:type; shape_type:type{int32,int64}",
        flags: Flags::PURE,
        infer: |ctx: &mut ShapeCtx<'_>| {
            let input = ctx.input(0);
            input.with_rank_at_least(1)?;
            let rows = input.dims().map(|d| PartialShape::of(&d[1..]));
            let told = static_shape(ctx, 1)?;
            let shape = told.merge(&rows.unwrap_or_default())?;
            let dtype = ctx.attrs.dtype("element_dtype")?;
            set_list(ctx, 0, Some((dtype, shape)));
            Ok(())
        },
    },
    grad: Grad::Fn(from_tensor_grad),
    kernels: &[KernelDef::cpu(&[], |init: &KernelInit<'_>| {
        let dtype = init.attrs.dtype("element_dtype")?;
        Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
            let told = shape_of(ctx.input(1)?)?;
            let list = from_rows(ctx.input(0)?, dtype, told)?;
            ctx.set(0, Tensor::from(list))
        }))
    })],
};

/// So many elements that were never set.
pub(super) fn unset(n: usize) -> Result<Vec<Option<Tensor>>> {
    let mut elements = Vec::new();
    elements
        .try_reserve_exact(n)
        .map_err(|e| Error::resource_exhausted(format!("a list of {n} elements: {e}")))?;
    elements.resize(n, None);
    Ok(elements)
}

/// A list of the rows of a tensor, which share its memory.
fn from_rows(t: &Tensor, dtype: DType, told: PartialShape) -> Result<TensorList> {
    let Some(n) = t.shape().dim(0) else {
        return Err(Error::invalid_argument(format!(
            "Tensor must be at least a vector, but saw shape: {}",
            t.shape()
        )));
    };
    let row = PartialShape::from(t.shape())
        .dims()
        .map(|d| PartialShape::of(&d[1..]));
    let row = row.unwrap_or_default();
    if !told.is_compatible(&row) {
        return Err(Error::invalid_argument(format!(
            "Specified a list with shape {told} from a tensor with shape {row}"
        )));
    }
    let elements = (0..n).map(|i| t.row(i).map(Some)).collect::<Result<_>>()?;
    Ok(TensorList {
        dtype,
        element_shape: told,
        max_elements: None,
        elements,
    })
}

fn infer_new(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ctx.with_rank(1, 0)?;
    let shape = static_shape(ctx, 0)?;
    let dtype = ctx.attrs.dtype("element_dtype")?;
    set_list(ctx, 0, Some((dtype, shape)));
    Ok(())
}

fn from_tensor_grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let x = ctx.input(0);
    let shape = row_shape(ctx.scope, x);
    let b = ctx
        .scope
        .op("TensorListStack")
        .input(ctx.grad(0))
        .input(shape);
    let rows = x.shape().dim(0).map_or(-1, |n| n as i64);
    let stacked = b
        .attr("element_dtype", x.dtype())
        .attr("num_elements", rows)
        .out();
    dense([Some(stacked), None])
}

/// The shape of a tensor's rows as an int32 tensor: what is known, -1 for the rest.
pub(super) fn row_shape<'g>(s: Scope<'g>, x: Output<'g>) -> Output<'g> {
    let shape = x.shape();
    let rows = shape
        .dims()
        .map(|d| PartialShape::of(d.get(1..).unwrap_or(&[])));
    s.named("Const")
        .constant(shape_tensor(&rows.unwrap_or_default()))
}

/// A partial shape as these ops take it.
pub(super) fn shape_tensor(shape: &PartialShape) -> Tensor {
    match shape.dims() {
        None => Tensor::from(-1i32),
        Some(dims) => {
            let sizes = dims
                .iter()
                .map(|d| d.map_or(-1, |n| i32::try_from(n).unwrap_or(-1)));
            Tensor::from(sizes.collect::<Vec<i32>>())
        }
    }
}

impl<'g> Scope<'g> {
    /// A list without elements, to which elements of that type and shape will be added (op `EmptyTensorList`).
    #[track_caller]
    pub fn empty_tensor_list(
        self,
        element_dtype: DType,
        element_shape: impl Into<PartialShape>,
    ) -> Output<'g> {
        let b = self.op("EmptyTensorList");
        let b = b.input(shape_tensor(&element_shape.into())).input(-1i32);
        b.attr("element_dtype", element_dtype).out()
    }
    /// A list of elements to be set (op `TensorListReserve`).
    #[track_caller]
    pub fn tensor_list_reserve(
        self,
        element_dtype: DType,
        element_shape: impl Into<PartialShape>,
        num_elements: impl Operand<'g>,
    ) -> Output<'g> {
        let b = self.op("TensorListReserve");
        let b = b.input(shape_tensor(&element_shape.into()));
        let b = b.input_like(num_elements, DType::I32);
        b.attr("element_dtype", element_dtype).out()
    }
    /// The rows of a tensor as a list (op `TensorListFromTensor`).
    #[track_caller]
    pub fn tensor_list_from_tensor(self, tensor: impl Operand<'g>) -> Output<'g> {
        let b = self.op("TensorListFromTensor").input(tensor);
        // The first size is that of the list.
        let shape = b.latest_shape();
        let rows = shape
            .dims()
            .map(|d| PartialShape::of(d.get(1..).unwrap_or(&[])));
        b.input(shape_tensor(&rows.unwrap_or_default())).out()
    }
}
