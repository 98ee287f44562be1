//! Safetensors files: tensors by name behind a JSON header that says where each one lies.

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::io::atomic::AtomicFile;
use crate::io::file::ReadAt;
use crate::shape::Shape;
use crate::tensor::Tensor;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

/// The longest header that is read or written, as in the format's own library.
const MAX_HEADER: u64 = 100_000_000;
/// The header's length stands before it.
const LENGTH: u64 = 8;
/// Tensor data begins at a multiple of this.
const ALIGN: usize = 8;
/// The key of the header that is no tensor.
const METADATA: &str = "__metadata__";

/// Names of types in the header.
const TYPES: &[(&str, DType)] = &[
    ("BOOL", DType::Bool),
    ("U8", DType::U8),
    ("I8", DType::I8),
    ("I16", DType::I16),
    ("U16", DType::U16),
    ("F16", DType::F16),
    ("BF16", DType::BF16),
    ("I32", DType::I32),
    ("U32", DType::U32),
    ("F32", DType::F32),
    ("C64", DType::C64),
    ("F64", DType::F64),
    ("I64", DType::I64),
    ("U64", DType::U64),
];

/// Types that tensors of this crate cannot have, with their bits.
const FOREIGN: &[(&str, u64)] = &[
    ("F4", 4),
    ("F6_E2M3", 6),
    ("F6_E3M2", 6),
    ("F8_E4M3", 8),
    ("F8_E4M3FNUZ", 8),
    ("F8_E5M2", 8),
    ("F8_E5M2FNUZ", 8),
    ("F8_E8M0", 8),
];

/// An open safetensors file. Its header is checked whole: every tensor's size, no gaps, no overlaps.
///
/// ```
/// use tensorloom::{Tensor, io::{SafetensorsReader, write_safetensors}};
/// let path = std::env::temp_dir().join(format!("tensorloom-st-doc-{}.safetensors", std::process::id()));
/// write_safetensors(&path, &[("w", &Tensor::from([1.0f32, 2.0]))], &Default::default()).unwrap();
/// let reader = SafetensorsReader::open(&path).unwrap();
/// assert_eq!(reader.names().collect::<Vec<_>>(), ["w"]);
/// assert_eq!(reader.read("w").unwrap().data::<f32>().unwrap(), [1.0, 2.0]);
/// # std::fs::remove_file(path).unwrap();
/// ```
pub struct SafetensorsReader {
    file: ReadAt,
    /// Where tensor data begins.
    base: u64,
    /// By the order of their bytes.
    entries: Vec<Entry>,
    metadata: BTreeMap<String, String>,
}

struct Entry {
    name: String,
    dtype: Stored,
    shape: Shape,
    begin: u64,
    size: u64,
}

enum Stored {
    Known(DType),
    Foreign(String),
}

impl SafetensorsReader {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// `InvalidArgument` for what is no such file; `DataLoss` when offsets do not fit the shapes, overlap, leave gaps,
    /// or do not fill the file; what the file system says.
    pub fn open(path: impl AsRef<Path>) -> Result<SafetensorsReader> {
        let path = path.as_ref();
        SafetensorsReader::read_header(path).map_err(|e| e.context(format!("{}: ", path.display())))
    }

    fn read_header(path: &Path) -> Result<SafetensorsReader> {
        let file = ReadAt::open(path)?;
        let no_header = || Error::invalid_argument("the file is too short for a header");
        let length: [u8; 8] = file
            .read(0, LENGTH)
            .ok()
            .and_then(|b| b.try_into().ok())
            .ok_or_else(no_header)?;
        let length = u64::from_le_bytes(length);
        if length > MAX_HEADER {
            return Err(Error::invalid_argument(format!(
                "a header of {length} bytes is longer than {MAX_HEADER}"
            )));
        }
        let base = LENGTH + length;
        if !file.holds(LENGTH, length) {
            return Err(Error::data_loss(format!(
                "the header's {length} bytes go beyond the end of the file"
            )));
        }
        let header = file.read(LENGTH, length)?;
        if header.first() != Some(&b'{') {
            return Err(Error::invalid_argument(
                "the header does not begin with '{'",
            ));
        }
        let header: Header = serde_json::from_slice(&header)
            .map_err(|e| Error::invalid_argument(format!("the header cannot be parsed: {e}")))?;
        let mut entries = header
            .tensors
            .into_iter()
            .map(|(name, info)| {
                entry(&name, info).map_err(|e| e.context(format!("tensor '{name}': ")))
            })
            .collect::<Result<Vec<Entry>>>()?;
        // Empty tensors lie before the one that begins at the same place.
        entries.sort_by_key(|e| (e.begin, e.size));
        let mut end = 0u64;
        for e in &entries {
            if e.begin != end {
                let what = match e.begin < end {
                    true => "overlaps the tensor before it",
                    false => "leaves a gap before it",
                };
                return Err(Error::data_loss(format!(
                    "tensor '{}' {what}: it begins at byte {}, not {end}",
                    e.name, e.begin
                )));
            }
            // `entry` checked that the sum fits.
            end = e.begin.saturating_add(e.size);
        }
        let there = file.size().saturating_sub(base);
        if end != there {
            return Err(Error::data_loss(format!(
                "the tensors take {end} bytes, but the file holds {there}"
            )));
        }
        Ok(SafetensorsReader {
            file,
            base,
            entries,
            metadata: header.metadata,
        })
    }

