//! What a file held beyond the fields of a definition, kept so that rewriting the file loses nothing.

use crate::error::Error;
use std::collections::BTreeMap;
use std::fmt;

/// Parts of a node or graph as the file spelled them: debug info, the function library, fields of newer
/// versions, unusual encodings of attributes. Takes no part in comparisons.
#[derive(Clone, Default)]
pub struct Kept(Option<Box<Inner>>);

#[derive(Clone, Default)]
pub(crate) struct Inner {
    /// Whole fields, tag included, in the order of the file.
    pub(crate) fields: Vec<u8>,
    /// The original bytes of attributes that would be written differently.
    pub(crate) attrs: BTreeMap<String, Vec<u8>>,
}

impl Kept {
    /// Whether there is nothing beyond the fields.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
    pub(crate) fn get(&self) -> Option<&Inner> {
        self.0.as_deref()
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
            Some(k) => write!(f, "Kept({} bytes, {} attrs)", k.fields.len(), k.attrs.len()),
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
