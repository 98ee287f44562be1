//! Tensors to and from their message.

use super::shape::{full_shape, shape_to_proto};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::proto::{self, wire::Reader};
use crate::shape::{PartialShape, Shape};
use crate::tensor::{Bytes, ResourceHandle, Tensor};
use num_complex::Complex;

/// How many bytes values may grow by being repeated: a message itself cannot hold more.
const REPEAT_LIMIT: usize = 2 << 30;

/// What is left of the memory that one file may take beyond its own size.
pub(super) struct Budget(usize);

impl Budget {
    pub(super) fn new() -> Budget {
        Budget(REPEAT_LIMIT)
    }
    fn take(&mut self, elements: usize, size: usize, shape: &Shape) -> Result<()> {
        let rest = elements
            .checked_mul(size)
            .and_then(|n| self.0.checked_sub(n));
        self.0 = rest.ok_or_else(|| {
            Error::resource_exhausted(format!(
                "A tensor of shape {shape} would repeat its last value in {elements} elements; a graph may hold {REPEAT_LIMIT} bytes of repeated values"
            ))
        })?;
        Ok(())
    }
}

/// The tensor that a message describes: raw content, or a typed list whose last value repeats.
///
/// # Errors
/// `InvalidArgument` "Cannot parse tensor from proto: …"; `ResourceExhausted` when the values would fill more
/// memory than a file can hold. Resources and variants are refused.
pub fn tensor_from_proto(p: &proto::TensorProto) -> Result<Tensor> {
    decode(p, &mut Budget::new())
}

pub(super) fn decode(p: &proto::TensorProto, budget: &mut Budget) -> Result<Tensor> {
    decode_inner(p, budget).map_err(|e| e.context("Cannot parse tensor from proto: "))
}

fn decode_inner(p: &proto::TensorProto, budget: &mut Budget) -> Result<Tensor> {
    let dtype = DType::from_number(p.dtype).ok_or_else(|| {
        Error::invalid_argument(format!("invalid element type {}", type_name(p.dtype)))
    })?;
    let shape = full_shape(p.tensor_shape.as_ref())?;
    if matches!(dtype, DType::Resource | DType::Variant) {
        return Err(Error::invalid_argument(format!(
            "a tensor of type {dtype} cannot come from a file"
        )));
    }
    if shape.elements() == 0 {
        return Tensor::zeros(dtype, shape);
    }
    if !p.tensor_content.is_empty() {
        return if dtype == DType::String {
            string_content(shape, &p.tensor_content)
        } else {
            content(dtype, shape, &p.tensor_content)
        };
    }
    use DType::*;
    match dtype {
        F32 => fill(
            dtype,
            shape,
            p.float_val.iter().map(|v| v.to_ne_bytes()),
            budget,
        ),
        F64 => fill(
            dtype,
            shape,
            p.double_val.iter().map(|v| v.to_ne_bytes()),
            budget,
        ),
        I32 | QI32 => fill(
            dtype,
            shape,
            p.int_val.iter().map(|v| v.to_ne_bytes()),
            budget,
        ),
        // Narrow integers keep the low bits.
        I16 | U16 | QI16 | QU16 => fill(
            dtype,
            shape,
            p.int_val.iter().map(|v| (*v as u16).to_ne_bytes()),
            budget,
        ),
        I8 | U8 | QI8 | QU8 => fill(dtype, shape, p.int_val.iter().map(|v| [*v as u8]), budget),
        F16 | BF16 => fill(
            dtype,
            shape,
            p.half_val.iter().map(|v| (*v as u16).to_ne_bytes()),
            budget,
        ),
        I64 => fill(
            dtype,
            shape,
            p.int64_val.iter().map(|v| v.to_ne_bytes()),
            budget,
        ),
        U32 => fill(
            dtype,
            shape,
            p.uint32_val.iter().map(|v| v.to_ne_bytes()),
            budget,
        ),
        U64 => fill(
            dtype,
            shape,
            p.uint64_val.iter().map(|v| v.to_ne_bytes()),
            budget,
        ),
        Bool => fill(
            dtype,
            shape,
            p.bool_val.iter().map(|v| [u8::from(*v)]),
            budget,
        ),
        C64 => {
            let pairs = p.scomplex_val.chunks_exact(2);
            fill(
                dtype,
                shape,
                pairs.map(|c| pair::<4, 8>(c[0].to_ne_bytes(), c[1].to_ne_bytes())),
                budget,
            )
        }
        C128 => {
            let pairs = p.dcomplex_val.chunks_exact(2);
            fill(
                dtype,
                shape,
                pairs.map(|c| pair::<8, 16>(c[0].to_ne_bytes(), c[1].to_ne_bytes())),
                budget,
            )
        }
        String => strings(shape, &p.string_val, budget),
        Resource | Variant => Err(Error::internal("refused above")),
    }
}

