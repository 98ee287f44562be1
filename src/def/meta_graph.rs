//! Meta graphs and saved models: a graph with its saver, collections, signatures and assets.

use super::GraphDef;
use super::attr_codec::nested;
use super::codec::{delimited, read_graph, write_graph};
use super::kept::Spelled;
use crate::error::{Error, Result};
use crate::proto::fields::check_size;
use crate::proto::schema::Message as Schema;
use crate::proto::wire::{Raw, Reader, put_tag, put_varint};
use crate::proto::{self, canonical, json, schema, text};
use prost::Message;
use std::collections::HashSet;

/// A graph with what is needed to use it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetaGraphDef {
    /// The graph.
    pub graph: GraphDef,
    /// Everything else: `meta_info_def`, `saver_def`, `collection_def`, `signature_def`, `asset_file_def`,
    /// `object_graph_def`. Its `graph_def` stays empty.
    pub meta: proto::MetaGraphDef,
    /// What `meta` was read from; written again as long as `meta` is still the same.
    kept: Spelled,
}

impl MetaGraphDef {
    /// A meta graph of your own.
    pub fn new(graph: GraphDef, meta: proto::MetaGraphDef) -> MetaGraphDef {
        MetaGraphDef {
            graph,
            meta,
            kept: Spelled::default(),
        }
    }

    /// Whether this crate may load it: the versions of the graph, and the op definitions that it brings along.
    ///
    /// # Errors
    /// Those of [`GraphDef::check_versions`]; `InvalidArgument` for an op defined twice or with an attribute
    /// or argument twice.
    pub fn check(&self) -> Result<()> {
        self.graph.check_versions()?;
        let ops = self
            .meta
            .meta_info_def
            .as_ref()
            .and_then(|i| i.stripped_op_list.as_ref());
        let mut names = HashSet::new();
        for op in ops.iter().flat_map(|l| &l.op) {
            let twice = |what: &str, name: &str| {
                Err(Error::invalid_argument(format!(
                    "Op '{}': {what} '{name}' is defined twice",
                    op.name
                )))
            };
            if !names.insert(&op.name) {
                return twice("op", &op.name);
            }
            let mut attrs = HashSet::new();
            if let Some(a) = op.attr.iter().find(|a| !attrs.insert(&a.name)) {
                return twice("attr", &a.name);
            }
            for args in [&op.input_arg, &op.output_arg] {
                let mut seen = HashSet::new();
                if let Some(a) = args.iter().find(|a| !seen.insert(&a.name)) {
                    return twice("argument", &a.name);
                }
            }
        }
        Ok(())
    }

    /// Reads the wire form.
    ///
    /// # Errors
    /// `InvalidArgument` "Error parsing MetaGraphDef proto: …" for anything that is no such message.
    pub fn from_pb(bytes: &[u8]) -> Result<MetaGraphDef> {
        check_size("MetaGraphDef", bytes.len())?;
        read(bytes).map_err(|e| e.context("Error parsing MetaGraphDef proto: "))
    }

