//! Graphs as text and JSON, and serde for graphs.

use super::GraphDef;
use crate::error::Result;
use crate::proto::json::{MessageRef, MessageSeed};
use crate::proto::{json, schema, text};
use serde::de::{DeserializeSeed, Deserializer, Error as _};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

impl GraphDef {
    /// Reads the text form (`.pbtxt`).
    ///
    /// # Errors
    /// `InvalidArgument` "Error parsing text-format tensorflow.GraphDef: 3:5: …" with line and column.
    ///
    /// ```
    /// use tensorloom::def::GraphDef;
    /// let g = GraphDef::from_pbtxt("node { name: 'x' op: 'NoOp' }").unwrap();
    /// assert_eq!(g.node[0].op, "NoOp");
    /// assert!(GraphDef::from_pbtxt("node { nam: 'x' }").unwrap_err().message().contains("1:8: "));
    /// ```
    pub fn from_pbtxt(pbtxt: &str) -> Result<GraphDef> {
        GraphDef::from_pb(&text::parse_unsorted(&schema::GRAPH_DEF, pbtxt)?)
    }

    /// The text form, as TensorFlow's Python prints it. Fields of newer versions have no text and are left out.
    ///
    /// # Errors
    /// `InvalidArgument` when attributes of functions are nested beyond what protobuf reads.
    pub fn to_pbtxt(&self) -> Result<String> {
        text::print(&schema::GRAPH_DEF, &self.to_pb())
    }

    /// Reads the JSON form, protobuf's own mapping.
    ///
    /// # Errors
    /// `InvalidArgument` "Error parsing JSON GraphDef: … at line 3 column 5".
    pub fn from_json(json: &str) -> Result<GraphDef> {
        GraphDef::from_pb(&json::parse_unsorted(&schema::GRAPH_DEF, json)?)
    }

    /// The JSON form, protobuf's own mapping.
    ///
    /// # Errors
    /// As [`GraphDef::to_pbtxt`].
    pub fn to_json(&self) -> Result<String> {
        json::print(&schema::GRAPH_DEF, &self.to_pb())
    }
}

impl Serialize for GraphDef {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let message = MessageRef {
            m: &schema::GRAPH_DEF,
            bytes: &self.to_pb(),
            depth: 0,
        };
        message.serialize(s)
    }
}

impl<'de> Deserialize<'de> for GraphDef {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<GraphDef, D::Error> {
        let mut out = Vec::new();
        let seed = MessageSeed {
            m: &schema::GRAPH_DEF,
            out: &mut out,
            depth: 0,
        };
        seed.deserialize(d)?;
        GraphDef::from_pb(&out).map_err(|e| D::Error::custom(e.message()))
    }
}
