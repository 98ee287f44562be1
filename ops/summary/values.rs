//! Tensors of any number type as the floats that summaries hold, and the messages around them.

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::proto::{Summary, canonical, schema};
use crate::tensor::Tensor;
use half::{bf16, f16};
use prost::Message;

macro_rules! each_number {
    ($t:expr, |$v:ident| $e:expr) => {
        match $t.dtype() {
            DType::F32 => $t.data::<f32>()?.iter().map(|$v| $e).collect(),
            DType::F64 => $t.data::<f64>()?.iter().map(|$v| $e).collect(),
            DType::I32 => $t.data::<i32>()?.iter().map(|$v| $e).collect(),
            DType::U8 => $t.data::<u8>()?.iter().map(|$v| $e).collect(),
            DType::I16 => $t.data::<i16>()?.iter().map(|$v| $e).collect(),
            DType::I8 => $t.data::<i8>()?.iter().map(|$v| $e).collect(),
            DType::I64 => $t.data::<i64>()?.iter().map(|$v| $e).collect(),
            DType::U16 => $t.data::<u16>()?.iter().map(|$v| $e).collect(),
            DType::U32 => $t.data::<u32>()?.iter().map(|$v| $e).collect(),
            DType::U64 => $t.data::<u64>()?.iter().map(|$v| $e).collect(),
            DType::F16 => {
                let wide = $t.data::<f16>()?.iter().map(|v| v.to_f32());
                wide.map(|v| {
                    let $v = &v;
                    $e
                })
                .collect()
            }
            DType::BF16 => {
                let wide = $t.data::<bf16>()?.iter().map(|v| v.to_f32());
                wide.map(|v| {
                    let $v = &v;
                    $e
                })
                .collect()
            }
            d => return Err(Error::invalid_argument(format!("{d} is no real number"))),
        }
    };
}

/// The elements as f32, each converted at once.
// One of the types is f32 itself.
#[allow(clippy::unnecessary_cast)]
pub(super) fn floats(t: &Tensor) -> Result<Vec<f32>> {
    Ok(each_number!(t, |v| *v as f32))
}

/// The elements as f64.
// One of the types is f64 itself.
#[allow(clippy::unnecessary_cast)]
pub(super) fn doubles(t: &Tensor) -> Result<Vec<f64>> {
    Ok(each_number!(t, |v| *v as f64))
}

/// A tag as a string of a message.
pub(super) fn tag(bytes: &[u8]) -> Result<String> {
    String::from_utf8(bytes.to_vec())
        .map_err(|_| Error::invalid_argument("a tag is not valid UTF-8"))
}

/// The tag of a summary that has just one.
pub(super) fn scalar_tag(t: &Tensor, message: &str) -> Result<String> {
    if !t.shape().is_scalar() {
        return Err(Error::invalid_argument(message));
    }
    tag(t.to_bytes()?)
}

/// A serialized summary as a tensor, encoded as TensorFlow does.
pub(super) fn encode(summary: &Summary) -> Result<Tensor> {
    let message =
        schema::message("Summary").ok_or_else(|| Error::internal("the schema has no Summary"))?;
    Ok(Tensor::string(canonical(
        message,
        &summary.encode_to_vec(),
    )?))
}
