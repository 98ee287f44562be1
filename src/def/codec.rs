//! Graphs and nodes to and from their wire form, losing nothing.

use super::attr_codec::{nested, read_attr, write_attr, write_entry};
use super::kept::SpelledVersions;
use super::tensor::Budget;
use super::{GraphDef, Kept, NodeDef, VersionDef};
use crate::error::{Error, Result};
use crate::proto::fields::check_size;
use crate::proto::wire::{Raw, RawField, Reader, put_bytes, put_string};
use crate::proto::{self, canonical, schema};
use prost::Message;

/// The most nodes that a graph may have: an empty node takes two bytes of a file and over a hundred in memory.
const MAX_NODES: usize = 1 << 24;

impl GraphDef {
    /// Reads the wire form. Time and memory are linear in its size. Debug info, functions and unknown fields are
    /// kept; attributes that cannot be used become [`super::AttrValue::Invalid`].
    ///
    /// # Errors
    /// `InvalidArgument` "Error parsing GraphDef proto: …" for anything that is no such message.
    pub fn from_pb(bytes: &[u8]) -> Result<GraphDef> {
        check_size("GraphDef", bytes.len())?;
        read_graph(bytes).map_err(|e| e.context("Error parsing GraphDef proto: "))
    }

    /// The wire form: attributes sorted by key, as TensorFlow's deterministic serialization has them.
    pub fn to_pb(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write_graph(self, &mut out);
        out
    }
}

impl NodeDef {
    /// Reads the wire form of one node, as [`GraphDef::from_pb`] reads those of a graph.
    ///
    /// # Errors
    /// `InvalidArgument` "Error parsing NodeDef proto: …" for anything that is no such message.
    pub fn from_pb(bytes: &[u8]) -> Result<NodeDef> {
        check_size("NodeDef", bytes.len())?;
        read_node(bytes, &mut Budget::new()).map_err(|e| e.context("Error parsing NodeDef proto: "))
    }

    /// The wire form.
    pub fn to_pb(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write_node(self, &mut out);
        out
    }
}

pub(super) fn read_graph(bytes: &[u8]) -> Result<GraphDef> {
    let mut g = GraphDef::default();
    g.node
        .try_reserve_exact(count_nodes(bytes)?)
        .map_err(|e| Error::resource_exhausted(e.to_string()))?;
    let mut budget = Budget::new();
    let (mut versions, mut before, mut after) = (Vec::new(), Vec::new(), Vec::new());
    let mut reader = Reader::new(bytes);
    while let Some(f) = reader.next_field()? {
        match f.number {
            1 => g.node.push(read_node(delimited(&f)?, &mut budget)?),
            4 => versions.extend_from_slice(f.whole),
            2 | 3 => before.extend_from_slice(f.whole),
            _ => after.extend_from_slice(f.whole),
        }
    }
    if !before.is_empty() {
        before = canonical(&schema::GRAPH_DEF, &before)?;
    }
    if !after.is_empty() {
        after = canonical(&schema::GRAPH_DEF, &after)?;
    }
    if !versions.is_empty() {
        versions = canonical(&schema::GRAPH_DEF, &versions)?;
    }
    g.versions = read_versions(&versions, &before)?;
    let mut plain = Vec::new();
    write_versions(&g.versions, &mut plain);
    if plain != versions {
        g.kept.make().versions = Some(SpelledVersions {
            meaning: g.versions.clone(),
            raw: versions,
        });
    }
    if !before.is_empty() || !after.is_empty() {
        let kept = g.kept.make();
        kept.before = before;
        kept.fields = after;
    }
    Ok(g)
}

/// The number of nodes, found without reading them.
fn count_nodes(bytes: &[u8]) -> Result<usize> {
    let mut count = 0;
    let mut reader = Reader::new(bytes);
    while let Some(f) = reader.next_field()? {
        count += usize::from(f.number == 1);
    }
    if count > MAX_NODES {
        return Err(Error::resource_exhausted(format!(
            "{count} nodes are more than {MAX_NODES}"
        )));
    }
    Ok(count)
}

/// From field 4, or from field 3, which came before it in history.
fn read_versions(versions: &[u8], before: &[u8]) -> Result<VersionDef> {
    if versions.is_empty() {
        let legacy: proto::GraphDef = proto::decode("GraphDef", before)?;
        #[allow(deprecated)]
        let producer = legacy.version;
        return Ok(VersionDef {
            producer,
            ..VersionDef::default()
        });
    }
    let p: proto::GraphDef = proto::decode("GraphDef", versions)?;
    let v = p.versions.unwrap_or_default();
    Ok(VersionDef {
        producer: v.producer,
        min_consumer: v.min_consumer,
        bad_consumers: v.bad_consumers,
    })
}

pub(super) fn write_graph(g: &GraphDef, out: &mut Vec<u8>) {
    for node in &g.node {
        nested(out, 1, |out| write_node(node, out));
    }
    let kept = g.kept.get();
    if let Some(k) = kept {
        out.extend_from_slice(&k.before);
    }
    match kept.and_then(|k| k.versions.as_ref()) {
        Some(v) if v.meaning == g.versions => out.extend_from_slice(&v.raw),
        _ => write_versions(&g.versions, out),
    }
    if let Some(k) = kept {
        out.extend_from_slice(&k.fields);
    }
}