/// The two halves of a complex number.
fn pair<const H: usize, const S: usize>(re: [u8; H], im: [u8; H]) -> [u8; S] {
    let mut out = [0; S];
    let (a, b) = out.split_at_mut(H);
    a.copy_from_slice(&re);
    b.copy_from_slice(&im);
    out
}

/// A tensor from the host bytes of its first elements; the last one repeats, and without any all are zero.
fn fill<const S: usize>(
    dtype: DType,
    shape: Shape,
    values: impl ExactSizeIterator<Item = [u8; S]>,
    budget: &mut Budget,
) -> Result<Tensor> {
    debug_assert_eq!(dtype.size(), S);
    budget.take(shape.elements().saturating_sub(values.len()), S, &shape)?;
    let mut t = Tensor::alloc(dtype, shape)?;
    let mut last = [0; S];
    let mut values = values.fuse();
    for element in t.bytes_mut()?.chunks_exact_mut(S) {
        last = values.next().unwrap_or(last);
        element.copy_from_slice(&last);
    }
    Ok(t)
}

fn strings(shape: Shape, values: &[Vec<u8>], budget: &mut Budget) -> Result<Tensor> {
    let n = shape.elements();
    budget.take(n.saturating_sub(values.len()), size_of::<Bytes>(), &shape)?;
    let mut out: Vec<Bytes> = values.iter().take(n).map(|v| Bytes::from(&v[..])).collect();
    let last = out.last().cloned().unwrap_or_else(|| Bytes::from(&[][..]));
    out.resize(n, last);
    Tensor::from_strings(shape, out)
}

/// Raw little-endian elements in row-major order.
fn content(dtype: DType, shape: Shape, bytes: &[u8]) -> Result<Tensor> {
    let expected = shape.elements().checked_mul(dtype.size());
    if expected != Some(bytes.len()) {
        return Err(Error::invalid_argument(format!(
            "tensor_content has {} bytes; type {dtype} and shape {shape} need {}",
            bytes.len(),
            expected.map_or("more than fit in memory".to_string(), |n| n.to_string())
        )));
    }
    let mut t = Tensor::alloc(dtype, shape)?;
    let out = t.bytes_mut()?;
    if dtype == DType::Bool {
        // Bytes other than 0 and 1 are no bools.
        out.iter_mut()
            .zip(bytes)
            .for_each(|(o, b)| *o = u8::from(*b != 0));
    } else {
        out.copy_from_slice(bytes);
        swap_on_big_endian(dtype, out);
    }
    Ok(t)
}

fn swap_on_big_endian(dtype: DType, bytes: &mut [u8]) {
    let part = if dtype.is_complex() {
        dtype.size() / 2
    } else {
        dtype.size()
    };
    if cfg!(target_endian = "big") && part > 1 {
        bytes.chunks_exact_mut(part).for_each(<[u8]>::reverse);
    }
}

/// The lengths of all strings, then their bytes.
fn string_content(shape: Shape, bytes: &[u8]) -> Result<Tensor> {
    let bad = || {
        Error::invalid_argument(format!(
            "tensor_content does not hold {} strings",
            shape.elements()
        ))
    };
    let n = shape.elements();
    if n > bytes.len() {
        // Each length takes a byte at least.
        return Err(bad());
    }
    let mut reader = Reader::new(bytes);
    let mut lengths = Vec::with_capacity(n);
    for _ in 0..n {
        lengths.push(u32::try_from(reader.varint()?).map_err(|_| bad())? as usize);
    }
    let mut rest = &bytes[reader.position()..];
    let mut out = Vec::with_capacity(n);
    for len in lengths {
        let (string, after) = rest.split_at_checked(len).ok_or_else(bad)?;
        out.push(Bytes::from(string));
        rest = after;
    }
    if !rest.is_empty() {
        return Err(bad());
    }
    Tensor::from_strings(shape, out)
}

