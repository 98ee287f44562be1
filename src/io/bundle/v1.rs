//! Reads checkpoints of the old format (before 2017): one table for each shard, which holds the values themselves.

use super::cover::{cover, insufficient};
use super::entry::shape_of;
use super::slice::{SliceSpec, TensorSlice};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::io::glob::matching_files;
use crate::io::table::Table;
use crate::proto::{SavedTensorSlices, TensorProto};
use crate::shape::Shape;
use crate::tensor::{Bytes, Tensor};
use half::f16;
use num_complex::Complex;
use prost::Message;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The version of the format that is read.
const VERSION: i32 = 1;

/// An open checkpoint of the old format.
pub(super) struct V1Reader {
    pattern: String,
    shards: Vec<(PathBuf, Table)>,
    tensors: BTreeMap<String, Saved>,
}

/// What is known of one tensor.
struct Saved {
    dtype: DType,
    shape: Shape,
    slices: Vec<TensorSlice>,
    /// The shard of each slice.
    shards: Vec<usize>,
}

impl V1Reader {
    /// Opens the files that match a path or pattern (`model-?????-of-00004`).
    pub(super) fn open(prefix: &Path) -> Result<V1Reader> {
        let pattern = prefix.to_string_lossy().into_owned();
        let none = || {
            Error::not_found(format!(
                "Unsuccessful TensorSliceReader constructor: Failed to find any matching files for {pattern}"
            ))
        };
        let mut paths: Vec<PathBuf> = match prefix.is_file() {
            true => vec![prefix.to_path_buf()],
            false => matching_files(&pattern)?
                .into_iter()
                .map(PathBuf::from)
                .collect(),
        };
        paths.retain(|p| p.is_file());
        if paths.is_empty() {
            return Err(none());
        }
        let mut reader = V1Reader {
            pattern,
            shards: Vec::new(),
            tensors: BTreeMap::new(),
        };
        for path in paths {
            reader.add(path)?;
        }
        Ok(reader)
    }

    fn add(&mut self, path: PathBuf) -> Result<()> {
        let shown = path.display().to_string();
        let unusable = |e: Error| {
            Error::data_loss(format!(
                "Unable to open table file {shown}: {}: perhaps your file is in a different file format and you need \
                 to use a different restore operator?",
                e.message()
            ))
        };
        let table = Table::open(&path).map_err(unusable)?;
        let meta = table.get(b"").map_err(unusable)?;
        let meta = meta.and_then(|m| SavedTensorSlices::decode(&m[..]).ok());
        let meta = meta.and_then(|m| m.meta).ok_or_else(|| {
            Error::data_loss(format!(
                "Failed to find the saved tensor slices at the beginning of the checkpoint file: {shown}"
            ))
        })?;
        let version = meta.versions.unwrap_or_default();
        if version.min_consumer > VERSION || version.bad_consumers.contains(&VERSION) {
            return Err(Error::invalid_argument(format!(
                "Checkpoint {shown} cannot be read by version {VERSION} of its format"
            )));
        }
        let shard = self.shards.len();
        for tensor in meta.tensor {
            let name = tensor.name;
            let dtype = DType::from_number(tensor.r#type).ok_or_else(|| {
                Error::invalid_argument(format!(
                    "Invalid data type of tensor {name} in {shown}: {}",
                    tensor.r#type
                ))
            })?;
            let shape = shape_of(&name, tensor.shape.as_ref())?;
            let slices = tensor.slice.iter().map(TensorSlice::from_proto);
            let slices = slices.collect::<Result<Vec<TensorSlice>>>()?;
            let saved = self.tensors.entry(name.clone()).or_insert_with(|| Saved {
                dtype,
                shape: shape.clone(),
                slices: Vec::new(),
                shards: Vec::new(),
            });
            if (saved.dtype, &saved.shape) != (dtype, &shape) {
                return Err(Error::invalid_argument(format!(
                    "Slices of tensor {name} differ in data type or full shape"
                )));
            }
            saved
                .shards
                .resize(saved.shards.len() + slices.len(), shard);
            saved.slices.extend(slices);
        }
        self.shards.push((path, table));
        Ok(())
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    fn find(&self, name: &str) -> Result<&Saved> {
        self.tensors.get(name).ok_or_else(|| {
            Error::not_found(format!(
                "Tensor name \"{name}\" not found in checkpoint files {}",
                self.pattern
            ))
        })
    }

