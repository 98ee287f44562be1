//! Files and formats: atomic writes, TFRecord, tensor bundles, event files, NumPy files, PNG. No graph here.

mod atomic;
mod crc;
mod file;
mod glob;
mod record;
mod table;
#[cfg(test)]
pub(crate) mod testing;
mod varint;

pub use atomic::{AtomicFile, commit_all, write_atomic};
pub use glob::{matching_files, path_matches};
pub use record::{Compression, RecordReader, RecordWriter, open_stream};
