//! Writes checkpoints of the old format: one table that holds the values themselves.

use super::entry::encode_shape;
use super::slice::TensorSlice;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::io::atomic::write_atomic;
use crate::io::table::TableBuilder;
use crate::proto::{
    SavedSlice, SavedSliceMeta, SavedTensorSliceMeta, SavedTensorSlices, TensorProto, VersionDef,
};
use crate::shape::Shape;
use crate::tensor::Tensor;
use half::f16;
use num_complex::Complex;
use prost::Message;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Writes one file as the op Save does. It appears when the writer is finished, and not before.
///
/// ```
/// use tensorloom::{Tensor, io::{CheckpointReader, V1Writer}};
/// # let dir = std::env::temp_dir().join(format!("tensorloom-v1-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir).unwrap();
/// let mut writer = V1Writer::new(dir.join("model.ckpt"));
/// writer.add("w", &Tensor::from([1.0f32, 2.0])).unwrap();
/// writer.finish().unwrap();
/// let reader = CheckpointReader::open(dir.join("model.ckpt")).unwrap();
/// assert_eq!(reader.read("w").unwrap().data::<f32>().unwrap(), [1.0, 2.0]);
/// # std::fs::remove_dir_all(dir).unwrap();
/// ```
pub struct V1Writer {
    path: PathBuf,
    meta: Vec<SavedSliceMeta>,
    data: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl V1Writer {
    /// A checkpoint to be written to that file.
    pub fn new(path: impl AsRef<Path>) -> V1Writer {
        V1Writer {
            path: path.as_ref().to_path_buf(),
            meta: Vec::new(),
            data: BTreeMap::new(),
        }
    }

    /// Adds a tensor.
    ///
    /// # Errors
    /// As [`V1Writer::add_slice`].
    pub fn add(&mut self, name: &str, tensor: &Tensor) -> Result<()> {
        let full = TensorSlice::full(tensor.shape().rank());
        self.add_slice(name, tensor.shape(), &full, tensor)
    }

    /// Adds a part of a tensor.
    ///
    /// # Errors
    /// `InvalidArgument` for a part that is there already or does not fit; `Unimplemented` for types that the format
    /// does not know.
    pub fn add_slice(
        &mut self,
        name: &str,
        full_shape: &Shape,
        slice: &TensorSlice,
        tensor: &Tensor,
    ) -> Result<()> {
        let shape = slice.shape(full_shape)?;
        if shape != *tensor.shape() {
            return Err(Error::invalid_argument(format!(
                "Slice {slice} of shape {full_shape} does not match the shape of the tensor to save: {}",
                tensor.shape()
            )));
        }
        let data = values(tensor)?;
        let dtype = tensor.dtype() as i32;
        let whole = Some(encode_shape(full_shape));
        let at = match self.meta.iter().position(|m| m.name == name) {
            Some(i) => i,
            None => {
                self.meta.push(SavedSliceMeta {
                    name: name.to_string(),
                    shape: whole.clone(),
                    r#type: dtype,
                    slice: Vec::new(),
                });
                self.meta.len() - 1
            }
        };
        let meta = &mut self.meta[at];
        if meta.shape != whole || meta.r#type != dtype {
            return Err(Error::invalid_argument(format!(
                "Slices of tensor {name} differ in data type or full shape"
            )));
        }
        let entry = SavedTensorSlices {
            meta: None,
            data: Some(SavedSlice {
                name: name.to_string(),
                slice: Some(slice.to_proto()),
                data: Some(data),
            }),
        };
        let key = slice.key(name);
        if self.data.insert(key, entry.encode_to_vec()).is_some() {
            return Err(Error::invalid_argument(format!(
                "Adding duplicate key: {name} {slice}"
            )));
        }
        meta.slice.push(slice.to_proto());
        Ok(())
    }

    /// Writes the file.
    ///
    /// # Errors
    /// What the file system says; a file that was there before is then as it was.
    pub fn finish(self) -> Result<()> {
        let meta = SavedTensorSlices {
            meta: Some(SavedTensorSliceMeta {
                tensor: self.meta,
                versions: Some(VersionDef {
                    producer: 1,
                    ..Default::default()
                }),
            }),
            data: None,
        };
        let mut table = TableBuilder::new();
        table.add(b"", &meta.encode_to_vec())?;
        for (key, value) in &self.data {
            table.add(key, value)?;
        }
        write_atomic(&self.path, &table.finish())
    }
}

/// The elements in the list of their type, without type and shape.
fn values(t: &Tensor) -> Result<TensorProto> {
    let mut p = TensorProto::default();
    macro_rules! wide {
        ($t:ty) => {
            p.int_val = t.data::<$t>()?.iter().map(|v| i32::from(*v)).collect()
        };
    }
    match t.dtype() {
        DType::F32 => p.float_val = t.data::<f32>()?.to_vec(),
        DType::F64 => p.double_val = t.data::<f64>()?.to_vec(),
        DType::I32 => p.int_val = t.data::<i32>()?.to_vec(),
        DType::I64 => p.int64_val = t.data::<i64>()?.to_vec(),
        DType::Bool => p.bool_val = t.data::<bool>()?.to_vec(),
        DType::I8 => wide!(i8),
        DType::I16 => wide!(i16),
        DType::U8 => wide!(u8),
        DType::U16 => wide!(u16),
        DType::F16 => {
            let bits = t.data::<f16>()?.iter();
            p.half_val = bits.map(|v| i32::from(v.to_bits())).collect();
        }
        DType::C64 => {
            let parts = t.data::<Complex<f32>>()?.iter();
            p.scomplex_val = parts.flat_map(|v| [v.re, v.im]).collect();
        }
        DType::C128 => {
            let parts = t.data::<Complex<f64>>()?.iter();
            p.dcomplex_val = parts.flat_map(|v| [v.re, v.im]).collect();
        }
        DType::String => p.string_val = t.strings()?.iter().map(|s| s.to_vec()).collect(),
        other => {
            return Err(Error::unimplemented(format!(
                "Saving data type {other} not yet supported"
            )));
        }
    }
    Ok(p)
}
