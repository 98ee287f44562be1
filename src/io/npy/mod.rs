//! NumPy files: one array (`.npy`) or several by name (`.npz`).

mod header;
mod zip;

pub use zip::NpzOptions;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::io::atomic::AtomicFile;
use crate::io::file::ReadAt;
use crate::tensor::{Bytes, Tensor};
use header::{Header, Kind};
use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

/// Reads an array from a `.npy` file.
///
/// Booleans, integers, floats, complex numbers and fixed-width strings (bytes, or text, which becomes UTF-8) of either
/// byte order and either element order are read.
///
/// # Errors
/// `InvalidArgument` for what is no array, or one of objects or records; `DataLoss` when the data is cut off; what the
/// file system says.
///
/// ```
/// use tensorloom::{Tensor, io::{read_npy, write_npy}};
/// let path = std::env::temp_dir().join(format!("tensorloom-npy-doc-{}.npy", std::process::id()));
/// write_npy(&path, &Tensor::from([1.0f32, 2.0])).unwrap();
/// assert_eq!(read_npy(&path).unwrap().data::<f32>().unwrap(), [1.0, 2.0]);
/// # std::fs::remove_file(path).unwrap();
/// ```
pub fn read_npy(path: impl AsRef<Path>) -> Result<Tensor> {
    let path = path.as_ref();
    let file = ReadAt::open(path)?;
    let bytes = file.read(0, file.size())?;
    decode_npy(&bytes).map_err(|e| e.context(format!("{}: ", path.display())))
}

/// Reads an array from the bytes of a `.npy` file.
///
/// # Errors
/// As [`read_npy`].
pub fn decode_npy(bytes: &[u8]) -> Result<Tensor> {
    let (header, data) = Header::decode(bytes)?;
    let item = header.item_size;
    let size = header.shape.elements().checked_mul(item);
    let data = size.and_then(|n| data.get(..n)).ok_or_else(|| {
        Error::data_loss(format!(
            "{} bytes do not fill an array of shape {} of {item} bytes each",
            data.len(),
            header.shape
        ))
    })?;
    let data = match header.fortran_order {
        true => Cow::Owned(to_row_major(data, header.shape.dims(), item)),
        false => Cow::Borrowed(data),
    };
    match header.kind {
        Kind::Number(dtype) => {
            let mut tensor = Tensor::alloc(dtype, header.shape)?;
            let out = tensor.bytes_mut()?;
            out.copy_from_slice(&data);
            if dtype == DType::Bool {
                out.iter_mut().for_each(|b| *b = u8::from(*b != 0));
            }
            if header.big_endian != cfg!(target_endian = "big") {
                swap(dtype, out);
            }
            Ok(tensor)
        }
        Kind::Bytes | Kind::Text if item == 0 => Tensor::zeros(DType::String, header.shape),
        Kind::Bytes => {
            let strings = data.chunks_exact(item).map(|s| Bytes::from(trim(s, 0)));
            let strings = strings.collect();
            Tensor::from_strings(header.shape, strings)
        }
        Kind::Text => {
            let strings = data.chunks_exact(item).map(|s| text(s, header.big_endian));
            let strings = strings.collect::<Result<Vec<Bytes>>>()?;
            Tensor::from_strings(header.shape, strings)
        }
    }
}

/// Without the padding at the end.
fn trim<T: PartialEq>(items: &[T], pad: T) -> &[T] {
    let end = items.iter().rposition(|b| *b != pad).map_or(0, |i| i + 1);
    &items[..end]
}

/// Text of four bytes a character as UTF-8.
fn text(bytes: &[u8], big_endian: bool) -> Result<Bytes> {
    let code = |c: &[u8]| {
        let fold = |n: u32, b: &u8| n << 8 | u32::from(*b);
        match big_endian {
            true => c.iter().fold(0, fold),
            false => c.iter().rev().fold(0, fold),
        }
    };
    let codes: Vec<u32> = bytes.chunks_exact(4).map(code).collect();
    let chars = trim(&codes, 0).iter().map(|c| char::from_u32(*c));
    let text: Option<String> = chars.collect();
    let text = text.ok_or_else(|| Error::data_loss("a string array holds no text"))?;
    Ok(Arc::from(text.as_bytes()))
}

/// Reverses the bytes of each number; the parts of complex numbers count singly.
fn swap(dtype: DType, bytes: &mut [u8]) {
    let size = match dtype.is_complex() {
        true => dtype.size() / 2,
        false => dtype.size(),
    };
    bytes.chunks_exact_mut(size).for_each(|n| n.reverse());
}

