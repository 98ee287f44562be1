//! TensorListStack, TensorListLength, TensorListElementShape, TensorListResize, TensorListConcatLists: whole lists.

use super::create::{row_shape, unset};
use super::engine::{
    check_type, count, element, element_shape, int, join, known_elements, list, same_list,
    set_list, shape_of, stacked, static_shape, take_list,
};
use crate::dtype::{DType, sets};
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx, infer};
use crate::registry::OpEntry;
use crate::shape::PartialShape;
use crate::tensor::{Tensor, Variant};
use std::sync::Arc;

pub(crate) static TENSOR_LIST_STACK: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorListStack(input_handle:variant, element_shape:int32) -> (tensor:element_dtype)",
        attrs: "element_dtype:type; num_elements:int=-1",
        flags: Flags::PURE,
        infer: |ctx: &mut ShapeCtx<'_>| {
            let shape = known_elements(ctx, 0)?.merge(&static_shape(ctx, 1)?)?;
            let n = usize::try_from(ctx.attrs.int("num_elements")?).ok();
            ctx.set(0, PartialShape::vector(n).concat(&shape));
            Ok(())
        },
    },
    grad: Grad::Fn(stack_grad),
    kernels: &[KernelDef::cpu(&[], |init: &KernelInit<'_>| {
        let dtype = init.attrs.dtype("element_dtype")?;
        let expected = init.attrs.int("num_elements")?;
        Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
            stack(ctx, dtype, expected)
        }))
    })],
};

fn stack(ctx: &mut OpContext<'_>, dtype: DType, expected: i64) -> Result<()> {
    let list = list(ctx, 0)?;
    check_type(list, dtype)?;
    let n = list.elements.len();
    if expected != -1 && usize::try_from(expected) != Ok(n) {
        return Err(Error::invalid_argument(format!(
            "Operation expected a list with {expected} elements but got a list with {n} elements."
        )));
    }
    let told = shape_of(ctx.input(1)?)?;
    let shape = element_shape(list, &told)?;
    let Some(full) = shape.to_shape() else {
        let which = match n {
            0 => "Tried to stack elements of an empty list",
            _ => "Tried to stack list which only contains uninitialized tensors and has a",
        };
        let with = if n == 0 { "with " } else { "" };
        return Err(Error::invalid_argument(format!(
            "{which} {with}non-fully-defined element_shape: {shape}"
        )));
    };
    let mut parts = Vec::with_capacity(n);
    for e in &list.elements {
        if let Some(t) = e.as_ref().filter(|t| *t.shape() != full) {
            return Err(Error::invalid_argument(format!(
                "Tried to stack list which only contains tensors of shape {full}, but one has shape {}",
                t.shape()
            )));
        }
        parts.push(element(e.as_ref(), dtype, &shape)?);
    }
    let out = join(dtype, stacked(n, &full)?, &parts)?;
    ctx.set(0, out)
}

pub(crate) static TENSOR_LIST_LENGTH: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorListLength(input_handle:variant) -> (length:int32)",
        attrs: "",
        flags: Flags::PURE,
        infer: infer::scalar,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
            let n = i32::try_from(list(ctx, 0)?.elements.len());
            let n = n.map_err(|_| Error::out_of_range("the list has more than 2^31 elements"))?;
            ctx.set(0, Tensor::from(n))
        }))
    })],
};

pub(crate) static TENSOR_LIST_ELEMENT_SHAPE: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorListElementShape(input_handle:variant) -> (element_shape:shape_type)",
        attrs: "shape_type:type{int32,int64}",
        flags: Flags::PURE,
        infer: |ctx: &mut ShapeCtx<'_>| {
            let rank = known_elements(ctx, 0)?.rank();
            ctx.set(
                0,
                rank.map_or(PartialShape::unknown(), |r| PartialShape::vector(Some(r))),
            );
            Ok(())
        },
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(
        &[("shape_type", sets::INDEX)],
        |init: &KernelInit<'_>| {
            let wide = init.attrs.dtype("shape_type")? == DType::I64;
            Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
                let shape = &list(ctx, 0)?.element_shape;
                let size = |d: &Option<usize>| d.map_or(-1, |n| n as i64);
                let dims: Option<Vec<i64>> = shape.dims().map(|d| d.iter().map(size).collect());
                let out = match (dims, wide) {
                    (None, true) => Tensor::from(-1i64),
                    (None, false) => Tensor::from(-1i32),
                    (Some(d), true) => Tensor::from(d),
                    (Some(d), false) => {
                        let narrow: Result<Vec<i32>, _> =
                            d.into_iter().map(i32::try_from).collect();
                        let narrow = narrow.map_err(|_| {
                            Error::invalid_argument(format!("Shape {shape} does not fit int32"))
                        })?;
                        Tensor::from(narrow)
                    }
                };
                ctx.set(0, out)
            }))
        },
    )],
};