/// The message that describes a tensor, in the form that TensorFlow's Python chooses: raw content for several
/// numbers, a typed list for one number, for strings, and for bool, uint16 and complex numbers.
pub fn tensor_to_proto(t: &Tensor) -> proto::TensorProto {
    use DType::*;
    let mut p = proto::TensorProto {
        dtype: t.dtype() as i32,
        tensor_shape: Some(shape_to_proto(&PartialShape::from(t.shape()))),
        ..Default::default()
    };
    let raw = !matches!(
        t.dtype(),
        Bool | U16 | C64 | C128 | String | Resource | Variant
    );
    if raw && t.elements() > 1 {
        // Plain data always has bytes.
        p.tensor_content = t.bytes().unwrap_or_default().to_vec();
        swap_on_big_endian(t.dtype(), &mut p.tensor_content);
        return p;
    }
    /// The elements; none for another type, which the match below rules out.
    fn all<T: crate::dtype::Element>(t: &Tensor) -> &[T] {
        t.data::<T>().unwrap_or_default()
    }
    let bytes = t.bytes().unwrap_or_default();
    let pairs = |size: usize| bytes.chunks_exact(size);
    match t.dtype() {
        F32 => p.float_val = all::<f32>(t).to_vec(),
        F64 => p.double_val = all::<f64>(t).to_vec(),
        I32 => p.int_val = all::<i32>(t).to_vec(),
        I16 => p.int_val = all::<i16>(t).iter().map(|v| i32::from(*v)).collect(),
        I8 => p.int_val = all::<i8>(t).iter().map(|v| i32::from(*v)).collect(),
        U16 => p.int_val = all::<u16>(t).iter().map(|v| i32::from(*v)).collect(),
        U8 => p.int_val = all::<u8>(t).iter().map(|v| i32::from(*v)).collect(),
        QI8 => p.int_val = bytes.iter().map(|b| i32::from(*b as i8)).collect(),
        QU8 => p.int_val = bytes.iter().map(|b| i32::from(*b)).collect(),
        QI16 => {
            p.int_val = pairs(2)
                .map(|b| i32::from(i16::from_ne_bytes([b[0], b[1]])))
                .collect()
        }
        QU16 => {
            p.int_val = pairs(2)
                .map(|b| i32::from(u16::from_ne_bytes([b[0], b[1]])))
                .collect()
        }
        QI32 => {
            p.int_val = pairs(4)
                .map(|b| i32::from_ne_bytes([b[0], b[1], b[2], b[3]]))
                .collect()
        }
        F16 | BF16 => {
            p.half_val = pairs(2)
                .map(|b| i32::from(u16::from_ne_bytes([b[0], b[1]])))
                .collect()
        }
        I64 => p.int64_val = all::<i64>(t).to_vec(),
        U32 => p.uint32_val = all::<u32>(t).to_vec(),
        U64 => p.uint64_val = all::<u64>(t).to_vec(),
        Bool => p.bool_val = all::<bool>(t).to_vec(),
        C64 => {
            p.scomplex_val = all::<Complex<f32>>(t)
                .iter()
                .flat_map(|c| [c.re, c.im])
                .collect()
        }
        C128 => {
            p.dcomplex_val = all::<Complex<f64>>(t)
                .iter()
                .flat_map(|c| [c.re, c.im])
                .collect()
        }
        String => {
            p.string_val = t
                .strings()
                .unwrap_or_default()
                .iter()
                .map(|s| s.to_vec())
                .collect()
        }
        Resource => {
            p.resource_handle_val = t.handles().unwrap_or_default().iter().map(handle).collect()
        }
        Variant => {}
    }
    p
}

fn handle(h: &ResourceHandle) -> proto::ResourceHandleProto {
    proto::ResourceHandleProto {
        device: h.device.clone(),
        container: h.container.clone(),
        name: h.name.clone(),
        maybe_type_name: h.kind.clone(),
        ..Default::default()
    }
}

/// A wire number of an element type in words.
pub(super) fn type_name(number: i32) -> String {
    let name = |n| DType::from_number(n).map(DType::name);
    match (
        name(number),
        name(number.wrapping_sub(crate::dtype::REF_OFFSET)),
    ) {
        (Some(name), _) => name.to_string(),
        (None, Some(name)) => format!("{name}_ref"),
        (None, None) => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row 219 of the list of bad inputs: many tensors, each small enough, share one limit.
    #[test]
    fn row_219_repeated_values_share_a_limit() {
        let mut p = tensor_to_proto(&Tensor::from([1.0f32; 100]));
        p.tensor_content.clear();
        p.float_val = vec![1.0];
        let mut budget = Budget(1000);
        assert!(decode(&p, &mut budget).is_ok());
        assert!(decode(&p, &mut budget).is_ok());
        let e = decode(&p, &mut budget).unwrap_err();
        assert_eq!(e.code(), crate::Code::ResourceExhausted);
        // What the file itself holds is no repetition.
        p.float_val = vec![1.0; 100];
        assert!(decode(&p, &mut budget).is_ok());
        let mut p = tensor_to_proto(&Tensor::from(["a"; 100]));
        assert!(decode(&p, &mut budget).is_ok());
        p.string_val.truncate(1);
        assert!(decode(&p, &mut budget).is_err());
    }
}
