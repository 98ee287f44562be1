//! Reads a tensor bundle: the index at once, tensors when asked for.

use super::codec::Stored;
use super::cover::{Piece, cover, insufficient};
use super::entry::{BundleEntry, Header, data_path, index_path};
use super::region::Region;
use super::slice::{SliceSpec, TensorSlice};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::io::file::ReadAt;
use crate::io::table::Table;
use crate::shape::Shape;
use crate::tensor::{Bytes, Tensor};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An open checkpoint. Cheap to open; any number of threads may read from it.
///
/// See [`BundleWriter`](super::BundleWriter) for an example.
pub struct BundleReader {
    prefix: PathBuf,
    /// The prefix in messages.
    shown: String,
    header: Header,
    /// Names of tensors and their entries as stored, ascending.
    entries: Vec<(String, Vec<u8>)>,
    /// Keys of stored slices and their entries, ascending.
    slices: Vec<(Vec<u8>, Vec<u8>)>,
    files: Mutex<HashMap<usize, Arc<ReadAt>>>,
}

impl BundleReader {
    /// Opens the bundle of that prefix (the path without `.index`).
    ///
    /// # Errors
    /// `NotFound` without an index; `DataLoss` when it is damaged; `InvalidArgument` when its version is too new.
    pub fn open(prefix: impl AsRef<Path>) -> Result<BundleReader> {
        let prefix = prefix.as_ref();
        let index = index_path(prefix);
        let corrupt = |e: Error, what: &str| {
            e.context(format!(
                "Unable to read file ({}). Perhaps the file is corrupt or was produced by a newer version of \
                 TensorFlow with format changes ({what}): ",
                index.display()
            ))
        };
        let table = Table::open(&index)?;
        let seek = "failed to seek to header entry";
        let header = table.get(b"").map_err(|e| corrupt(e, seek))?;
        let header = header.ok_or_else(|| corrupt(Error::data_loss("no such entry"), seek))?;
        let header = Header::decode(&header)?;
        let mut entries = Vec::new();
        let mut slices = Vec::new();
        let stored = table.entries();
        for (key, value) in stored.map_err(|e| corrupt(e, "failed to read the entries"))? {
            match key.first() {
                None => {}
                Some(0) => slices.push((key, value)),
                Some(_) => {
                    let name = String::from_utf8(key).map_err(|_| {
                        corrupt(
                            Error::data_loss("a key is not UTF-8"),
                            "failed to read the entries",
                        )
                    })?;
                    entries.push((name, value));
                }
            }
        }
        Ok(BundleReader {
            prefix: prefix.to_path_buf(),
            shown: prefix.display().to_string(),
            header,
            entries,
            slices,
            files: Mutex::new(HashMap::new()),
        })
    }

    /// The prefix.
    pub fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// The number of data files.
    pub fn shards(&self) -> usize {
        self.header.shards
    }

    /// The names of all tensors, ascending.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }

    /// Whether there is a tensor of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn find(&self, name: &str) -> Option<&[u8]> {
        let at = self.entries.binary_search_by(|(n, _)| n.as_str().cmp(name));
        at.ok()
            .and_then(|i| self.entries.get(i))
            .map(|(_, v)| &v[..])
    }

    /// Type, shape and place of a tensor.
    ///
    /// # Errors
    /// `NotFound` "Key … not found in checkpoint"; `DataLoss` or `InvalidArgument` when its entry makes no sense.
    pub fn entry(&self, name: &str) -> Result<BundleEntry> {
        let bytes = self.find(name).ok_or_else(|| not_found(name))?;
        BundleEntry::decode(name, bytes, self.header.shards)
    }

    /// The whole of a tensor, its checksum checked.
    ///
    /// # Errors
    /// As [`BundleReader::entry`]; `DataLoss` on a wrong checksum; `OutOfRange` when a data file is too short;
    /// `InvalidArgument` when stored slices do not make up the whole.
    pub fn read(&self, name: &str) -> Result<Tensor> {
        let entry = self.entry(name)?;
        self.read_part(name, &entry, &TensorSlice::full(entry.shape.rank()))
    }

    /// A part of a tensor. Only the part is held in memory, though all stored bytes it comes from are read and checked.
    ///
    /// # Errors
    /// As [`BundleReader::read`]; `InvalidArgument` when the slice does not fit the tensor.
    pub fn read_slice(&self, name: &str, slice: &TensorSlice) -> Result<Tensor> {
        let entry = self.entry(name)?;
        self.read_part(name, &entry, slice)
    }

    /// One output of RestoreV2: a tensor of that type, whole (`shape_and_slice` is empty) or in part.
    ///
    /// # Errors
    /// As [`BundleReader::read_slice`]; `InvalidArgument` when type or full shape is not the stored one.
    pub fn restore(&self, name: &str, shape_and_slice: &str, dtype: DType) -> Result<Tensor> {
        let entry = self.entry(name)?;
        if entry.dtype != dtype {
            return Err(Error::invalid_argument(format!(
                "tensor_name = {name}; expected dtype {dtype} does not equal original dtype {}",
                entry.dtype
            )));
        }
        if shape_and_slice.is_empty() {
            return self.read_part(name, &entry, &TensorSlice::full(entry.shape.rank()));
        }
        let spec = SliceSpec::parse(shape_and_slice)?;
        if spec.full_shape != entry.shape {
            return Err(Error::invalid_argument(format!(
                "tensor_name = {name}; shape in shape_and_slice spec {} does not match the shape stored in \
                 checkpoint: {}",
                spec.full_shape, entry.shape
            )));
        }
        self.read_part(name, &entry, &spec.slice)
    }

    /// Checks everything that is stored: for each tensor its bytes, or what is wrong with it.
    ///
    /// # Errors
    /// The list holds them.
    pub fn verify(&self) -> Vec<(String, Result<u64>)> {
        let check = |name: &str| -> Result<u64> {
            let entry = self.entry(name)?;
            if entry.slices.is_empty() {
                entry.check_size(name)?;
                self.with_stored(&entry, |s| s.verify())?;
                return Ok(entry.size);
            }
            let mut bytes = 0;
            let full = TensorSlice::full(entry.shape.rank());
            for part in self.parts(name, &entry, &full)? {
                self.with_stored(&part.entry, |s| s.verify())?;
                bytes += part.entry.size;
            }
            Ok(bytes)
        };
        self.keys().map(|k| (k.to_string(), check(k))).collect()
    }

    fn read_part(&self, name: &str, entry: &BundleEntry, slice: &TensorSlice) -> Result<Tensor> {
        let shape = slice.shape(&entry.shape)?;
        if entry.slices.is_empty() && shape == entry.shape {
            entry.check_size(name)?;
            return self.with_stored(entry, |s| s.tensor());
        }
        let wanted = slice.region(&entry.shape)?;
        let parts = self.parts(name, entry, slice)?;
        if entry.dtype == DType::String {
            let mut out: Vec<Option<Bytes>> = vec![None; shape.elements()];
            for part in parts {
                let strings = self.with_stored(&part.entry, |s| s.strings())?;
                for run in part.shared.runs(&part.region, &wanted) {
                    for i in 0..run.length {
                        if let Some(slot) = out.get_mut(run.to + i) {
                            *slot = strings.get(run.from + i).cloned();
                        }
                    }
                }
            }
            let strings: Option<Vec<Bytes>> = out.into_iter().collect();
            let strings = strings.ok_or_else(|| insufficient(name, slice))?;
            return Tensor::from_strings(shape, strings);
        }
        let mut tensor = Tensor::alloc(entry.dtype, shape)?;
        let out = tensor.bytes_mut()?;
        for part in &parts {
            let runs = part.shared.runs(&part.region, &wanted);
            self.with_stored(&part.entry, |s| s.copy(runs, out))?;
        }
        if let Some(part) = parts.first() {
            self.with_stored(&part.entry, |s| {
                s.settle(out);
                Ok(())
            })?;
        }
        Ok(tensor)
    }

    /// What is stored of a part of a tensor, all of it and nothing twice.
    fn parts(&self, name: &str, entry: &BundleEntry, slice: &TensorSlice) -> Result<Vec<Part>> {
        let whole = [TensorSlice::full(entry.shape.rank())];
        let stored = match entry.slices.is_empty() {
            true => &whole[..],
            false => &entry.slices[..],
        };
        let pieces = cover(name, &entry.shape, slice, stored)?;
        let part = |piece: Piece<'_>| {
            let entry = match piece.stored.is_full() {
                true => entry.clone(),
                false => {
                    let shape = piece.stored.shape(&entry.shape)?;
                    self.slice_entry(name, entry, piece.stored, &shape)?
                }
            };
            entry.check_size(name)?;
            Ok(Part {
                entry,
                region: piece.region,
                shared: piece.shared,
            })
        };
        pieces.into_iter().map(part).collect()
    }

    fn slice_entry(
        &self,
        name: &str,
        whole: &BundleEntry,
        slice: &TensorSlice,
        shape: &Shape,
    ) -> Result<BundleEntry> {
        let key = slice.key(name);
        let at = self.slices.binary_search_by(|(k, _)| k.cmp(&key)).ok();
        let shown = format!("{name} (slice {slice})");
        let found = at.and_then(|i| self.slices.get(i));
        let (_, bytes) = found.ok_or_else(|| not_found(&shown))?;
        let entry = BundleEntry::decode(&shown, bytes, self.header.shards)?;
        if entry.dtype != whole.dtype || entry.shape != *shape || !entry.slices.is_empty() {
            return Err(Error::invalid_argument(format!(
                "Entry for key {shown} does not fit its tensor: {} {} instead of {} {shape}",
                entry.dtype, entry.shape, whole.dtype
            )));
        }
        Ok(entry)
    }

    fn with_stored<T>(
        &self,
        entry: &BundleEntry,
        then: impl FnOnce(&Stored<'_>) -> Result<T>,
    ) -> Result<T> {
        let file = self.file(entry.shard)?;
        then(&Stored {
            file: &file,
            entry,
            big_endian: self.header.big_endian,
            prefix: &self.shown,
        })
    }

    fn file(&self, shard: usize) -> Result<Arc<ReadAt>> {
        let mut files = self.files.lock();
        if let Some(file) = files.get(&shard) {
            return Ok(file.clone());
        }
        let path = data_path(&self.prefix, shard, self.header.shards);
        let file = Arc::new(ReadAt::open(&path)?);
        files.insert(shard, file.clone());
        Ok(file)
    }
}

/// A stored slice (or the stored whole) that holds some of what is wanted.
struct Part {
    entry: BundleEntry,
    /// Where it lies in the tensor.
    region: Region,
    /// What of it is wanted.
    shared: Region,
}

fn not_found(name: &str) -> Error {
    Error::not_found(format!("Key {name} not found in checkpoint"))
}