fn write_versions(v: &VersionDef, out: &mut Vec<u8>) {
    if *v != VersionDef::default() {
        let p = proto::VersionDef {
            producer: v.producer,
            min_consumer: v.min_consumer,
            bad_consumers: v.bad_consumers.clone(),
        };
        put_bytes(out, 4, &p.encode_to_vec());
    }
}

/// Reads one node; an error says which.
pub(super) fn read_node(bytes: &[u8], budget: &mut Budget) -> Result<NodeDef> {
    let mut n = NodeDef::default();
    read_node_fields(bytes, &mut n, budget).map_err(|e| match n.name.is_empty() {
        true => e,
        false => e.context(format!("node '{}': ", n.name)),
    })?;
    Ok(n)
}

fn read_node_fields(bytes: &[u8], n: &mut NodeDef, budget: &mut Budget) -> Result<()> {
    let mut others = Vec::new();
    let mut reader = Reader::new(bytes);
    while let Some(f) = reader.next_field()? {
        match f.number {
            1 => n.name = text(&f)?.to_string(),
            2 => n.op = text(&f)?.to_string(),
            3 => n.input.push(text(&f)?.to_string()),
            4 => n.device = text(&f)?.to_string(),
            5 => read_attr_entry(delimited(&f)?, n, budget)?,
            _ => others.extend_from_slice(f.whole),
        }
    }
    if !others.is_empty() {
        n.kept.make().fields = canonical(&schema::NODE_DEF, &others)?;
    }
    Ok(())
}

fn read_attr_entry(bytes: &[u8], n: &mut NodeDef, budget: &mut Budget) -> Result<()> {
    let mut key = "";
    let mut values: Vec<&[u8]> = Vec::new();
    let mut reader = Reader::new(bytes);
    while let Some(f) = reader.next_field()? {
        match f.number {
            1 => key = text(&f)?,
            2 => values.push(delimited(&f)?),
            _ => {}
        }
    }
    let joined;
    let raw = match values[..] {
        [] => &[],
        [one] => one,
        // Messages merge when their encodings are joined.
        _ => {
            joined = values.concat();
            &joined[..]
        }
    };
    let at = |e: Error| e.context(format!("attr '{key}': "));
    let value = read_attr(raw, budget).map_err(at)?;
    let mut plain = Vec::with_capacity(raw.len());
    write_attr(&mut plain, &value);
    if let Some(k) = n.kept.get_mut() {
        k.attrs.remove(key);
    }
    if plain != raw {
        let spelled = canonical(&schema::ATTR_VALUE, raw).map_err(at)?;
        if plain != spelled {
            n.kept.make().attrs.insert(key.to_string(), spelled);
        }
    }
    n.attr.insert(key.to_string(), value);
    Ok(())
}

pub(super) fn write_node(n: &NodeDef, out: &mut Vec<u8>) {
    put_string(out, 1, &n.name);
    put_string(out, 2, &n.op);
    for input in &n.input {
        put_bytes(out, 3, input.as_bytes());
    }
    put_string(out, 4, &n.device);
    for (key, value) in &n.attr {
        let spelled = n.kept.get().and_then(|k| k.attrs.get(key));
        // The file's own spelling stays as long as it means what the attribute now is.
        let same =
            spelled.filter(|raw| read_attr(raw, &mut Budget::new()).is_ok_and(|v| v == *value));
        write_entry(out, 5, key, |out| match same {
            Some(raw) => out.extend_from_slice(raw),
            None => write_attr(out, value),
        });
    }
    if let Some(k) = n.kept.get() {
        out.extend_from_slice(&k.fields);
    }
}

impl Kept {
    /// The content of the function library, when the graph has one.
    pub(super) fn library(&self) -> Result<Vec<u8>> {
        let mut library = Vec::new();
        let Some(k) = self.get() else {
            return Ok(library);
        };
        let mut reader = Reader::new(&k.before);
        while let Some(f) = reader.next_field()? {
            if f.number == 2 {
                library.extend_from_slice(delimited(&f)?);
            }
        }
        Ok(library)
    }

    /// Replaces the content of the function library.
    pub(super) fn set_library(&mut self, library: &[u8]) -> Result<()> {
        let mut before = Vec::new();
        if !library.is_empty() {
            put_bytes(&mut before, 2, library);
        }
        if let Some(k) = self.get() {
            let mut reader = Reader::new(&k.before);
            while let Some(f) = reader.next_field()? {
                if f.number != 2 {
                    before.extend_from_slice(f.whole);
                }
            }
        }
        if !before.is_empty() || !self.is_empty() {
            self.make().before = before;
        }
        Ok(())
    }
}

pub(super) fn delimited<'a>(f: &RawField<'a>) -> Result<&'a [u8]> {
    match f.value {
        Raw::Bytes(b) => Ok(b),
        _ => Err(Error::invalid_argument(format!(
            "field {} has another wire type",
            f.number
        ))),
    }
}

fn text<'a>(f: &RawField<'a>) -> Result<&'a str> {
    std::str::from_utf8(delimited(f)?)
        .map_err(|_| Error::invalid_argument(format!("field {} is not UTF-8", f.number)))
}
