//! Other element types for images: `convert_image_dtype`, and `saturate_cast` for any tensor.

use super::check::built;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Operand, Output, Scope};
use crate::ops::math::operators::binary_op;
use crate::tensor::Tensor;
use half::{bf16, f16};
use num_complex::Complex;

/// What becomes of values that a type cannot hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// What a plain Cast makes of them.
    #[default]
    Wrap,
    /// The nearest value that the type holds.
    Saturate,
}

/// The least and the greatest value of an integer type.
fn integers(dtype: DType) -> Option<(i128, i128)> {
    Some(match dtype {
        DType::I8 => (i8::MIN.into(), i8::MAX.into()),
        DType::I16 => (i16::MIN.into(), i16::MAX.into()),
        DType::I32 => (i32::MIN.into(), i32::MAX.into()),
        DType::I64 => (i64::MIN.into(), i64::MAX.into()),
        DType::U8 => (0, u8::MAX.into()),
        DType::U16 => (0, u16::MAX.into()),
        DType::U32 => (0, u32::MAX.into()),
        DType::U64 => (0, u64::MAX.into()),
        _ => return None,
    })
}

/// The greatest finite value of a floating type.
fn greatest(dtype: DType) -> Option<f64> {
    Some(match dtype {
        DType::F16 => f16::MAX.to_f64(),
        DType::BF16 => bf16::MAX.to_f64(),
        DType::F32 => f32::MAX.into(),
        DType::F64 => f64::MAX,
        _ => return None,
    })
}

/// The type of the parts of a complex type.
fn part(dtype: DType) -> DType {
    match dtype {
        DType::C64 => DType::F32,
        DType::C128 => DType::F64,
        d => d,
    }
}

fn integer(dtype: DType, v: i128) -> Option<Tensor> {
    Some(match dtype {
        DType::I8 => Tensor::from(i8::try_from(v).ok()?),
        DType::I16 => Tensor::from(i16::try_from(v).ok()?),
        DType::I32 => Tensor::from(i32::try_from(v).ok()?),
        DType::I64 => Tensor::from(i64::try_from(v).ok()?),
        DType::U8 => Tensor::from(u8::try_from(v).ok()?),
        DType::U16 => Tensor::from(u16::try_from(v).ok()?),
        DType::U32 => Tensor::from(u32::try_from(v).ok()?),
        DType::U64 => Tensor::from(u64::try_from(v).ok()?),
        _ => return None,
    })
}

/// `bound` in a floating type, rounded towards zero where it is not a value of that type.
fn float(dtype: DType, bound: f64, is_beyond: impl Fn(f64) -> bool) -> Option<Tensor> {
    // One less in the bits is one step towards zero; zero itself is a value of every type.
    Some(match dtype {
        DType::F16 => match f16::from_f64(bound) {
            v if is_beyond(v.to_f64()) => Tensor::from(f16::from_bits(v.to_bits() - 1)),
            v => Tensor::from(v),
        },
        DType::BF16 => match bf16::from_f64(bound) {
            v if is_beyond(v.to_f64()) => Tensor::from(bf16::from_bits(v.to_bits() - 1)),
            v => Tensor::from(v),
        },
        DType::F32 => match bound as f32 {
            v if is_beyond(v.into()) => Tensor::from(f32::from_bits(v.to_bits() - 1)),
            v => Tensor::from(v),
        },
        DType::F64 if is_beyond(bound) => Tensor::from(f64::from_bits(bound.to_bits() - 1)),
        DType::F64 => Tensor::from(bound),
        _ => return None,
    })
}

/// The range of values of `from` that `to` holds as well.
fn limits(from: DType, to: DType) -> Option<[Tensor; 2]> {
    match (integers(from), integers(to)) {
        (Some(a), Some(b)) => Some([integer(from, a.0.max(b.0))?, integer(from, a.1.min(b.1))?]),
        (Some(a), None) => {
            // Finite values beyond i128 stay at its ends; the parts of complex types are floats.
            let most = greatest(part(to))? as i128;
            Some([
                integer(from, a.0.max(-most))?,
                integer(from, a.1.min(most))?,
            ])
        }
        (None, Some(b)) => {
            let most = greatest(from)?;
            let (low, high) = ((b.0 as f64).max(-most), (b.1 as f64).min(most));
            Some([
                float(from, low, |v| (v as i128) < b.0)?,
                float(from, high, |v| v as i128 > b.1)?,
            ])
        }
        (None, None) => {
            let (own, other) = (greatest(from)?, greatest(part(to))?);
            let most = own.min(other);
            Some([
                float(from, -most, |v| v < -most)?,
                float(from, most, |v| v > most)?,
            ])
        }
    }
}

