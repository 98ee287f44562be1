//! Zeros like lists, and sums of lists, element by element: what gradients of lists need.

use super::engine::list;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::kernel::OpContext;
use crate::ops::math::number::Number;
use crate::tensor::{Tensor, TensorList, Variant};
use num_complex::Complex;
use std::sync::Arc;

/// The kernel of ZerosLike for variants: elements that were never set stay so.
pub(crate) fn zeros_like(ctx: &mut OpContext<'_>) -> Result<()> {
    let input = ctx.input(0)?;
    let zeros = |v: &Variant| -> Result<Variant> {
        let Variant::List(l) = v else {
            return Ok(Variant::Empty);
        };
        let zero = |e: &Option<Tensor>| match e {
            None => Ok(None),
            Some(t) => Tensor::zeros(t.dtype(), t.shape().clone()).map(Some),
        };
        Ok(Variant::List(Arc::new(TensorList {
            elements: l.elements.iter().map(zero).collect::<Result<_>>()?,
            ..(**l).clone()
        })))
    };
    let out = input.variants()?.iter().map(zeros).collect::<Result<_>>()?;
    let out = Tensor::from_variants(input.shape().clone(), out)?;
    ctx.set(0, out)
}

/// The kernel of AddN for variants: an element that one list never set is the other's.
pub(crate) fn add_n(ctx: &mut OpContext<'_>) -> Result<()> {
    let mut sum = list(ctx, 0)?.clone();
    for i in 1..ctx.num_inputs() {
        let other = list(ctx, i)?;
        if other.dtype != sum.dtype {
            return Err(Error::invalid_argument(
                "Trying to add two lists of tensors of different dtypes",
            ));
        }
        if other.elements.len() != sum.elements.len() {
            return Err(Error::invalid_argument(
                "Trying to add two lists of tensors with different lengths",
            ));
        }
        sum.element_shape = sum.element_shape.merge(&other.element_shape)?;
        for (a, b) in sum.elements.iter_mut().zip(&other.elements) {
            *a = match (a.take(), b) {
                (Some(a), Some(b)) => Some(plus(a, b)?),
                (a, b) => a.or(b.clone()),
            };
        }
    }
    ctx.set(0, Tensor::from(sum))
}

/// The sum of two tensors of the same type and shape.
pub(crate) fn plus(a: Tensor, b: &Tensor) -> Result<Tensor> {
    fn add<T: Number>(mut a: Tensor, b: &Tensor) -> Result<Tensor> {
        let values = a.make_mut::<T>()?;
        for (x, y) in values.iter_mut().zip(b.data::<T>()?) {
            *x = x.plus(*y);
        }
        Ok(a)
    }
    if a.shape() != b.shape() {
        return Err(Error::invalid_argument(format!(
            "Inputs to operation AddN must have the same size and shape. {} != {}",
            a.shape(),
            b.shape()
        )));
    }
    match a.dtype() {
        DType::F32 => add::<f32>(a, b),
        DType::F64 => add::<f64>(a, b),
        DType::F16 => add::<half::f16>(a, b),
        DType::BF16 => add::<half::bf16>(a, b),
        DType::I8 => add::<i8>(a, b),
        DType::I16 => add::<i16>(a, b),
        DType::I32 => add::<i32>(a, b),
        DType::I64 => add::<i64>(a, b),
        DType::U8 => add::<u8>(a, b),
        DType::U16 => add::<u16>(a, b),
        DType::U32 => add::<u32>(a, b),
        DType::U64 => add::<u64>(a, b),
        DType::C64 => add::<Complex<f32>>(a, b),
        DType::C128 => add::<Complex<f64>>(a, b),
        d => Err(Error::invalid_argument(format!(
            "tensors of type {d} cannot be added"
        ))),
    }
}
