//! Reads TFRecord files.

use super::{Compression, FOOTER, HEADER};
use crate::error::{Error, Result};
use crate::io::crc;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// No deflate stream expands by more than this.
const MAX_EXPANSION: u64 = 1032;

/// Opens a file as a stream of its uncompressed bytes.
///
/// # Errors
/// What the file system says, as `<path>; <reason>`.
pub fn open_stream(
    path: impl AsRef<Path>,
    compression: Compression,
) -> Result<Box<dyn Read + Send>> {
    let path = path.as_ref();
    let file = open(path)?;
    Ok(decode(file, compression))
}

fn open(path: &Path) -> Result<File> {
    let at = |e: std::io::Error| Error::io(path, &e);
    let file = File::open(path).map_err(at)?;
    if file.metadata().map_err(at)?.is_dir() {
        return Err(Error::failed_precondition(format!(
            "{}; Is a directory",
            path.display()
        )));
    }
    Ok(file)
}

fn decode(file: File, compression: Compression) -> Box<dyn Read + Send> {
    let file = BufReader::with_capacity(256 << 10, file);
    match compression {
        Compression::None => Box::new(file),
        Compression::Zlib => Box::new(BufReader::new(ZlibDecoder::new(file))),
        Compression::Gzip => Box::new(BufReader::new(MultiGzDecoder::new(file))),
    }
}

/// Reads the records of a file in order.
///
/// ```
/// use tensorloom::io::{Compression, RecordReader, RecordWriter};
/// let mut bytes = Vec::new();
/// let mut writer = RecordWriter::new(&mut bytes, Compression::None);
/// writer.write(b"abc").unwrap();
/// writer.finish().unwrap();
/// let path = std::env::temp_dir().join(format!("tensorloom-record-doc-{}", std::process::id()));
/// std::fs::write(&path, bytes).unwrap();
/// let mut reader = RecordReader::open(&path, Compression::None).unwrap();
/// assert_eq!(reader.read().unwrap().as_deref(), Some(&b"abc"[..]));
/// assert_eq!(reader.read().unwrap(), None);
/// # std::fs::remove_file(path).unwrap();
/// ```
pub struct RecordReader {
    source: Source,
    path: PathBuf,
    compression: Compression,
    offset: u64,
    /// The size of the file when last looked at.
    size: u64,
    /// Whether the last failure was a file that ends within a record.
    truncated: bool,
}

enum Source {
    Plain(BufReader<File>),
    Stream(Box<dyn Read + Send>),
}

impl RecordReader {
    /// Opens a file at its first record.
    ///
    /// # Errors
    /// What the file system says (`NotFound "<path>; No such file or directory"`).
    pub fn open(path: impl AsRef<Path>, compression: Compression) -> Result<RecordReader> {
        let path = path.as_ref();
        let file = open(path)?;
        let size = file.metadata().map_err(|e| Error::io(path, &e))?.len();
        let source = match compression {
            Compression::None => Source::Plain(BufReader::with_capacity(256 << 10, file)),
            _ => Source::Stream(decode(file, compression)),
        };
        Ok(RecordReader {
            source,
            path: path.to_path_buf(),
            compression,
            offset: 0,
            size,
            truncated: false,
        })
    }

    /// Where the next record begins, in bytes of the uncompressed stream.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Goes to the record that begins at `offset` of the uncompressed stream.
    ///
    /// # Errors
    /// `OutOfRange` beyond the end; what the file system says.
    pub fn seek(&mut self, offset: u64) -> Result<()> {
        let at = |path: &Path, e: std::io::Error| Error::io(path, &e);
        match &mut self.source {
            Source::Plain(file) => {
                let size = file
                    .get_ref()
                    .metadata()
                    .map_err(|e| at(&self.path, e))?
                    .len();
                if offset > size {
                    return Err(Error::out_of_range("eof"));
                }
                file.seek(SeekFrom::Start(offset))
                    .map_err(|e| at(&self.path, e))?;
            }
            Source::Stream(stream) => {
                if offset < self.offset {
                    *stream = open_stream(&self.path, self.compression)?;
                    self.offset = 0;
                }
                let skip = offset - self.offset;
                let skipped = std::io::copy(&mut stream.take(skip), &mut std::io::sink())
                    .map_err(|e| broken(&self.path, self.offset, &e))?;
                if skipped < skip {
                    self.offset += skipped;
                    return Err(Error::out_of_range("eof"));
                }
            }
        }
        self.offset = offset;
        Ok(())
    }

    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// `DataLoss` ("truncated record at N", "corrupted record at N"). The reader then stays where it was, so a
    /// plain file that is still being written can be read on later.
    pub fn read(&mut self) -> Result<Option<Vec<u8>>> {
        let mut record = Vec::new();
        Ok(self.read_into(&mut record)?.then_some(record))
    }

    /// As [`RecordReader::read`]; a record that the end of the file cuts off counts as not there yet.
    ///
    /// # Errors
    /// `DataLoss` "corrupted record at N".
    pub fn read_complete(&mut self) -> Result<Option<Vec<u8>>> {
        match self.read() {
            Err(_) if self.truncated => Ok(None),
            other => other,
        }
    }