    /// The names of all tensors, in the order in which they are stored.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.entries.iter().map(|e| e.name.as_str())
    }
    /// What the file says of itself.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    fn entry(&self, name: &str) -> Result<(&Entry, DType)> {
        let entry = self.entries.iter().find(|e| e.name == name);
        let entry = entry.ok_or_else(|| {
            Error::not_found(format!("Tensor {name} not found in the safetensors file"))
        })?;
        match &entry.dtype {
            Stored::Known(dtype) => Ok((entry, *dtype)),
            Stored::Foreign(other) => Err(Error::unimplemented(format!(
                "tensor '{name}': type {other} is not supported"
            ))),
        }
    }

    /// Type and shape of a tensor.
    ///
    /// # Errors
    /// `NotFound` for another name; `Unimplemented` for types of fewer than eight bits and other floats of eight.
    pub fn dtype_and_shape(&self, name: &str) -> Result<(DType, Shape)> {
        let (entry, dtype) = self.entry(name)?;
        Ok((dtype, entry.shape.clone()))
    }

    /// A tensor.
    ///
    /// # Errors
    /// As [`SafetensorsReader::dtype_and_shape`]; `DataLoss` for a boolean that is neither 0 nor 1; `OutOfRange` when
    /// the file was cut off since it was opened.
    pub fn read(&self, name: &str) -> Result<Tensor> {
        let (entry, dtype) = self.entry(name)?;
        let mut tensor = Tensor::alloc(dtype, entry.shape.clone())?;
        let out = tensor.bytes_mut()?;
        if dtype == DType::Bool {
            let bytes = self.file.read(self.base + entry.begin, entry.size)?;
            if bytes.iter().any(|b| *b > 1) || bytes.len() != out.len() {
                return Err(Error::data_loss(format!(
                    "tensor '{name}' holds a boolean that is neither 0 nor 1"
                )));
            }
            out.copy_from_slice(&bytes);
            return Ok(tensor);
        }
        self.file.read_exact(self.base + entry.begin, out)?;
        to_little_endian(dtype, out);
        Ok(tensor)
    }
}

/// A tensor's place, checked against its type and shape.
fn entry(name: &str, info: Info) -> Result<Entry> {
    let dtype = TYPES.iter().find(|(n, _)| *n == info.dtype);
    let foreign = FOREIGN.iter().find(|(n, _)| *n == info.dtype);
    let bits = match (dtype, foreign) {
        (Some((_, d)), _) => 8 * d.size() as u64,
        (None, Some((_, bits))) => *bits,
        (None, None) => {
            return Err(Error::invalid_argument(format!(
                "unknown type '{}'",
                info.dtype
            )));
        }
    };
    let dims: Vec<i64> = info
        .shape
        .iter()
        .map(|d| i64::try_from(*d))
        .collect::<Result<_, _>>()
        .map_err(|_| Error::invalid_argument("a dimension is too large"))?;
    let shape = Shape::new(&dims)?;
    let [begin, end] = info.data_offsets;
    let size = end
        .checked_sub(begin)
        .ok_or_else(|| Error::data_loss(format!("it ends at byte {end}, before its begin")))?;
    let wanted = (shape.elements() as u64)
        .checked_mul(bits)
        .filter(|b| b.is_multiple_of(8))
        .map(|b| b / 8);
    if wanted != Some(size) {
        return Err(Error::data_loss(format!(
            "{size} bytes do not hold {} {shape}",
            info.dtype
        )));
    }
    Ok(Entry {
        name: name.to_string(),
        dtype: match dtype {
            Some((_, d)) => Stored::Known(*d),
            None => Stored::Foreign(info.dtype),
        },
        shape,
        begin,
        size,
    })
}

