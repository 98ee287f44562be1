//! A file read at any place by any number of threads, its size known.

use crate::error::{Error, Result};
use std::fs::File;
use std::path::{Path, PathBuf};

/// An open file for reads at offsets; all reads are checked against its size when opened.
#[derive(Debug)]
pub(crate) struct ReadAt {
    file: File,
    path: PathBuf,
    size: u64,
}

impl ReadAt {
    /// Opens a file.
    pub(crate) fn open(path: &Path) -> Result<ReadAt> {
        let at = |e: std::io::Error| Error::io(path, &e);
        let file = File::open(path).map_err(at)?;
        let meta = file.metadata().map_err(at)?;
        if meta.is_dir() {
            return Err(Error::failed_precondition(format!(
                "{}; Is a directory",
                path.display()
            )));
        }
        Ok(ReadAt {
            file,
            path: path.to_path_buf(),
            size: meta.len(),
        })
    }

    /// The size in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Whether bytes `offset..offset + len` lie within the file.
    pub(crate) fn holds(&self, offset: u64, len: u64) -> bool {
        offset.checked_add(len).is_some_and(|end| end <= self.size)
    }

    /// Fills `out` from `offset` on; `OutOfRange` when the file ends before.
    pub(crate) fn read_exact(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        if !self.holds(offset, out.len() as u64) {
            return Err(short_read());
        }
        match exact(&self.file, offset, out) {
            Ok(()) => Ok(()),
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => Err(short_read()),
            Err(e) => Err(Error::io(&self.path, &e)),
        }
    }

    /// The bytes `offset..offset + len`; nothing is allocated when the file is shorter.
    pub(crate) fn read(&self, offset: u64, len: u64) -> Result<Vec<u8>> {
        if !self.holds(offset, len) {
            return Err(short_read());
        }
        let mut out = Vec::new();
        let len = usize::try_from(len).map_err(|_| short_read())?;
        out.try_reserve_exact(len).map_err(|_| {
            Error::resource_exhausted(format!("OOM when reading {len} bytes of a file"))
        })?;
        out.resize(len, 0);
        self.read_exact(offset, &mut out)?;
        Ok(out)
    }
}

/// TensorFlow's words for a file that ends too soon.
pub(crate) fn short_read() -> Error {
    Error::out_of_range("Read less bytes than requested")
}

#[cfg(unix)]
fn exact(file: &File, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, out, offset)
}

#[cfg(windows)]
fn exact(file: &File, mut offset: u64, mut out: &mut [u8]) -> std::io::Result<()> {
    while !out.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, out, offset)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            n => {
                out = &mut out[n..];
                offset += n as u64;
            }
        }
    }
    Ok(())
}
