//! Definitions in files: the form is told by the content, and a file is replaced whole or not at all.

use super::{GraphDef, MetaGraphDef};
use crate::error::{Error, Result};
use crate::io::write_atomic;
use crate::proto::fields::check_size;
use crate::proto::schema::{self, Kind, Message};
use crate::proto::wire::{Raw, Reader};
use std::fs;
use std::path::Path;

/// The forms that a definition has in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The wire form, `.pb`.
    Binary,
    /// The text form, `.pbtxt`.
    Text,
    /// The JSON form, `.json`.
    Json,
}

impl Form {
    /// The form that a file's ending asks for; anything else is binary.
    pub fn of_path(path: &Path) -> Form {
        let ending = path
            .extension()
            .map(|e| e.to_string_lossy().to_ascii_lowercase());
        match ending.as_deref() {
            Some("pbtxt" | "textproto" | "prototxt" | "txt") => Form::Text,
            Some("json") => Form::Json,
            _ => Form::Binary,
        }
    }

    /// The form of a file by what is in it; by the ending where that does not tell.
    pub(super) fn of_content(m: &Message, bytes: &[u8], path: &Path) -> Form {
        if bytes.is_empty() {
            return Form::of_path(path);
        }
        if looks_binary(m, bytes) {
            return Form::Binary;
        }
        let first = bytes.iter().find(|b| !b.is_ascii_whitespace());
        match (std::str::from_utf8(bytes), first) {
            // Text with a byte that is none: the ending says what it was meant to be.
            (Err(_), Some(b)) if b.is_ascii_graphic() => Form::of_path(path),
            (Err(_), _) => Form::Binary,
            (Ok(_), Some(b'{')) => Form::Json,
            (Ok(_), Some(b)) if b.is_ascii_alphabetic() || *b == b'#' || *b >= 0x80 => Form::Text,
            _ => Form::of_path(path),
        }
    }
}

/// Whether the outermost fields are sound and, where the schema knows them, of the right wire type. Text is
/// never so: its letters would be wire types that do not fit or lengths beyond the end.
fn looks_binary(m: &Message, bytes: &[u8]) -> bool {
    let mut reader = Reader::new(bytes);
    loop {
        match reader.next_field() {
            Ok(None) => return true,
            Err(_) => return false,
            Ok(Some(f)) => {
                let fits = match (m.field(f.number).map(|f| f.kind), f.value) {
                    (None, Raw::Group) => false,
                    (None, _) => true,
                    (Some(Kind::Message(_) | Kind::String | Kind::Bytes), v) => {
                        matches!(v, Raw::Bytes(_))
                    }
                    (Some(_), v) => matches!(v, Raw::Varint(_)),
                };
                if !fits {
                    return false;
                }
            }
        }
    }
}

impl GraphDef {
    /// Reads a graph from a file of any form.
    ///
    /// # Errors
    /// What the file system says, with the path; `InvalidArgument` when the file holds no graph.
    pub fn read(path: impl AsRef<Path>) -> Result<GraphDef> {
        let path = path.as_ref();
        let bytes = read_file(path)?;
        let read = match Form::of_content(&schema::GRAPH_DEF, &bytes, path) {
            Form::Binary => GraphDef::from_pb(&bytes),
            Form::Text => utf8(&bytes).and_then(GraphDef::from_pbtxt),
            Form::Json => utf8(&bytes).and_then(GraphDef::from_json),
        };
        read.map_err(|e| e.context(format!("{}: ", path.display())))
    }

    /// Writes the graph to a file, in the form that its ending asks for. A crash leaves the old file or the new one.
    ///
    /// # Errors
    /// What the file system says, with the path; `InvalidArgument` for a graph of more than 2 GiB.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let bytes = match Form::of_path(path) {
            Form::Binary => self.to_pb(),
            Form::Text => self.to_pbtxt()?.into_bytes(),
            Form::Json => self.to_json()?.into_bytes(),
        };
        check_size("GraphDef", bytes.len())?;
        write_atomic(path, &bytes)
    }
}

impl MetaGraphDef {
    /// Reads a meta graph from a file of any form (a checkpoint's `.meta` is binary).
    ///
    /// # Errors
    /// As [`GraphDef::read`].
    pub fn read(path: impl AsRef<Path>) -> Result<MetaGraphDef> {
        let path = path.as_ref();
        let bytes = read_file(path)?;
        let read = match Form::of_content(&schema::META_GRAPH_DEF, &bytes, path) {
            Form::Binary => MetaGraphDef::from_pb(&bytes),
            Form::Text => utf8(&bytes).and_then(MetaGraphDef::from_pbtxt),
            Form::Json => utf8(&bytes).and_then(MetaGraphDef::from_json),
        };
        read.map_err(|e| e.context(format!("{}: ", path.display())))
    }

    /// Writes the meta graph to a file, in the form that its ending asks for, whole or not at all.
    ///
    /// # Errors
    /// As [`GraphDef::write`].
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let bytes = match Form::of_path(path) {
            Form::Binary => self.to_pb()?,
            Form::Text => self.to_pbtxt()?.into_bytes(),
            Form::Json => self.to_json()?.into_bytes(),
        };
        check_size("MetaGraphDef", bytes.len())?;
        write_atomic(path, &bytes)
    }
}

pub(super) fn utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|e| {
        Error::invalid_argument(format!(
            "the text is not UTF-8 from byte {} on",
            e.valid_up_to()
        ))
    })
}

pub(super) fn read_file(path: &Path) -> Result<Vec<u8>> {
    let at = |e: std::io::Error| Error::io(path, &e);
    let meta = fs::metadata(path).map_err(at)?;
    // A size beyond the address space is beyond the limit too.
    check_size(
        "A definition",
        usize::try_from(meta.len()).unwrap_or(usize::MAX),
    )
    .map_err(|e| e.context(format!("{}: ", path.display())))?;
    fs::read(path).map_err(at)
}