fn no_limits(dtype: DType) -> Error {
    Error::invalid_argument(format!("Cannot find minimum value of {dtype}."))
}

/// A tensor within the range of another type, which is then cast to it as the result of the scope.
#[track_caller]
fn saturated<'g>(s: Scope<'g>, value: Output<'g>, dtype: DType) -> Result<Output<'g>> {
    let cast = |v: Output<'g>| match v.dtype() == dtype {
        true => v,
        false => {
            let op = s.op("Cast").name(format!("{}/", s.name()));
            op.input(v).attr("DstT", dtype).out()
        }
    };
    let clamp = |v: Output<'g>, [low, high]: [Tensor; 2]| {
        let (low, high) = (s.constant(low), s.constant(high));
        let op = s.op("ClipByValue").name("clamp");
        op.input(v).input(low).input(high).out()
    };
    if value.dtype().is_complex() && dtype.is_complex() {
        let narrows = value.dtype() == DType::C128 && dtype == DType::C64;
        let most = f64::from(f32::MAX);
        let limits = [-most, most].map(|v| Tensor::from(Complex::new(v, v)));
        return Ok(cast(if narrows { clamp(value, limits) } else { value }));
    }
    let value = if value.dtype().is_complex() {
        s.real(value)
    } else {
        value
    };
    let numbers = |d: DType| integers(d).is_some() || greatest(part(d)).is_some();
    for d in [value.dtype(), dtype] {
        if !numbers(d) {
            return Err(no_limits(d));
        }
    }
    let limits = limits(value.dtype(), dtype).ok_or_else(|| no_limits(dtype))?;
    Ok(cast(clamp(value, limits)))
}

#[track_caller]
fn convert<'g>(
    s: Scope<'g>,
    image: Output<'g>,
    dtype: DType,
    overflow: Overflow,
) -> Result<Output<'g>> {
    let name = format!("{}/", s.name());
    let cast = |v: Output<'g>| match overflow {
        Overflow::Wrap => {
            let op = s.op("Cast").name(name.clone());
            Ok(op.input(v).attr("DstT", dtype).out())
        }
        Overflow::Saturate => saturated(s, v, dtype),
    };
    let scaled = |v: Output<'g>, by: f64| {
        let op = s.op("Mul").name(name.clone());
        op.input(v).input_like(by, dtype).out()
    };
    let from = image.dtype();
    Ok(match (integers(from), integers(dtype)) {
        (Some((_, from)), Some((_, to))) if from > to => {
            let scale = (from + 1) / (to + 1);
            cast(binary_op(s, "FloorDiv", "floordiv", image, scale as i64))?
        }
        (Some((_, from)), Some((_, to))) => {
            let wide = match overflow {
                Overflow::Wrap => s.cast(image, dtype),
                Overflow::Saturate => s.saturate_cast(image, dtype),
            };
            let scale = ((to + 1) / (from + 1)) as i64;
            let op = s.op("Mul").name(name.clone());
            op.input(wide).input_like(scale, dtype).out()
        }
        (None, None) => {
            let op = s.op("Cast").name(name.clone());
            op.input(image).attr("DstT", dtype).out()
        }
        (Some((_, most)), None) => scaled(s.cast(image, dtype), 1.0 / most as f64),
        (None, Some((_, most))) => cast(binary_op(s, "Mul", "Mul", image, most as f64 + 0.5))?,
    })
}

impl<'g> Scope<'g> {
    /// `image` with another element type, scaled so that the range stays the same: whole numbers up to their
    /// greatest value are floats up to 1.
    #[track_caller]
    pub fn convert_image_dtype(
        self,
        image: impl Operand<'g>,
        dtype: DType,
        overflow: Overflow,
    ) -> Output<'g> {
        let image = image.operand(self.named("image"), None);
        if !image.is_valid() {
            return Output::broken(self.unnamed());
        }
        for (d, what) in [(dtype, "dtype"), (image.dtype(), "image dtype")] {
            if integers(d).is_none() && greatest(d).is_none() {
                let e = format!("{what} must be either floating point or integer");
                return built(self, "convert_image", Err(Error::invalid_argument(e)));
            }
        }
        if image.dtype() == dtype {
            return self.identity(image);
        }
        let s = self.composite("convert_image");
        built(self, "convert_image", convert(s, image, dtype, overflow))
    }

    /// `value` as another element type; what that cannot hold becomes the nearest value that it holds.
    #[track_caller]
    pub fn saturate_cast(self, value: impl Operand<'g>, dtype: DType) -> Output<'g> {
        let s = self.composite("saturate_cast");
        let value = value.operand(s.named("value"), None);
        if !value.is_valid() {
            return Output::broken(self.unnamed());
        }
        built(self, "saturate_cast", saturated(s, value, dtype))
    }
}
