//! What readers read: records of fixed length, lines, TFRecords, whole files, or the names themselves.

use super::Record;
use crate::error::{Error, Result};
use crate::io::{Compression, RecordReader, open_stream};
use crate::tensor::Bytes;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// A kind of reading: opened for one file after the other.
pub trait Source: Send {
    /// Begins with a file.
    ///
    /// # Errors
    /// What the file system says.
    fn open(&mut self, name: &Bytes) -> Result<()>;
    /// The next record; `None` at the end of the file.
    ///
    /// # Errors
    /// What the file system says; `DataLoss` for damaged records.
    fn next(&mut self) -> Result<Option<Record>>;
    /// Leaves the file.
    fn close(&mut self);
    /// Whether the open file is known to hold no further record.
    fn is_exhausted(&self) -> bool {
        false
    }
    /// Whether the state between files can be stored.
    fn can_store(&self) -> bool {
        false
    }
}

type Stream = BufReader<Box<dyn Read + Send>>;

fn path_of(name: &Bytes) -> Result<String> {
    String::from_utf8(name.to_vec())
        .map_err(|_| Error::invalid_argument("a file name is not valid UTF-8"))
}

fn open(name: &Bytes, compression: Compression) -> Result<(String, Stream)> {
    let path = path_of(name)?;
    let stream = open_stream(Path::new(&path), compression)?;
    Ok((path, BufReader::with_capacity(1 << 18, stream)))
}

fn key(name: &str, n: impl std::fmt::Display) -> Bytes {
    Bytes::from(format!("{name}:{n}").as_bytes())
}

/// Reads as many bytes as there are, up to the length of the buffer.
fn fill(stream: &mut Stream, name: &str, buffer: &mut [u8]) -> Result<usize> {
    let mut n = 0;
    while n < buffer.len() {
        match stream.read(&mut buffer[n..]) {
            Ok(0) => break,
            Ok(k) => n += k,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::io(Path::new(name), &e)),
        }
    }
    Ok(n)
}

/// Records of fixed length (op `FixedLengthRecordReaderV2`).
pub struct FixedLength {
    /// Bytes before the first record.
    pub header: usize,
    /// Bytes of a record; at least 1.
    pub record: usize,
    /// Bytes after the last record.
    pub footer: usize,
    /// Bytes from the start of one record to that of the next; 0: as many as a record has.
    pub hop: usize,
    /// How the file is compressed.
    pub compression: Compression,
    /// The open file.
    pub file: Option<FixedFile>,
}

/// The file that a [`FixedLength`] source reads.
pub struct FixedFile {
    name: String,
    stream: Stream,
    /// What was read from the start of the next record on.
    window: Vec<u8>,
    index: u64,
}

impl FixedFile {
    /// Skips bytes; false when the file ends before.
    fn skip(&mut self, count: usize) -> Result<bool> {
        let from_window = count.min(self.window.len());
        self.window.drain(..from_window);
        let mut left = (count - from_window) as u64;
        while left > 0 {
            let skipped = std::io::copy(&mut (&mut self.stream).take(left), &mut std::io::sink())
                .map_err(|e| Error::io(Path::new(&self.name), &e))?;
            if skipped == 0 {
                return Ok(false);
            }
            left -= skipped;
        }
        Ok(true)
    }
}

impl Source for FixedLength {
    fn open(&mut self, name: &Bytes) -> Result<()> {
        let (name, stream) = open(name, self.compression)?;
        let mut file = FixedFile {
            name,
            stream,
            window: Vec::new(),
            index: 0,
        };
        if !file.skip(self.header)? {
            return Err(Error::out_of_range("reached end of file"));
        }
        self.file = Some(file);
        Ok(())
    }
    fn next(&mut self) -> Result<Option<Record>> {
        let Some(f) = &mut self.file else {
            return Ok(None);
        };
        let needed = self
            .record
            .checked_add(self.footer)
            .ok_or_else(|| Error::invalid_argument("a record is too large"))?;
        // Grown as bytes arrive, so that a huge record size costs no more than the file has.
        while f.window.len() < needed {
            let start = f.window.len();
            let chunk = (needed - start).min(1 << 20);
            f.window.resize(start + chunk, 0);
            let n = fill(&mut f.stream, &f.name, &mut f.window[start..])?;
            f.window.truncate(start + n);
            if n < chunk {
                return Ok(None);
            }
        }
        let value = Bytes::from(&f.window[..self.record]);
        let record = (key(&f.name, f.index), value);
        f.index += 1;
        // Where the file ends within a hop, the next call finds that out.
        f.skip(if self.hop == 0 { self.record } else { self.hop })?;
        Ok(Some(record))
    }
    fn close(&mut self) {
        self.file = None;
    }
}

