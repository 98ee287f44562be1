//! A checkpoint of either format, as RestoreV2 reads it.

use super::entry::index_path;
use super::reader::BundleReader;
use super::slice::TensorSlice;
use super::v1::V1Reader;
use crate::dtype::DType;
use crate::error::{Code, Error, Result};
use crate::shape::Shape;
use crate::tensor::Tensor;
use std::path::Path;

/// An open checkpoint: a tensor bundle, or, where there is none of that prefix, a checkpoint of the old format.
pub struct CheckpointReader(Format);

enum Format {
    Bundle(BundleReader),
    V1(V1Reader),
}

impl CheckpointReader {
    /// Opens a checkpoint by its prefix; one of the old format by its path or a pattern of its shards' paths.
    ///
    /// # Errors
    /// `NotFound` when there is none; `DataLoss` when it is damaged.
    pub fn open(prefix: impl AsRef<Path>) -> Result<CheckpointReader> {
        let prefix = prefix.as_ref();
        Ok(CheckpointReader(match index_path(prefix).exists() {
            true => {
                let index = index_path(prefix);
                let bundle = BundleReader::open(prefix);
                Format::Bundle(bundle.map_err(|e| placed(e, &index.display().to_string()))?)
            }
            false => Format::V1(V1Reader::open(prefix)?),
        }))
    }

    /// The bundle, unless the checkpoint is of the old format.
    pub fn bundle(&self) -> Option<&BundleReader> {
        match &self.0 {
            Format::Bundle(r) => Some(r),
            Format::V1(_) => None,
        }
    }

    /// The names of all tensors, ascending.
    pub fn keys(&self) -> Vec<&str> {
        match &self.0 {
            Format::Bundle(r) => r.keys().collect(),
            Format::V1(r) => r.keys().collect(),
        }
    }

    /// Type and shape of a tensor.
    ///
    /// # Errors
    /// `NotFound` for another name; as [`BundleReader::entry`].
    pub fn dtype_and_shape(&self, name: &str) -> Result<(DType, Shape)> {
        match &self.0 {
            Format::Bundle(r) => r.entry(name).map(|e| (e.dtype, e.shape)),
            Format::V1(r) => r.dtype_and_shape(name),
        }
    }

    /// The slices in which a tensor is stored; none when it is stored whole.
    ///
    /// # Errors
    /// As [`CheckpointReader::dtype_and_shape`].
    pub fn slices(&self, name: &str) -> Result<Vec<TensorSlice>> {
        match &self.0 {
            Format::Bundle(r) => r.entry(name).map(|e| e.slices),
            Format::V1(r) => r.slices(name),
        }
    }

    /// Checks everything that is stored: for each tensor its bytes, or what is wrong with it.
    pub fn verify(&self) -> Vec<(String, Result<u64>)> {
        match &self.0 {
            Format::Bundle(r) => r.verify(),
            Format::V1(r) => r.verify(),
        }
    }

    /// The whole of a tensor.
    ///
    /// # Errors
    /// As [`BundleReader::read`].
    pub fn read(&self, name: &str) -> Result<Tensor> {
        match &self.0 {
            Format::Bundle(r) => r.read(name).map_err(|e| in_bundle(e, r, name)),
            Format::V1(r) => r.read_slice(name, None),
        }
    }

    /// A part of a tensor.
    ///
    /// # Errors
    /// As [`BundleReader::read_slice`].
    pub fn read_slice(&self, name: &str, slice: &TensorSlice) -> Result<Tensor> {
        match &self.0 {
            Format::Bundle(r) => r.read_slice(name, slice).map_err(|e| in_bundle(e, r, name)),
            Format::V1(r) => r.read_slice(name, Some(slice)),
        }
    }

    /// One output of RestoreV2.
    ///
    /// # Errors
    /// As [`BundleReader::restore`].
    pub fn restore(&self, name: &str, shape_and_slice: &str, dtype: DType) -> Result<Tensor> {
        match &self.0 {
            Format::Bundle(r) => r
                .restore(name, shape_and_slice, dtype)
                .map_err(|e| in_bundle(e, r, name)),
            Format::V1(r) => r.restore(name, shape_and_slice, dtype),
        }
    }
}

/// TensorFlow's texts say what is wrong with a file, but not always with which.
fn placed(e: Error, place: &str) -> Error {
    match e.code() {
        Code::DataLoss | Code::OutOfRange if !e.message().contains(place) => {
            e.context(format!("{place}: "))
        }
        _ => e,
    }
}

fn in_bundle(e: Error, bundle: &BundleReader, name: &str) -> Error {
    match e
        .message()
        .contains(&*bundle.prefix().display().to_string())
    {
        true => e,
        false => placed(
            e,
            &format!("tensor '{name}' of {}", bundle.prefix().display()),
        ),
    }
}