/// Elements stored first dimension fastest, put into row-major order; `data` holds all of them.
fn to_row_major(data: &[u8], dims: &[usize], item: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len());
    if data.is_empty() {
        return out;
    }
    let mut index = vec![0usize; dims.len()];
    let mut strides = vec![item; dims.len()];
    for d in 1..dims.len() {
        strides[d] = strides[d - 1] * dims[d - 1];
    }
    let mut place = 0;
    loop {
        out.extend_from_slice(&data[place..place + item]);
        let mut d = dims.len();
        loop {
            if d == 0 {
                return out;
            }
            d -= 1;
            index[d] += 1;
            place += strides[d];
            if index[d] < dims[d] {
                break;
            }
            place -= index[d] * strides[d];
            index[d] = 0;
        }
    }
}

/// Replaces a `.npy` file by a tensor.
///
/// bfloat16, which NumPy does not know, is written as float32; quantized types as their integers; strings as bytes of
/// the longest one's length.
///
/// # Errors
/// `InvalidArgument` for resources and for strings that end in NUL (NumPy drops it); what the file system says.
pub fn write_npy(path: impl AsRef<Path>, tensor: &Tensor) -> Result<()> {
    let (header, data) = encode(tensor)?;
    let mut file = AtomicFile::create(path)?;
    file.append(&header)?;
    file.append(&data)?;
    file.commit()
}

/// A tensor as the bytes of a `.npy` file.
///
/// # Errors
/// `InvalidArgument` as [`write_npy`].
pub fn encode_npy(tensor: &Tensor) -> Result<Vec<u8>> {
    let (mut header, data) = encode(tensor)?;
    header.extend_from_slice(&data);
    Ok(header)
}

/// Header and data.
fn encode(tensor: &Tensor) -> Result<(Vec<u8>, Cow<'_, [u8]>)> {
    let dtype = tensor.dtype();
    if dtype == DType::String {
        let strings = tensor.strings()?;
        let item = strings.iter().map(|s| s.len()).max().unwrap_or(0).max(1);
        let size = item.checked_mul(strings.len());
        let mut data = Vec::new();
        if size.is_none_or(|n| data.try_reserve_exact(n).is_err()) {
            return Err(Error::resource_exhausted(format!(
                "OOM when padding {} strings to {item} bytes",
                strings.len()
            )));
        }
        for s in strings {
            if s.last() == Some(&0) {
                return Err(Error::invalid_argument(
                    "a string that ends in NUL cannot be kept in a NumPy array",
                ));
            }
            data.extend_from_slice(s);
            data.resize(data.len() + item - s.len(), 0);
        }
        let header = header::encode(&format!("|S{item}"), tensor.shape());
        return Ok((header, Cow::Owned(data)));
    }
    let descr = header::descr(dtype).ok_or_else(|| {
        Error::invalid_argument(format!("{dtype} cannot be kept in a NumPy array"))
    })?;
    let header = header::encode(descr, tensor.shape());
    if dtype == DType::BF16 {
        let values = tensor.data::<half::bf16>()?.iter();
        let data = values.flat_map(|v| v.to_f32().to_le_bytes()).collect();
        return Ok((header, Cow::Owned(data)));
    }
    let mut data = Cow::Borrowed(tensor.bytes()?);
    if cfg!(target_endian = "big") {
        swap(dtype, data.to_mut());
    }
    Ok((header, data))
}

/// Reads all arrays of a `.npz` file with their names, in the order in which they are stored.
///
/// # Errors
/// As [`read_npy`]; `DataLoss` for a damaged archive.
pub fn read_npz(path: impl AsRef<Path>) -> Result<Vec<(String, Tensor)>> {
    let path = path.as_ref();
    let archive = zip::Archive::open(path)?;
    let mut arrays = Vec::new();
    for member in archive.members() {
        let at = |e: Error| e.context(format!("{}: {}: ", path.display(), member.name));
        let tensor = decode_npy(&archive.read(member).map_err(at)?).map_err(at)?;
        let name = member.name.strip_suffix(".npy").unwrap_or(&member.name);
        arrays.push((name.to_string(), tensor));
    }
    Ok(arrays)
}

/// Replaces a `.npz` file by tensors under their names.
///
/// # Errors
/// As [`write_npy`]; `InvalidArgument` for a name that occurs twice or is too long.
pub fn write_npz(
    path: impl AsRef<Path>,
    arrays: &[(impl AsRef<str>, &Tensor)],
    options: NpzOptions,
) -> Result<()> {
    let mut archive = zip::ArchiveWriter::new(AtomicFile::create(path)?, options);
    for (name, tensor) in arrays {
        let (header, data) = encode(tensor)?;
        archive.add(&format!("{}.npy", name.as_ref()), &[&header, &data])?;
    }
    archive.finish()
}

#[cfg(test)]
mod tests;
