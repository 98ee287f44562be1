//! Reads event files.

use crate::error::{Error, Result};
use crate::io::record::{Compression, RecordReader};
use crate::proto::Event;
use prost::Message;
use std::fs;
use std::path::{Path, PathBuf};

/// The events of one file in order; see [`read_events`].
#[derive(Debug)]
pub struct EventReader {
    records: RecordReader,
    failed: bool,
}

/// Opens an event file.
///
/// The iterator ends where the file does; an event that is not whole yet ends it too, and calling `next` again later
/// goes on from there. After an error it has ended for good.
///
/// # Errors
/// What the file system says; the iterator's items are `DataLoss` for damaged records.
pub fn read_events(path: impl AsRef<Path>) -> Result<EventReader> {
    Ok(EventReader {
        records: RecordReader::open(path, Compression::None)?,
        failed: false,
    })
}

impl Iterator for EventReader {
    type Item = Result<Event>;
    fn next(&mut self) -> Option<Result<Event>> {
        if self.failed {
            return None;
        }
        let start = self.records.offset();
        let event = match self.records.read_complete() {
            Ok(None) => return None,
            Ok(Some(bytes)) => Event::decode(&bytes[..])
                .map_err(|e| Error::data_loss(format!("no event in the record at {start}: {e}"))),
            Err(e) => Err(e),
        };
        self.failed = event.is_err();
        Some(event)
    }
}

/// The event files of a folder (names that contain `tfevents`), in the order of their names; a file gives itself.
///
/// # Errors
/// What the file system says.
pub fn event_files(path: impl AsRef<Path>) -> Result<Vec<PathBuf>> {
    let path = path.as_ref();
    let at = |e: std::io::Error| Error::io(path, &e);
    if !fs::metadata(path).map_err(at)?.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(at)? {
        let path = entry.map_err(at)?.path();
        let name = path
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or_default();
        if name.contains("tfevents") && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
