//! Numbers from text, as TensorFlow reads them.

use crate::dtype::{DType, Element};
use crate::error::{Error, Result};
use crate::shape::Shape;
use crate::tensor::{Bytes, Tensor};

/// A type that can be read from text.
pub(super) trait Parsed: Element {
    fn parse(text: &str) -> Option<Self>;
}

macro_rules! integers {
    ($($t:ty),*) => { $(
        impl Parsed for $t {
            fn parse(text: &str) -> Option<$t> {
                text.parse().ok()
            }
        }
    )* };
}
integers!(i32, i64, u32, u64);

macro_rules! floats {
    ($($t:ty),*) => { $(
        impl Parsed for $t {
            fn parse(text: &str) -> Option<$t> {
                text.parse().ok().or_else(|| hexadecimal(text).map(|v| v as $t))
            }
        }
    )* };
}
floats!(f32, f64);

/// `0x1F`: digits only, no fraction.
fn hexadecimal(text: &str) -> Option<f64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = digits.strip_prefix("0x").or(digits.strip_prefix("0X"))?;
    if digits.is_empty() {
        return None;
    }
    let mut value = 0.0;
    for c in digits.chars() {
        value = value * 16.0 + f64::from(c.to_digit(16)?);
    }
    Some(sign * value)
}

/// A number out of text with spaces around it.
pub(super) fn parse<T: Parsed>(bytes: &[u8]) -> Option<T> {
    T::parse(std::str::from_utf8(bytes.trim_ascii()).ok()?)
}

/// One number for each text; `wrong` makes the error of text that is none.
pub(super) fn parse_all(
    dtype: DType,
    shape: &Shape,
    texts: &[Bytes],
    wrong: impl Fn(usize, &[u8]) -> Error,
) -> Result<Tensor> {
    fn all<T: Parsed>(
        shape: &Shape,
        texts: &[Bytes],
        wrong: impl Fn(usize, &[u8]) -> Error,
    ) -> Result<Tensor> {
        let values: Result<Vec<T>> = texts
            .iter()
            .enumerate()
            .map(|(i, t)| parse(t).ok_or_else(|| wrong(i, t)))
            .collect();
        Tensor::from_slice(shape, &values?)
    }
    match dtype {
        DType::F32 => all::<f32>(shape, texts, wrong),
        DType::F64 => all::<f64>(shape, texts, wrong),
        DType::I32 => all::<i32>(shape, texts, wrong),
        DType::I64 => all::<i64>(shape, texts, wrong),
        DType::U32 => all::<u32>(shape, texts, wrong),
        DType::U64 => all::<u64>(shape, texts, wrong),
        d => Err(Error::unimplemented(format!("text is not read as {d}"))),
    }
}
