//! Makes one bundle of several (MergeV2Checkpoints): data files are renamed, indexes are merged.

use super::entry::{Header, data_path, index_path};
use super::publish::{Staged, clean, publish};
use super::writer::{check_prefix, encode_index, make_folder};
use crate::error::{Error, Result};
use crate::io::atomic;
use crate::io::table::Table;
use crate::proto::BundleEntryProto;
use prost::Message;
use std::collections::HashMap;
use std::collections::btree_map::{BTreeMap, Entry};
use std::fs;
use std::path::{Path, PathBuf};

/// How bundles are merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MergeOptions {
    /// Whether to remove the folders of the inputs that are empty then (not that of the destination).
    pub delete_old_dirs: bool,
    /// Whether an input without an index is passed over.
    pub allow_missing_files: bool,
}

impl Default for MergeOptions {
    fn default() -> MergeOptions {
        MergeOptions {
            delete_old_dirs: true,
            allow_missing_files: false,
        }
    }
}

/// Merges bundles into one under `destination`; the inputs are gone afterwards.
///
/// # Errors
/// `InvalidArgument` for a tensor that is in two of them (slices of one tensor may be), for slices that disagree, for
/// inputs that differ in byte order or version, or when the destination is an input; `NotFound` for a missing file;
/// `DataLoss` for a damaged index. Nothing has changed then, unless renaming itself fails.
pub fn merge_bundles(
    prefixes: &[impl AsRef<Path>],
    destination: impl AsRef<Path>,
    options: MergeOptions,
) -> Result<()> {
    let destination = destination.as_ref();
    check_prefix(destination)?;
    let mut merged = Merged::default();
    let mut inputs: Vec<&Path> = Vec::new();
    for prefix in prefixes {
        let prefix = prefix.as_ref();
        if prefix == destination {
            return Err(Error::invalid_argument(format!(
                "Merging bundle {} into itself",
                prefix.display()
            )));
        }
        if options.allow_missing_files && !index_path(prefix).exists() {
            continue;
        }
        merged.add(prefix)?;
        inputs.push(prefix);
    }
    let Some(header) = merged.header else {
        return Err(Error::invalid_argument("No bundles to merge"));
    };
    for file in &merged.files {
        fs::metadata(file).map_err(|e| Error::io(file, &e))?;
    }
    make_folder(destination)?;
    let data = merged.files.into_iter().map(Staged::Moved).collect();
    let entries = merged.entries;
    publish(destination, data, &|shards| {
        let header = Header {
            shards,
            ..header.clone()
        };
        encode_index(&header, &entries)
    })?;
    // The merged bundle is there; what is left of the inputs is removed as far as it can be.
    for prefix in &inputs {
        let _ = fs::remove_file(index_path(prefix));
        clean(prefix, &[])?;
    }
    if options.delete_old_dirs {
        for prefix in &inputs {
            let folder = atomic::parent(prefix);
            if folder != atomic::parent(destination) {
                let _ = fs::remove_dir(folder);
            }
        }
    }
    Ok(())
}

/// What the indexes read so far amount to.
#[derive(Default)]
struct Merged {
    header: Option<Header>,
    entries: BTreeMap<Vec<u8>, BundleEntryProto>,
    /// The data files in the order of their first entry, which numbers them anew.
    files: Vec<PathBuf>,
}

impl Merged {
    fn add(&mut self, prefix: &Path) -> Result<()> {
        let table = Table::open(&index_path(prefix))?;
        let mut entries = table.entries()?.into_iter();
        let header = match entries.next() {
            Some((key, value)) if key.is_empty() => Header::decode(&value)?,
            _ => return Err(Error::data_loss("Bundle without a header")),
        };
        let first = self.header.get_or_insert_with(|| header.clone());
        if first.big_endian != header.big_endian {
            return Err(Error::invalid_argument(
                "Merging bundles with conflicting endianness; inputs corrupted?",
            ));
        }
        if first.version != header.version {
            return Err(Error::invalid_argument(format!(
                "Merging bundles with different format versions: merged {:?} vs. curr {:?}",
                first.version, header.version
            )));
        }
        let mut numbers: HashMap<usize, usize> = HashMap::new();
        for (key, value) in entries {
            let shown = String::from_utf8_lossy(&key).into_owned();
            let mut entry = BundleEntryProto::decode(&value[..])
                .map_err(|_| Error::data_loss(format!("Entry for key {shown} not parseable.")))?;
            match self.entries.entry(key) {
                Entry::Occupied(mut there) => {
                    let there = there.get_mut();
                    if there.slices.is_empty() || entry.slices.is_empty() {
                        return Err(Error::invalid_argument(format!(
                            "Duplicate tensor keyed by {shown} encountered, when merging prefix: {}",
                            prefix.display()
                        )));
                    }
                    if (there.dtype, &there.shape) != (entry.dtype, &entry.shape) {
                        return Err(Error::invalid_argument(format!(
                            "Slices of tensor {shown} differ in data type or full shape, when merging prefix: {}",
                            prefix.display()
                        )));
                    }
                    there.slices.append(&mut entry.slices);
                }
                Entry::Vacant(place) => {
                    let shard = usize::try_from(entry.shard_id).ok();
                    let shard = shard.filter(|s| *s < header.shards).ok_or_else(|| {
                        Error::data_loss(format!(
                            "Invalid shard in bundle entry: key {shown}; {}",
                            entry.shard_id
                        ))
                    })?;
                    let number = *numbers.entry(shard).or_insert_with(|| {
                        self.files.push(data_path(prefix, shard, header.shards));
                        self.files.len() - 1
                    });
                    entry.shard_id = number as i32;
                    place.insert(entry);
                }
            }
        }
        Ok(())
    }
}