pub(crate) static TENSOR_LIST_RESIZE: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorListResize(input_handle:variant, size:int32) -> (output_handle:variant)",
        attrs: "",
        flags: Flags::PURE,
        infer: same_list,
    },
    grad: Grad::Fn(|ctx: &GradCtx<'_>| {
        let size = ctx.scope.op("TensorListLength").input(ctx.input(0)).out();
        let b = ctx
            .scope
            .op("TensorListResize")
            .input(ctx.grad(0))
            .input(size);
        dense([Some(b.out()), None])
    }),
    kernels: &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
            let size = int(ctx, 1, "size")?;
            let size = count(size, || {
                format!("TensorListSlice expects size to be non-negative. Got: {size}")
            })?;
            let mut list = take_list(ctx, 0)?;
            match size.checked_sub(list.elements.len()) {
                Some(more) => list.elements.extend(unset(more)?),
                None => list.elements.truncate(size),
            }
            ctx.set(0, Tensor::from(list))
        }))
    })],
};

pub(crate) static TENSOR_LIST_CONCAT_LISTS: OpEntry = OpEntry {
    def: OpDef {
        signature: "TensorListConcatLists(input_a:variant, input_b:variant) -> (output:variant)",
        attrs: "element_dtype:type",
        flags: Flags::PURE,
        infer: |ctx: &mut ShapeCtx<'_>| {
            let shape = ctx.input(0).merge(&ctx.input(1))?;
            let known = ctx.handles.first().cloned().flatten();
            set_list(ctx, 0, known);
            ctx.set(0, shape);
            Ok(())
        },
    },
    grad: Grad::Missing,
    kernels: &[KernelDef::cpu(&[], |init: &KernelInit<'_>| {
        let dtype = init.attrs.dtype("element_dtype")?;
        Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
            concat_lists(ctx, dtype)
        }))
    })],
};

fn concat_lists(ctx: &mut OpContext<'_>, dtype: DType) -> Result<()> {
    let (a, b) = (ctx.input(0)?, ctx.input(1)?);
    if a.shape() != b.shape() {
        return Err(Error::invalid_argument(format!(
            "input_a and input_b must have the same shape: {} vs. {}",
            a.shape(),
            b.shape()
        )));
    }
    let mut out = Vec::new();
    for (i, pair) in a.variants()?.iter().zip(b.variants()?).enumerate() {
        let (Variant::List(x), Variant::List(y)) = pair else {
            return Err(Error::invalid_argument(format!(
                "input handle {i} is not a list."
            )));
        };
        for l in [x, y] {
            check_type(l, dtype)?;
        }
        let mut both = (**x).clone();
        both.element_shape = x.element_shape.merge(&y.element_shape)?;
        both.max_elements = None;
        both.elements.extend(y.elements.iter().cloned());
        out.push(Variant::List(Arc::new(both)));
    }
    let out = Tensor::from_variants(a.shape().clone(), out)?;
    ctx.set(0, out)
}

fn stack_grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let g = ctx.grad(0);
    let shape = row_shape(ctx.scope, g);
    let b = ctx.scope.op("TensorListFromTensor").input(g).input(shape);
    dense([Some(b.out()), None])
}

impl<'g> Scope<'g> {
    /// All elements of a list as the rows of a tensor (op `TensorListStack`).
    #[track_caller]
    pub fn tensor_list_stack(
        self,
        list: impl Operand<'g>,
        element_dtype: DType,
        element_shape: impl Into<PartialShape>,
    ) -> Output<'g> {
        let shape = super::create::shape_tensor(&element_shape.into());
        let b = self.op("TensorListStack").input(list).input(shape);
        b.attr("element_dtype", element_dtype).out()
    }
    /// The number of a list's elements (op `TensorListLength`).
    #[track_caller]
    pub fn tensor_list_length(self, list: impl Operand<'g>) -> Output<'g> {
        self.op("TensorListLength").input(list).out()
    }
}
