//! Writes a tensor bundle as SaveV2 does, byte for byte.

use super::codec;
use super::entry::{Header, data_path, encode_shape};
use super::publish::{Staged, publish};
use super::slice::TensorSlice;
use crate::error::{Error, Result};
use crate::io::atomic::{self, AtomicFile};
use crate::io::crc;
use crate::io::table::TableBuilder;
use crate::proto::BundleEntryProto;
use crate::shape::Shape;
use crate::tensor::Tensor;
use prost::Message;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Writes the files of one checkpoint: `<prefix>.data-00000-of-00001` and `<prefix>.index`.
///
/// Nothing appears under these names before [`BundleWriter::finish`]; a writer dropped before that leaves nothing.
///
/// ```
/// use tensorloom::{Tensor, io::{BundleReader, BundleWriter}};
/// # let dir = std::env::temp_dir().join(format!("tensorloom-bundle-doc-{}", std::process::id()));
/// let prefix = dir.join("model.ckpt-1");
/// let mut writer = BundleWriter::new(&prefix).unwrap();
/// writer.add("w", &Tensor::from([1.0f32, 2.0])).unwrap();
/// writer.add("global_step", &Tensor::from(1i64)).unwrap();
/// writer.finish().unwrap();
///
/// let reader = BundleReader::open(&prefix).unwrap();
/// assert_eq!(reader.keys().collect::<Vec<_>>(), ["global_step", "w"]);
/// assert_eq!(reader.read("w").unwrap().data::<f32>().unwrap(), [1.0, 2.0]);
/// # std::fs::remove_dir_all(dir).unwrap();
/// ```
pub struct BundleWriter {
    prefix: PathBuf,
    data: AtomicFile,
    offset: u64,
    entries: BTreeMap<Vec<u8>, BundleEntryProto>,
}

impl BundleWriter {
    /// Starts a bundle. The folder of the prefix is made when only it is missing.
    ///
    /// # Errors
    /// What the file system says; `InvalidArgument` for a prefix without a name.
    pub fn new(prefix: impl AsRef<Path>) -> Result<BundleWriter> {
        let prefix = prefix.as_ref();
        check_prefix(prefix)?;
        make_folder(prefix)?;
        Ok(BundleWriter {
            data: AtomicFile::create(data_path(prefix, 0, 1))?,
            prefix: prefix.to_path_buf(),
            offset: 0,
            entries: BTreeMap::new(),
        })
    }

    /// Adds a tensor under a name.
    ///
    /// # Errors
    /// `InvalidArgument` "Adding duplicate key: …" for a name that is there already (the empty name always is);
    /// `Unimplemented` for resources; what the file system says.
    pub fn add(&mut self, name: &str, tensor: &Tensor) -> Result<()> {
        check_name(name)?;
        self.put(name.as_bytes().to_vec(), name, tensor)
    }

    /// Adds a part of a partitioned tensor. A part that is the whole is stored as [`BundleWriter::add`] does.
    ///
    /// # Errors
    /// As [`BundleWriter::add`]; `InvalidArgument` when the slice does not fit the full shape, when its shape is not
    /// the tensor's, or when parts of one tensor disagree on type or full shape.
    pub fn add_slice(
        &mut self,
        name: &str,
        full_shape: &Shape,
        slice: &TensorSlice,
        tensor: &Tensor,
    ) -> Result<()> {
        check_name(name)?;
        let shape = slice.shape(full_shape)?;
        if shape != *tensor.shape() {
            let dims: Vec<String> = full_shape.dims().iter().map(|d| d.to_string()).collect();
            return Err(Error::invalid_argument(format!(
                "Slice in shape_and_slice specification does not match the shape of the tensor to  save: {} {slice}, \
                 tensor: {}",
                dims.join(" "),
                tensor.shape()
            )));
        }
        if shape == *full_shape {
            return self.add(name, tensor);
        }
        let dtype = tensor.dtype() as i32;
        let whole = BundleEntryProto {
            dtype,
            shape: Some(encode_shape(full_shape)),
            ..Default::default()
        };
        let entry = self.entries.get(name.as_bytes());
        if let Some(entry) = entry {
            if entry.slices.is_empty() {
                return Err(duplicate(name));
            }
            if (entry.dtype, &entry.shape) != (dtype, &whole.shape) {
                return Err(Error::invalid_argument(format!(
                    "Slices of tensor {name} differ in data type or full shape"
                )));
            }
        }
        self.put(slice.key(name), name, tensor)?;
        let entry = self
            .entries
            .entry(name.as_bytes().to_vec())
            .or_insert(whole);
        entry.slices.push(slice.to_proto());
        Ok(())
    }

    fn put(&mut self, key: Vec<u8>, name: &str, tensor: &Tensor) -> Result<()> {
        if self.entries.contains_key(&key) {
            return Err(duplicate(name));
        }
        let data = &mut self.data;
        let (size, sum) = codec::write(tensor, &mut |bytes| data.append(bytes))?;
        let entry = BundleEntryProto {
            dtype: tensor.dtype() as i32,
            shape: Some(encode_shape(tensor.shape())),
            shard_id: 0,
            offset: self.offset as i64,
            size: size as i64,
            crc32c: crc::mask(sum),
            slices: Vec::new(),
        };
        self.offset += size;
        self.entries.insert(key, entry);
        Ok(())
    }

    /// Makes the bundle appear: data first, index last.
    ///
    /// # Errors
    /// What the file system says; an earlier bundle of this name is then as it was.
    pub fn finish(self) -> Result<()> {
        let mut data = self.data;
        data.sync()?;
        let entries = self.entries;
        let index = |shards| encode_index(&Header::new(shards), &entries);
        publish(&self.prefix, vec![Staged::Fresh(data)], &index)
    }
}

/// The bytes of an index file.
pub(super) fn encode_index(
    header: &Header,
    entries: &BTreeMap<Vec<u8>, BundleEntryProto>,
) -> Result<Vec<u8>> {
    let mut table = TableBuilder::new();
    table.add(b"", &header.encode())?;
    for (key, entry) in entries {
        table.add(key, &entry.encode_to_vec())?;
    }
    Ok(table.finish())
}

fn duplicate(name: &str) -> Error {
    Error::invalid_argument(format!("Adding duplicate key: {name}"))
}

/// The empty key is the header's, and keys that begin with NUL are those of slices.
fn check_name(name: &str) -> Result<()> {
    match name.as_bytes().first() {
        None => Err(duplicate(name)),
        Some(0) => Err(Error::invalid_argument(format!(
            "A tensor name must not begin with NUL: {name:?}"
        ))),
        Some(_) => Ok(()),
    }
}

pub(super) fn check_prefix(prefix: &Path) -> Result<()> {
    let named = prefix.file_name().is_some();
    let text = prefix.to_str().filter(|p| !p.ends_with('/'));
    match text {
        Some(_) if named => Ok(()),
        _ => Err(Error::invalid_argument(format!(
            "A checkpoint prefix must be a path that ends in a name: {}",
            prefix.display()
        ))),
    }
}

/// Makes the folder of a prefix, one level only.
pub(super) fn make_folder(prefix: &Path) -> Result<()> {
    let folder = atomic::parent(prefix);
    match std::fs::create_dir(folder) {
        Ok(()) => Ok(()),
        Err(_) if folder.is_dir() => Ok(()),
        Err(e) => Err(Error::io(folder, &e)),
    }
}