    /// The wire form, maps sorted by key.
    ///
    /// # Errors
    /// `InvalidArgument` when something in `meta` is nested too deeply.
    pub fn to_pb(&self) -> Result<Vec<u8>> {
        let mut rest = self.kept.0.clone();
        if decode_meta(&rest).as_ref() != Ok(&self.meta) {
            let mut meta = self.meta.clone();
            meta.graph_def = None;
            rest = canonical(&schema::META_GRAPH_DEF, &meta.encode_to_vec())?;
        }
        // Field 1 comes before the graph, which is field 2.
        let mut reader = Reader::new(&rest);
        let mut split = 0;
        while let Some(f) = reader.next_field()? {
            if f.number == 1 {
                split = reader.position();
            }
        }
        let (info, after) = rest.split_at(split);
        let mut out = info.to_vec();
        nested(&mut out, 2, |out| write_graph(&self.graph, out));
        out.extend_from_slice(after);
        Ok(out)
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// As [`GraphDef::from_pbtxt`].
    pub fn from_pbtxt(pbtxt: &str) -> Result<MetaGraphDef> {
        MetaGraphDef::from_pb(&text::parse(&schema::META_GRAPH_DEF, pbtxt)?)
    }
    /// The text form.
    ///
    /// # Errors
    /// As [`MetaGraphDef::to_pb`].
    pub fn to_pbtxt(&self) -> Result<String> {
        text::print(&schema::META_GRAPH_DEF, &self.to_pb()?)
    }
    /// Reads the JSON form.
    ///
    /// # Errors
    /// As [`GraphDef::from_json`].
    pub fn from_json(json: &str) -> Result<MetaGraphDef> {
        MetaGraphDef::from_pb(&json::parse(&schema::META_GRAPH_DEF, json)?)
    }
    /// The JSON form.
    ///
    /// # Errors
    /// As [`MetaGraphDef::to_pb`].
    pub fn to_json(&self) -> Result<String> {
        json::print(&schema::META_GRAPH_DEF, &self.to_pb()?)
    }
}

fn decode_meta(bytes: &[u8]) -> Result<proto::MetaGraphDef, String> {
    proto::MetaGraphDef::decode(bytes).map_err(|e| e.to_string())
}

fn read(bytes: &[u8]) -> Result<MetaGraphDef> {
    let mut graph = Vec::new();
    let mut rest = Vec::new();
    let mut reader = Reader::new(bytes);
    while let Some(f) = reader.next_field()? {
        match f.number {
            // Messages merge when their encodings are joined.
            2 => graph.extend_from_slice(delimited(&f)?),
            _ => rest.extend_from_slice(f.whole),
        }
    }
    let rest = canonical(&schema::META_GRAPH_DEF, &rest)?;
    Ok(MetaGraphDef {
        graph: read_graph(&graph)?,
        meta: decode_meta(&rest).map_err(Error::invalid_argument)?,
        kept: Spelled(rest),
    })
}

/// The file `saved_model.pb`: meta graphs that share variables and assets.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedModel {
    /// The version of the format; 1 is the only one there is.
    pub schema_version: i64,
    /// The meta graphs, told apart by their tags.
    pub meta_graphs: Vec<MetaGraphDef>,
    /// Fields of newer versions that it was read with, written again; leave it to `Default` for one of your own.
    pub kept: Spelled,
}

impl Default for SavedModel {
    fn default() -> SavedModel {
        SavedModel {
            schema_version: 1,
            meta_graphs: Vec::new(),
            kept: Spelled::default(),
        }
    }
}

impl SavedModel {
    /// Reads the wire form.
    ///
    /// # Errors
    /// `InvalidArgument` "Error parsing SavedModel proto: …" for anything that is no such message.
    pub fn from_pb(bytes: &[u8]) -> Result<SavedModel> {
        const M: &Schema = &schema::SAVED_MODEL;
        check_size(M.name, bytes.len())?;
        let parse = || {
            let mut model = SavedModel {
                schema_version: 0,
                ..SavedModel::default()
            };
            let mut reader = Reader::new(bytes);
            while let Some(f) = reader.next_field()? {
                match (f.number, f.value) {
                    (1, Raw::Varint(v)) => model.schema_version = v as i64,
                    (2, Raw::Bytes(b)) => model.meta_graphs.push(read(b)?),
                    (1 | 2, _) => {
                        return Err(Error::invalid_argument(format!(
                            "field {} has another wire type",
                            f.number
                        )));
                    }
                    _ => model.kept.0.extend_from_slice(f.whole),
                }
            }
            Ok(model)
        };
        parse().map_err(|e: Error| e.context("Error parsing SavedModel proto: "))
    }

    /// The wire form.
    ///
    /// # Errors
    /// As [`MetaGraphDef::to_pb`].
    pub fn to_pb(&self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        if self.schema_version != 0 {
            put_tag(&mut out, 1, 0);
            put_varint(&mut out, self.schema_version as u64);
        }
        for m in &self.meta_graphs {
            proto::wire::put_bytes(&mut out, 2, &m.to_pb()?);
        }
        out.extend_from_slice(&self.kept.0);
        Ok(out)
    }

    /// Reads the text form (`saved_model.pbtxt`).
    ///
    /// # Errors
    /// As [`GraphDef::from_pbtxt`].
    pub fn from_pbtxt(pbtxt: &str) -> Result<SavedModel> {
        SavedModel::from_pb(&text::parse(&schema::SAVED_MODEL, pbtxt)?)
    }
    /// The text form.
    ///
    /// # Errors
    /// As [`MetaGraphDef::to_pb`].
    pub fn to_pbtxt(&self) -> Result<String> {
        text::print(&schema::SAVED_MODEL, &self.to_pb()?)
    }
    /// Reads the JSON form.
    ///
    /// # Errors
    /// As [`GraphDef::from_json`].
    pub fn from_json(json: &str) -> Result<SavedModel> {
        SavedModel::from_pb(&json::parse(&schema::SAVED_MODEL, json)?)
    }
    /// The JSON form.
    ///
    /// # Errors
    /// As [`MetaGraphDef::to_pb`].
    pub fn to_json(&self) -> Result<String> {
        json::print(&schema::SAVED_MODEL, &self.to_pb()?)
    }
}
