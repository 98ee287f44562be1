//! Graph definitions as data: nodes, attributes, graphs. No graph logic here.

mod attr;
mod attr_codec;
mod codec;
mod definition;
mod file;
mod forms;
mod function;
mod kept;
mod meta_graph;
mod shape;
mod tensor;
mod versions;

pub use attr::{AttrValue, TypeRef};
pub use attr_codec::attr_from_proto;
pub use definition::Definition;
pub use file::Form;
pub use function::{FunctionDef, FunctionLibrary, check_functions};
pub use kept::{InvalidAttr, Kept, Spelled};
pub use meta_graph::{MetaGraphDef, SavedModel};
pub use shape::{shape_from_proto, shape_to_proto};
pub use tensor::{tensor_from_proto, tensor_to_proto};

use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// A node as a file holds it: inputs by name, attributes by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeDef {
    /// The node's name, unique within its graph.
    pub name: String,
    /// The op type.
    pub op: String,
    /// `node`, `node:k` for output k, `^node` for a control input; control inputs come last.
    pub input: Vec<String>,
    /// The requested device, possibly partial or empty.
    pub device: String,
    /// The attributes.
    pub attr: BTreeMap<String, AttrValue>,
    /// What a file said besides; leave it to `Default` for a node of your own.
    pub kept: Kept,
}

/// The versions that a graph was made for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionDef {
    /// The version of the writer.
    pub producer: i32,
    /// The oldest reader that understands it.
    pub min_consumer: i32,
    /// Readers known to misread it.
    pub bad_consumers: Vec<i32>,
}

/// A whole graph as a file holds it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GraphDef {
    /// The nodes, in any order.
    pub node: Vec<NodeDef>,
    /// The versions.
    pub versions: VersionDef,
    /// What a file said besides: the function library, debug info.
    pub kept: Kept,
}

/// The graph version that this crate writes and reads (TensorFlow 2.19.1).
pub const GRAPH_VERSION: i32 = 2129;

/// One entry of [`NodeDef::input`], taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputRef<'a> {
    /// Output `1` of node `0`.
    Data(&'a str, usize),
    /// A control input from that node.
    Control(&'a str),
}

impl<'a> InputRef<'a> {
    /// Parses `node`, `node:k` or `^node`.
    ///
    /// # Errors
    /// `InvalidArgument` for an empty name or an output number that does not fit.
    pub fn parse(text: &'a str) -> Result<InputRef<'a>> {
        let bad = || Error::invalid_argument(format!("Malformed input name '{text}'"));
        if let Some(node) = text.strip_prefix('^') {
            return if node.is_empty() {
                Err(bad())
            } else {
                Ok(InputRef::Control(node))
            };
        }
        let (node, port) = match text.rsplit_once(':') {
            Some((node, digits))
                if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) =>
            {
                (node, digits.parse::<u32>().map_err(|_| bad())? as usize)
            }
            _ => (text, 0),
        };
        if node.is_empty() {
            Err(bad())
        } else {
            Ok(InputRef::Data(node, port))
        }
    }
}

#[cfg(test)]
mod tests;