/// Numbers of this machine as the format has them, or back.
fn to_little_endian(dtype: DType, bytes: &mut [u8]) {
    if cfg!(target_endian = "big") {
        let size = match dtype.is_complex() {
            true => dtype.size() / 2,
            false => dtype.size(),
        };
        bytes.chunks_exact_mut(size).for_each(|n| n.reverse());
    }
}

/// One tensor as the header has it.
#[derive(Deserialize)]
struct Info {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

/// The header: an object whose keys are all different.
struct Header {
    tensors: Vec<(String, Info)>,
    metadata: BTreeMap<String, String>,
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Header, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Header;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of tensors")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut header = Header {
                    tensors: Vec::new(),
                    metadata: BTreeMap::new(),
                };
                let mut seen = HashSet::new();
                while let Some(key) = map.next_key::<String>()? {
                    if !seen.insert(key.clone()) {
                        return Err(A::Error::custom(format!("the key '{key}' is there twice")));
                    }
                    match key.as_str() {
                        METADATA => header.metadata = map.next_value()?,
                        _ => header.tensors.push((key, map.next_value()?)),
                    }
                }
                Ok(header)
            }
        }
        d.deserialize_map(Keys)
    }
}

/// Replaces a safetensors file by tensors under their names. Those of the largest elements come first, so that all lie
/// at multiples of their size.
///
/// # Errors
/// `InvalidArgument` for a name that is there twice or reserved, and for a header that is too long; `Unimplemented`,
/// naming all of them, for tensors of types that the format lacks (strings, quantized types, complex128); what the file
/// system says.
pub fn write_safetensors(
    path: impl AsRef<Path>,
    tensors: &[(impl AsRef<str>, &Tensor)],
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    let type_name = |d: DType| TYPES.iter().find(|(_, t)| *t == d).map(|(n, _)| *n);
    let lacking: Vec<String> = tensors
        .iter()
        .filter(|(_, t)| type_name(t.dtype()).is_none())
        .map(|(n, t)| format!("{} ({})", n.as_ref(), t.dtype()))
        .collect();
    if !lacking.is_empty() {
        return Err(Error::unimplemented(format!(
            "safetensors has no type for {}",
            lacking.join(", ")
        )));
    }
    let mut ordered: Vec<(&str, &Tensor)> = tensors.iter().map(|(n, t)| (n.as_ref(), *t)).collect();
    ordered.sort_by(|a, b| {
        let size = |t: &Tensor| std::cmp::Reverse(t.dtype().size());
        (size(a.1), a.0).cmp(&(size(b.1), b.0))
    });
    let mut header = serde_json::Map::new();
    if !metadata.is_empty() {
        header.insert(METADATA.into(), serde_json::json!(metadata));
    }
    let mut begin = 0u64;
    for (name, tensor) in &ordered {
        let end = begin.saturating_add(tensor.byte_size() as u64);
        let info = serde_json::json!({
            "dtype": type_name(tensor.dtype()),
            "shape": tensor.shape().dims(),
            "data_offsets": [begin, end],
        });
        if *name == METADATA || header.insert(name.to_string(), info).is_some() {
            return Err(Error::invalid_argument(format!(
                "the name '{name}' is reserved or there twice"
            )));
        }
        begin = end;
    }
    let mut header = serde_json::Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(ALIGN), b' ');
    if header.len() as u64 > MAX_HEADER {
        return Err(Error::invalid_argument(format!(
            "a header of {} bytes is longer than {MAX_HEADER}",
            header.len()
        )));
    }
    let mut file = AtomicFile::create(path)?;
    file.append(&(header.len() as u64).to_le_bytes())?;
    file.append(&header)?;
    for (_, tensor) in ordered {
        if cfg!(target_endian = "big") {
            let mut bytes = tensor.bytes()?.to_vec();
            to_little_endian(tensor.dtype(), &mut bytes);
            file.append(&bytes)?;
        } else {
            file.append(tensor.bytes()?)?;
        }
    }
    file.commit()
}

#[cfg(test)]
#[path = "safetensors_tests.rs"]
mod tests;