    pub(super) fn dtype_and_shape(&self, name: &str) -> Result<(DType, Shape)> {
        let saved = self.find(name)?;
        Ok((saved.dtype, saved.shape.clone()))
    }

    /// The slices in which a tensor is stored; none when it is stored whole.
    pub(super) fn slices(&self, name: &str) -> Result<Vec<TensorSlice>> {
        let slices = &self.find(name)?.slices;
        Ok(match &slices[..] {
            [whole] if whole.is_full() => Vec::new(),
            _ => slices.clone(),
        })
    }

    /// Checks everything that is stored: for each tensor its bytes, or what is wrong with it.
    pub(super) fn verify(&self) -> Vec<(String, Result<u64>)> {
        let check = |name: &str, saved: &Saved| -> Result<u64> {
            let full = TensorSlice::full(saved.shape.rank());
            let mut bytes = 0;
            for piece in cover(name, &saved.shape, &full, &saved.slices)? {
                bytes += self.stored(name, saved, piece.stored)?.byte_size() as u64;
            }
            Ok(bytes)
        };
        let tensors = self.tensors.iter();
        tensors.map(|(n, s)| (n.clone(), check(n, s))).collect()
    }

    pub(super) fn read_slice(&self, name: &str, wanted: Option<&TensorSlice>) -> Result<Tensor> {
        let saved = self.find(name)?;
        let full = TensorSlice::full(saved.shape.rank());
        let wanted = wanted.unwrap_or(&full);
        let shape = wanted.shape(&saved.shape)?;
        let pieces = cover(name, &saved.shape, wanted, &saved.slices)?;
        let region = wanted.region(&saved.shape)?;
        if saved.dtype == DType::String {
            let mut out: Vec<Option<Bytes>> = Vec::new();
            for piece in pieces {
                let part = self.stored(name, saved, piece.stored)?;
                // What is stored bounds what is allocated.
                out.resize(shape.elements(), None);
                for run in piece.shared.runs(&piece.region, &region) {
                    let from = part.strings()?.get(run.from..run.from + run.length);
                    let to = out.get_mut(run.to..run.to + run.length);
                    if let (Some(from), Some(to)) = (from, to) {
                        to.iter_mut()
                            .zip(from)
                            .for_each(|(to, s)| *to = Some(s.clone()));
                    }
                }
            }
            let strings: Option<Vec<Bytes>> = out.into_iter().collect();
            let strings = strings.ok_or_else(|| insufficient(name, wanted))?;
            return Tensor::from_strings(shape, strings);
        }
        let parts = pieces.iter().map(|p| self.stored(name, saved, p.stored));
        let parts = parts.collect::<Result<Vec<Tensor>>>()?;
        let mut tensor = Tensor::alloc(saved.dtype, shape)?;
        let size = saved.dtype.size();
        let out = tensor.bytes_mut()?;
        for (piece, part) in pieces.iter().zip(&parts) {
            let bytes = part.bytes()?;
            for run in piece.shared.runs(&piece.region, &region) {
                let from = bytes.get(run.from * size..(run.from + run.length) * size);
                let to = out.get_mut(run.to * size..(run.to + run.length) * size);
                match (from, to) {
                    (Some(from), Some(to)) => to.copy_from_slice(from),
                    _ => return Err(Error::internal("a slice lies outside its tensor")),
                }
            }
        }
        Ok(tensor)
    }