/// Lines (op `TextLineReaderV2`).
pub struct TextLine {
    /// Lines to skip at the beginning of each file.
    pub skip_header_lines: u64,
    /// Name, stream and line number of the open file.
    pub file: Option<(String, Box<dyn BufRead + Send>, u64)>,
}

impl Source for TextLine {
    fn open(&mut self, name: &Bytes) -> Result<()> {
        let (name, mut stream) = open(name, Compression::None)?;
        let mut number = 0;
        let mut line = Vec::new();
        while number < self.skip_header_lines {
            line.clear();
            let n = stream
                .read_until(b'\n', &mut line)
                .map_err(|e| Error::io(Path::new(&name), &e))?;
            if n == 0 {
                break;
            }
            number += 1;
        }
        self.file = Some((name, Box::new(stream), number));
        Ok(())
    }
    fn next(&mut self) -> Result<Option<Record>> {
        let Some((name, stream, number)) = &mut self.file else {
            return Ok(None);
        };
        let mut line = Vec::new();
        let n = stream
            .read_until(b'\n', &mut line)
            .map_err(|e| Error::io(Path::new(name.as_str()), &e))?;
        if n == 0 {
            return Ok(None);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
        }
        *number += 1;
        Ok(Some((key(name, *number), Bytes::from(line))))
    }
    fn close(&mut self) {
        self.file = None;
    }
}

/// TFRecords (op `TFRecordReaderV2`).
pub struct TfRecord {
    /// How the file is compressed.
    pub compression: Compression,
    /// The open file.
    pub file: Option<(String, RecordReader)>,
}

impl Source for TfRecord {
    fn open(&mut self, name: &Bytes) -> Result<()> {
        let name = path_of(name)?;
        let reader = RecordReader::open(&name, self.compression)?;
        self.file = Some((name, reader));
        Ok(())
    }
    fn next(&mut self) -> Result<Option<Record>> {
        let Some((name, reader)) = &mut self.file else {
            return Ok(None);
        };
        let offset = reader.offset();
        Ok(reader
            .read()?
            .map(|value| (key(name, offset), Bytes::from(value))))
    }
    fn close(&mut self) {
        self.file = None;
    }
}

/// Each file as one record (op `WholeFileReaderV2`). A file that cannot be read stays the current one.
#[derive(Default)]
pub struct WholeFile(Option<Bytes>);

impl Source for WholeFile {
    fn open(&mut self, name: &Bytes) -> Result<()> {
        self.0 = Some(name.clone());
        Ok(())
    }
    fn next(&mut self) -> Result<Option<Record>> {
        let Some(name) = &self.0 else {
            return Ok(None);
        };
        let path = path_of(name)?;
        let content = std::fs::read(&path).map_err(|e| Error::io(Path::new(&path), &e))?;
        Ok(self.0.take().map(|name| (name, Bytes::from(content))))
    }
    fn close(&mut self) {
        self.0 = None;
    }
    fn is_exhausted(&self) -> bool {
        self.0.is_none()
    }
    fn can_store(&self) -> bool {
        true
    }
}

/// The names themselves (op `IdentityReaderV2`).
#[derive(Default)]
pub struct Identity(Option<Bytes>);

impl Source for Identity {
    fn open(&mut self, name: &Bytes) -> Result<()> {
        self.0 = Some(name.clone());
        Ok(())
    }
    fn next(&mut self) -> Result<Option<Record>> {
        Ok(self.0.take().map(|name| (name.clone(), name)))
    }
    fn close(&mut self) {
        self.0 = None;
    }
    fn is_exhausted(&self) -> bool {
        self.0.is_none()
    }
    fn can_store(&self) -> bool {
        true
    }
}
