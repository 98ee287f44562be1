//! `zeros`, `ones` and constants of one repeated value: builders, as TensorFlow composes them.

use super::items::{Repeat, produce};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Operand, Output, Scope};
use crate::shape::Shape;
use crate::tensor::Tensor;
use half::{bf16, f16};
use num_complex::Complex;
use std::panic::Location;

/// Constants with fewer elements than this are written out; larger ones are a Fill.
const SMALL: usize = 1000;

/// The sizes that `zeros` and `ones` take: known ones, or a vector that the graph computes.
pub trait Sizes<'g>: Sized {
    /// The shape, where it is known; an error for negative sizes or too many elements.
    fn known(&self) -> Option<Result<Shape>>;
    /// The sizes as a vector in the graph.
    #[track_caller]
    fn vector(self, scope: Scope<'g>) -> Output<'g> {
        match self.known() {
            Some(Ok(shape)) => scope
                .named("shape_as_tensor")
                .constant(sizes_tensor(&shape)),
            _ => Output::broken(scope),
        }
    }
}
impl<'g> Sizes<'g> for Output<'g> {
    fn known(&self) -> Option<Result<Shape>> {
        None
    }
    fn vector(self, _: Scope<'g>) -> Output<'g> {
        self
    }
}
impl<'g, const N: usize> Sizes<'g> for [Output<'g>; N] {
    fn known(&self) -> Option<Result<Shape>> {
        None
    }
    #[track_caller]
    fn vector(self, scope: Scope<'g>) -> Output<'g> {
        self.operand(scope.named("packed"), None)
    }
}
impl Sizes<'_> for &Shape {
    fn known(&self) -> Option<Result<Shape>> {
        Some(Ok((*self).clone()))
    }
}
impl Sizes<'_> for Shape {
    fn known(&self) -> Option<Result<Shape>> {
        Some(Ok(self.clone()))
    }
}
impl Sizes<'_> for () {
    fn known(&self) -> Option<Result<Shape>> {
        Some(Ok(Shape::scalar()))
    }
}
impl Sizes<'_> for &[usize] {
    fn known(&self) -> Option<Result<Shape>> {
        Some(Shape::of(self))
    }
}
impl<const N: usize> Sizes<'_> for [usize; N] {
    fn known(&self) -> Option<Result<Shape>> {
        Some(Shape::of(self))
    }
}
impl<const N: usize> Sizes<'_> for [i32; N] {
    fn known(&self) -> Option<Result<Shape>> {
        Some(Shape::new(&self.map(i64::from)))
    }
}
impl<const N: usize> Sizes<'_> for [i64; N] {
    fn known(&self) -> Option<Result<Shape>> {
        Some(Shape::new(self))
    }
}

/// A scalar of any plain type (a string: empty) with a small value.
///
/// # Errors
/// `InvalidArgument` for types that hold no numbers.
pub(crate) fn number(dtype: DType, value: u8) -> Result<Tensor> {
    Ok(match dtype {
        DType::F32 => Tensor::from(f32::from(value)),
        DType::F64 => Tensor::from(f64::from(value)),
        DType::F16 => Tensor::from(f16::from(value)),
        DType::BF16 => Tensor::from(bf16::from(value)),
        DType::I8 => Tensor::from(value as i8),
        DType::I16 => Tensor::from(i16::from(value)),
        DType::I32 => Tensor::from(i32::from(value)),
        DType::I64 => Tensor::from(i64::from(value)),
        DType::U8 => Tensor::from(value),
        DType::U16 => Tensor::from(u16::from(value)),
        DType::U32 => Tensor::from(u32::from(value)),
        DType::U64 => Tensor::from(u64::from(value)),
        DType::C64 => Tensor::from(Complex::new(f32::from(value), 0.0)),
        DType::C128 => Tensor::from(Complex::new(f64::from(value), 0.0)),
        DType::Bool => Tensor::from(value != 0),
        DType::String if value == 0 => Tensor::string(""),
        d => {
            return Err(Error::invalid_argument(format!(
                "there is no number {value} of type {d}"
            )));
        }
    })
}

/// A constant of that repeated value under the scope's name or `default`: written out when it is small,
/// else a Fill. `None` for types without numbers.
#[track_caller]
pub(crate) fn filled_constant<'g>(
    scope: Scope<'g>,
    default: &'static str,
    dtype: DType,
    shape: &Shape,
    value: u8,
) -> Option<Output<'g>> {
    let value = number(dtype, value).ok()?;
    if shape.elements() < SMALL {
        let whole = produce(dtype, shape.clone(), &[&value], Repeat).ok()?;
        let constant = scope.op("Const").default_name(default);
        return Some(constant.attr("dtype", dtype).attr("value", whole).out());
    }
    let inside = scope.composite(default);
    let sizes = sizes_tensor(shape);
    let sizes = inside.named("shape_as_tensor").constant(sizes);
    let value = inside.constant(value);
    Some(inside.result_op("Fill").input(sizes).input(value).out())
}

/// A shape as a vector of int32, or of int64 where a size needs it.
pub(crate) fn sizes_tensor(shape: &Shape) -> Tensor {
    let narrow: Option<Vec<i32>> = shape
        .dims()
        .iter()
        .map(|d| i32::try_from(*d).ok())
        .collect();
    match narrow {
        Some(v) => Tensor::from(v),
        None => Tensor::from(shape.dims_i64().to_vec()),
    }
}

#[track_caller]
fn filled<'g>(
    scope: Scope<'g>,
    default: &'static str,
    sizes: impl Sizes<'g>,
    dtype: DType,
    value: u8,
) -> Output<'g> {
    let checked = match sizes.known().transpose() {
        Ok(known) => number(dtype, value).map(|v| (known, v)),
        Err(e) => Err(e),
    };
    match checked {
        Ok((Some(shape), _)) if shape.elements() < SMALL => {
            filled_constant(scope, default, dtype, &shape, value)
                .unwrap_or_else(|| Output::broken(scope))
        }
        Ok((_, value)) => {
            let inside = scope.composite(default);
            let sizes = sizes.vector(inside);
            let value = inside.constant(value);
            inside.result_op("Fill").input(sizes).input(value).out()
        }
        Err(e) => {
            let e = e.at_node(default, "Fill");
            scope.graph().fail(e.at_line(Location::caller()));
            Output::broken(scope)
        }
    }
}

impl<'g> Scope<'g> {
    /// Zeros (false, empty strings): a constant where the sizes are known and it is small, else op `Fill`.
    ///
    /// ```
    /// use tensorloom::{DType, Graph};
    /// let g = Graph::new();
    /// let z = g.root().zeros([2, 3], DType::F32);
    /// assert_eq!((z.name().as_str(), z.shape().to_string().as_str()), ("zeros:0", "[2,3]"));
    /// ```
    #[track_caller]
    pub fn zeros(self, sizes: impl Sizes<'g>, dtype: DType) -> Output<'g> {
        filled(self, "zeros", sizes, dtype, 0)
    }
    /// Ones (true): a constant where the sizes are known and it is small, else op `Fill`.
    #[track_caller]
    pub fn ones(self, sizes: impl Sizes<'g>, dtype: DType) -> Output<'g> {
        filled(self, "ones", sizes, dtype, 1)
    }
}
