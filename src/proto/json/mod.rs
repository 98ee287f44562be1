//! The JSON form of messages, protobuf's own mapping: `camelCase` names, 64-bit integers as strings, bytes in Base64.

mod base64;
mod read;
mod write;

use super::fields::{canonical, check_size};
use super::schema::Message;
use crate::error::{Error, Result};

pub(crate) use read::MessageSeed;
pub(crate) use write::MessageRef;

/// Prints an encoded message as JSON.
///
/// # Errors
/// `InvalidArgument` when `bytes` is no such message.
pub fn print(m: &'static Message, bytes: &[u8]) -> Result<String> {
    check_size(m.name, bytes.len())?;
    let message = MessageRef { m, bytes, depth: 0 };
    let mut text = serde_json::to_string_pretty(&message)
        .map_err(|e| Error::invalid_argument(format!("Error parsing {} proto: {e}", m.name)))?;
    text.push('\n');
    Ok(text)
}

/// Parses the JSON form of a message and gives its canonical encoding. Fields may have their names in text also.
///
/// # Errors
/// `InvalidArgument` "Error parsing JSON GraphDef: … at line 3 column 5".
pub fn parse(m: &'static Message, text: &str) -> Result<Vec<u8>> {
    canonical(m, &parse_unsorted(m, text)?)
}

/// As [`parse`], but with the fields in the order of the text: valid, not canonical.
pub(crate) fn parse_unsorted(m: &'static Message, text: &str) -> Result<Vec<u8>> {
    use serde::de::DeserializeSeed;
    check_size(m.name, text.len())?;
    let wrong = |e: serde_json::Error| {
        Error::invalid_argument(format!("Error parsing JSON {}: {e}", m.name))
    };
    let mut out = Vec::new();
    let mut json = serde_json::Deserializer::from_str(text);
    let seed = MessageSeed {
        m,
        out: &mut out,
        depth: 0,
    };
    seed.deserialize(&mut json).map_err(wrong)?;
    json.end().map_err(wrong)?;
    Ok(out)
}

#[cfg(test)]
mod tests;
