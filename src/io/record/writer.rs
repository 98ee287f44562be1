//! Writes TFRecord files.

use super::{Compression, HEADER};
use crate::io::crc;
use flate2::Compression as Level;
use flate2::write::{GzEncoder, ZlibEncoder};
use std::io::Write;

/// Writes records to a stream.
pub struct RecordWriter<W: Write>(Sink<W>);

enum Sink<W: Write> {
    Plain(W),
    Zlib(ZlibEncoder<W>),
    Gzip(GzEncoder<W>),
}

impl<W: Write> RecordWriter<W> {
    /// A writer onto `out`.
    pub fn new(out: W, compression: Compression) -> RecordWriter<W> {
        RecordWriter(match compression {
            Compression::None => Sink::Plain(out),
            Compression::Zlib => Sink::Zlib(ZlibEncoder::new(out, Level::default())),
            Compression::Gzip => Sink::Gzip(GzEncoder::new(out, Level::default())),
        })
    }

    pub(super) fn sink(&mut self) -> &mut dyn Write {
        match &mut self.0 {
            Sink::Plain(w) => w,
            Sink::Zlib(w) => w,
            Sink::Gzip(w) => w,
        }
    }

    /// Appends one record.
    ///
    /// # Errors
    /// What the stream says.
    pub fn write(&mut self, payload: &[u8]) -> std::io::Result<()> {
        let length = (payload.len() as u64).to_le_bytes();
        let mut header = [0u8; HEADER];
        header[..8].copy_from_slice(&length);
        header[8..].copy_from_slice(&crc::mask(crc::value(&length)).to_le_bytes());
        let footer = crc::mask(crc::value(payload)).to_le_bytes();
        let sink = self.sink();
        sink.write_all(&header)?;
        sink.write_all(payload)?;
        sink.write_all(&footer)
    }

    /// Brings what was written so far to the stream's own destination.
    ///
    /// # Errors
    /// What the stream says.
    pub fn flush(&mut self) -> std::io::Result<()> {
        self.sink().flush()
    }

    /// Ends the stream (a compressed one needs it) and gives back what it was written to.
    ///
    /// # Errors
    /// What the stream says.
    pub fn finish(self) -> std::io::Result<W> {
        let mut out = match self.0 {
            Sink::Plain(w) => w,
            Sink::Zlib(w) => w.finish()?,
            Sink::Gzip(w) => w.finish()?,
        };
        out.flush()?;
        Ok(out)
    }

    /// What it writes to.
    pub fn get_ref(&self) -> &W {
        match &self.0 {
            Sink::Plain(w) => w,
            Sink::Zlib(w) => w.get_ref(),
            Sink::Gzip(w) => w.get_ref(),
        }
    }
}