    /// One stored slice.
    fn stored(&self, name: &str, saved: &Saved, slice: &TensorSlice) -> Result<Tensor> {
        let at = saved.slices.iter().position(|s| s == slice);
        let shard = at
            .and_then(|i| saved.shards.get(i))
            .and_then(|i| self.shards.get(*i));
        let missing = || {
            Error::not_found(format!(
                "Slice {slice} of tensor {name} not found in checkpoint"
            ))
        };
        let (path, table) = shard.ok_or_else(missing)?;
        let bytes = table.get(&slice.key(name))?.ok_or_else(missing)?;
        let entry = SavedTensorSlices::decode(&bytes[..])
            .ok()
            .and_then(|e| e.data);
        let bad = |what: &str| {
            Error::data_loss(format!(
                "{}: slice {slice} of tensor {name}: {what}",
                path.display()
            ))
        };
        let data = entry
            .and_then(|d| d.data)
            .ok_or_else(|| bad("not parseable"))?;
        let shape = slice.shape(&saved.shape)?;
        values(saved.dtype, &shape, &data)?.ok_or_else(|| bad("its values do not fill it"))
    }

    pub(super) fn restore(&self, name: &str, spec: &str, dtype: DType) -> Result<Tensor> {
        let saved = self.find(name)?;
        if saved.dtype != dtype {
            return Err(Error::invalid_argument(format!(
                "Expected to restore a tensor of type {dtype}, got a tensor of type {} instead: tensor_name = {name}",
                saved.dtype
            )));
        }
        if spec.is_empty() {
            return self.read_slice(name, None);
        }
        let spec = SliceSpec::parse(spec)?;
        if spec.full_shape != saved.shape {
            return Err(Error::invalid_argument(format!(
                "Shape in shape_and_slice spec does not match the shape in the save file: {}, save file shape: {}",
                spec.full_shape, saved.shape
            )));
        }
        self.read_slice(name, Some(&spec.slice))
    }
}

/// The tensor of a message that has neither type nor shape, only the list of its type; `None` when there are not as
/// many values as elements.
fn values(dtype: DType, shape: &Shape, data: &TensorProto) -> Result<Option<Tensor>> {
    fn tensor<T: crate::dtype::Element>(shape: &Shape, values: Vec<T>) -> Result<Option<Tensor>> {
        match values.len() == shape.elements() {
            true => Tensor::from_slice(shape, &values).map(Some),
            false => Ok(None),
        }
    }
    /// Narrow integers are stored as int32; the low bits count.
    macro_rules! narrow {
        ($t:ty) => {
            tensor(shape, data.int_val.iter().map(|v| *v as $t).collect())
        };
    }
    match dtype {
        DType::F32 => tensor(shape, data.float_val.clone()),
        DType::F64 => tensor(shape, data.double_val.clone()),
        DType::I32 => tensor(shape, data.int_val.clone()),
        DType::I64 => tensor(shape, data.int64_val.clone()),
        DType::U32 => tensor(shape, data.uint32_val.clone()),
        DType::U64 => tensor(shape, data.uint64_val.clone()),
        DType::Bool => tensor(shape, data.bool_val.clone()),
        DType::I8 => narrow!(i8),
        DType::I16 => narrow!(i16),
        DType::U8 => narrow!(u8),
        DType::U16 => narrow!(u16),
        DType::F16 => {
            let bits = data.half_val.iter().map(|v| f16::from_bits(*v as u16));
            tensor(shape, bits.collect())
        }
        DType::C64 => {
            let pairs = data.scomplex_val.chunks_exact(2);
            tensor(shape, pairs.map(|p| Complex::new(p[0], p[1])).collect())
        }
        DType::C128 => {
            let pairs = data.dcomplex_val.chunks_exact(2);
            tensor(shape, pairs.map(|p| Complex::new(p[0], p[1])).collect())
        }
        DType::String if data.string_val.len() == shape.elements() => {
            let strings = data.string_val.iter().map(|s| Bytes::from(&s[..]));
            Tensor::from_strings(shape.clone(), strings.collect()).map(Some)
        }
        DType::String => Ok(None),
        other => Err(Error::unimplemented(format!(
            "Restoring data type {other} not yet supported"
        ))),
    }
}
