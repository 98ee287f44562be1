//! Files and formats: atomic writes, TFRecord, tensor bundles, event files, NumPy files, PNG. No graph here.

mod atomic;
mod bundle;
mod crc;
mod file;
mod glob;
mod record;
mod table;
#[cfg(test)]
pub(crate) mod testing;
mod varint;

pub use atomic::{AtomicFile, commit_all, write_atomic};
pub use bundle::{
    BundleEntry, BundleReader, BundleWriter, Extent, MergeOptions, SliceSpec, TensorSlice,
    merge_bundles,
};
pub use glob::{matching_files, path_matches};
pub use record::{Compression, RecordReader, RecordWriter, open_stream};
