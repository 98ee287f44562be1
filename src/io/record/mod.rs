//! TFRecord files: length and payload, each with a masked checksum; plain or as one ZLIB or GZIP stream.

mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use reader::{RecordReader, open_stream};
pub use writer::RecordWriter;

use crate::error::{Error, Result};

/// Bytes before the payload: the length and its checksum.
const HEADER: usize = 12;
/// Bytes after the payload: its checksum.
const FOOTER: usize = 4;

/// How a whole stream is compressed (`compression_type` of the reader ops).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// As it is.
    #[default]
    None,
    /// A zlib stream.
    Zlib,
    /// A gzip file.
    Gzip,
}

impl Compression {
    /// The compression of that name: `""` (or `"NONE"`), `"ZLIB"`, `"GZIP"`.
    ///
    /// # Errors
    /// `InvalidArgument` for another name.
    pub fn from_name(name: &str) -> Result<Compression> {
        match name {
            "" | "NONE" => Ok(Compression::None),
            "ZLIB" => Ok(Compression::Zlib),
            "GZIP" => Ok(Compression::Gzip),
            _ => Err(Error::invalid_argument(format!(
                "Unsupported compression_type: {name}"
            ))),
        }
    }
}
