//! The protobuf messages of `graph_defs/proto` as Rust types, and their wire, text and JSON forms.

pub mod json;
pub mod schema;
pub mod text;
pub mod wire;

pub(crate) mod fields;

pub use fields::canonical;
pub use messages::*;

/// The types that prost generates. Maps are ordered by key, so that a message has one encoding.
mod messages {
    #![allow(missing_docs, rustdoc::all, clippy::all)]
    include!(concat!(env!("OUT_DIR"), "/tensorflow.rs"));
}

/// Messages within messages beyond this depth are refused (the limit of protobuf's own parsers).
pub const MAX_DEPTH: usize = 100;
/// A message may not have more bytes than this.
pub const MAX_BYTES: usize = i32::MAX as usize;

/// Decodes a message, with the error that a reader of files wants.
///
/// # Errors
/// `InvalidArgument` "Error parsing GraphDef proto: …".
pub fn decode<M: prost::Message + Default>(name: &str, bytes: &[u8]) -> crate::Result<M> {
    M::decode(bytes)
        .map_err(|e| crate::Error::invalid_argument(format!("Error parsing {name} proto: {e}")))
}
