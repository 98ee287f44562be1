//! What a file held beyond the fields of a definition, kept so that rewriting the file loses nothing.

use super::VersionDef;
use crate::error::Error;
use std::collections::BTreeMap;
use std::fmt;

/// Parts of a node or graph as the file spelled them: debug info, the function library, fields of newer
/// versions, unusual encodings of attributes. Takes no part in comparisons.
#[derive(Clone, Default)]
pub struct Kept(Option<Box<Inner>>);

#[derive(Clone, Default)]
pub(crate) struct Inner {
    /// Whole fields, tag included, that come before the versions of a graph.
    pub(crate) before: Vec<u8>,
    /// Whole fields that come last, unknown ones at the end.
    pub(crate) fields: Vec<u8>,
    /// The bytes of attributes that would be written differently.
    pub(crate) attrs: BTreeMap<String, Vec<u8>>,
    /// The versions of a graph, where they would be written differently.
    pub(crate) versions: Option<SpelledVersions>,
}

/// Versions as a file spelled them, and what that meant.
#[derive(Clone)]
pub(crate) struct SpelledVersions {
    pub(crate) meaning: VersionDef,
    pub(crate) raw: Vec<u8>,
}

/// Bytes that take no part in comparisons.
#[derive(Clone, Default)]
pub struct Spelled(pub(crate) Vec<u8>);

impl PartialEq for Spelled {
    /// Always true, as for [`Kept`].
    fn eq(&self, _: &Spelled) -> bool {
        true
    }
}

impl fmt::Debug for Spelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spelled({} bytes)", self.0.len())
    }
}

impl Kept {
    /// Whether there is nothing beyond the fields.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
    pub(crate) fn get(&self) -> Option<&Inner> {
        self.0.as_deref()
    }
    pub(crate) fn get_mut(&mut self) -> Option<&mut Inner> {
        self.0.as_deref_mut()
    }
    pub(crate) fn make(&mut self) -> &mut Inner {
        self.0.get_or_insert_default()
    }
}

impl PartialEq for Kept {
    /// Always true: two definitions that mean the same are equal however they were spelled.
    fn eq(&self, _: &Kept) -> bool {
        true
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("Kept"),
            Some(k) => write!(
                f,
                "Kept({} bytes, {} attrs)",
                k.before.len() + k.fields.len(),
                k.attrs.len()
            ),
        }
    }
}

/// An attribute value of a file that means nothing here: an unknown type, a malformed shape or tensor.
///
/// It is kept as it is; using it gives [`InvalidAttr::error`].
#[derive(Clone)]
pub struct InvalidAttr {
    pub(crate) kind: &'static str,
    pub(crate) error: Error,
    pub(crate) raw: Vec<u8>,
}

impl InvalidAttr {
    /// The kind that the file gives it (`type`, `tensor` …).
    pub fn kind(&self) -> &'static str {
        self.kind
    }
    /// Why it cannot be used.
    pub fn error(&self) -> &Error {
        &self.error
    }
}

impl PartialEq for InvalidAttr {
    fn eq(&self, other: &InvalidAttr) -> bool {
        self.raw == other.raw
    }
}

impl fmt::Debug for InvalidAttr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.kind, self.error.message())
    }
}