    /// As [`RecordReader::read`], into a buffer that is replaced; false at the end.
    ///
    /// # Errors
    /// As [`RecordReader::read`].
    pub fn read_into(&mut self, record: &mut Vec<u8>) -> Result<bool> {
        let start = self.offset;
        self.truncated = false;
        let result = self.read_here(record);
        if let (Err(_), Source::Plain(file)) = (&result, &mut self.source) {
            self.offset = start;
            file.seek(SeekFrom::Start(start))
                .map_err(|e| Error::io(&self.path, &e))?;
        }
        result
    }

    fn read_here(&mut self, record: &mut Vec<u8>) -> Result<bool> {
        let start = self.offset;
        let mut header = [0u8; HEADER];
        let got = self.fill(&mut header)?;
        if got == 0 {
            return Ok(false);
        }
        if got < HEADER {
            self.truncated = true;
            return Err(Error::data_loss(format!("truncated record at {start}")));
        }
        let (length, length_crc) = header.split_at(8);
        if !crc::agree(le32(length_crc), crc::mask(crc::value(length))) {
            let hint = match start {
                0 => " (Is this even a TFRecord file?)",
                _ => "",
            };
            return Err(Error::data_loss(format!(
                "corrupted record at {start}{hint}"
            )));
        }
        let length = length
            .iter()
            .rev()
            .fold(0u64, |n, b| n << 8 | u64::from(*b));
        // A length with a sound checksum may still be a lie: nothing is allocated that the file cannot fill.
        let truncated = || {
            Error::data_loss(format!(
                "truncated record at {start}' failed with Read less bytes than requested"
            ))
        };
        let mut bound = self.bound(start);
        if length.saturating_add(FOOTER as u64) > bound {
            // The file may have grown since.
            let meta = match &self.source {
                Source::Plain(file) => file.get_ref().metadata(),
                Source::Stream(_) => std::fs::metadata(&self.path),
            };
            self.size = meta.map_err(|e| Error::io(&self.path, &e))?.len();
            bound = self.bound(start);
        }
        let wanted = length.checked_add(FOOTER as u64).filter(|n| *n <= bound);
        record.clear();
        let wanted = match wanted {
            Some(n) if self.fill_vec(record, n)? == n => n,
            _ => {
                self.truncated = true;
                return Err(truncated());
            }
        };
        let payload = record.len() - FOOTER;
        let stored = le32(&record[payload..]);
        if !crc::agree(stored, crc::mask(crc::value(&record[..payload]))) {
            return Err(Error::data_loss(format!(
                "corrupted record at {}",
                start + HEADER as u64
            )));
        }
        record.truncate(payload);
        self.offset = start + HEADER as u64 + wanted;
        Ok(true)
    }

    /// The most bytes that can follow `start`.
    fn bound(&self, start: u64) -> u64 {
        match self.compression {
            Compression::None => self.size.saturating_sub(start),
            _ => self.size.saturating_mul(MAX_EXPANSION),
        }
    }

    /// Reads until `out` is full or the stream ends.
    fn fill(&mut self, out: &mut [u8]) -> Result<usize> {
        let mut got = 0;
        while got < out.len() {
            match self.stream().read(&mut out[got..]) {
                Ok(0) => break,
                Ok(n) => got += n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) if ends_early(&e) => break,
                Err(e) => return Err(broken(&self.path, self.offset, &e)),
            }
        }
        Ok(got)
    }

    /// Appends up to `wanted` bytes; memory grows with what really arrives.
    fn fill_vec(&mut self, out: &mut Vec<u8>, wanted: u64) -> Result<u64> {
        if let (Source::Plain(_), Ok(n)) = (&self.source, usize::try_from(wanted)) {
            out.try_reserve_exact(n).map_err(|_| {
                Error::resource_exhausted(format!("OOM when reading a record of {n} bytes"))
            })?;
        }
        match self.stream().take(wanted).read_to_end(out) {
            Ok(n) => Ok(n as u64),
            Err(e) if ends_early(&e) => Ok(out.len() as u64),
            Err(e) => Err(broken(&self.path, self.offset, &e)),
        }
    }

    fn stream(&mut self) -> &mut dyn Read {
        match &mut self.source {
            Source::Plain(file) => file,
            Source::Stream(stream) => stream,
        }
    }
}

impl std::fmt::Debug for RecordReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "RecordReader({} at {})",
            self.path.display(),
            self.offset
        )
    }
}

impl Iterator for RecordReader {
    type Item = Result<Vec<u8>>;
    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

fn ends_early(e: &std::io::Error) -> bool {
    e.kind() == std::io::ErrorKind::UnexpectedEof
}

/// A fault of the compressed stream is lost data; anything else is the file system's.
fn broken(path: &Path, offset: u64, e: &std::io::Error) -> Error {
    use std::io::ErrorKind as K;
    match e.kind() {
        K::InvalidInput | K::InvalidData | K::Other => {
            let path = path.display();
            Error::data_loss(format!(
                "{path}: inflate() failed behind byte {offset}: {e}"
            ))
        }
        _ => Error::io(path, e),
    }
}

fn le32(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0u32, |n, b| n << 8 | u32::from(*b))
}
