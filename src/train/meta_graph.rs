//! A graph with its collections as a MetaGraphDef, and back.

use super::Saver;
use crate::def::{GRAPH_VERSION, MetaGraphDef};
use crate::error::{Code, Result};
use crate::graph::{Endpoint, Graph, Item, Node, NodeId, QueueRunnerInfo, VariableInfo};
use crate::io;
use crate::proto;
use crate::proto::collection_def::{BytesList, FloatList, Int64List, Kind, NodeList};
use prost::Message;
use std::path::Path;
use std::sync::Arc;

/// Writes the graph with its collections, and the saver's ops if one is given, to a `.meta` file.
///
/// # Errors
/// The graph's first mistake; what the file system says.
pub fn write_meta_graph(graph: &Graph, saver: Option<&Saver>, path: &Path) -> Result<()> {
    io::write_atomic(path, &write_meta_graph_bytes(graph, saver)?)
}

/// The serialized MetaGraphDef.
///
/// # Errors
/// The graph's first mistake.
pub fn write_meta_graph_bytes(graph: &Graph, saver: Option<&Saver>) -> Result<Vec<u8>> {
    meta_graph(graph, saver)?.to_pb()
}

/// The graph with its collections as a MetaGraphDef (TensorFlow's `export_meta_graph`).
///
/// # Errors
/// The graph's first mistake.
pub fn meta_graph(graph: &Graph, saver: Option<&Saver>) -> Result<MetaGraphDef> {
    let def = graph.export_with_shapes()?;
    let nodes = graph.nodes();
    let mut meta = proto::MetaGraphDef {
        meta_info_def: Some(proto::meta_graph_def::MetaInfoDef {
            tensorflow_version: "2.19.1".into(),
            tensorflow_git_version: format!(
                "tensorloom {} (graph version {GRAPH_VERSION})",
                env!("CARGO_PKG_VERSION")
            ),
            ..Default::default()
        }),
        saver_def: saver.map(saver_def),
        ..Default::default()
    };
    for name in graph.collection_names() {
        if let Some(kind) = collection(&graph.collection(&name), &nodes) {
            meta.collection_def
                .insert(name, proto::CollectionDef { kind: Some(kind) });
        }
    }
    for (name, entry) in graph.context_entries() {
        let entries = meta.collection_def.entry(name.into()).or_default();
        match &mut entries.kind {
            Some(Kind::BytesList(list)) => list.value.push(entry),
            kind => {
                let value = vec![entry];
                *kind = Some(Kind::BytesList(BytesList { value }));
            }
        }
    }
    Ok(MetaGraphDef::new(def, meta))
}

fn saver_def(saver: &Saver) -> proto::SaverDef {
    let options = saver.options();
    proto::SaverDef {
        filename_tensor_name: saver.filename_tensor.clone(),
        save_tensor_name: saver.save_tensor.clone(),
        restore_op_name: saver.restore_op.clone(),
        max_to_keep: i32::try_from(options.max_to_keep).unwrap_or(i32::MAX),
        sharded: false,
        keep_checkpoint_every_n_hours: options.keep_checkpoint_every.as_secs_f32() / 3600.0,
        version: proto::saver_def::CheckpointFormatVersion::V2 as i32,
    }
}

/// A collection's entries as one list; the kind of the first decides, others are left out.
fn collection(items: &[Item], nodes: &[Arc<Node>]) -> Option<Kind> {
    let node = |id: NodeId| nodes.get(id.number()).map(|n| n.name.clone());
    let output = |e: &Endpoint| nodes.get(e.node.number()).map(|n| n.output_name(e.port));
    Some(match items.first()? {
        Item::Output(_) | Item::Node(_) => Kind::NodeList(NodeList {
            value: items
                .iter()
                .filter_map(|i| match i {
                    Item::Output(e) => output(e),
                    Item::Node(id) => node(*id),
                    _ => None,
                })
                .collect(),
        }),
        Item::Variable(_) | Item::QueueRunner(_) | Item::Bytes(_) => Kind::BytesList(BytesList {
            value: items
                .iter()
                .filter_map(|i| match i {
                    Item::Variable(v) => Some(variable_def(v, &node, &output).encode_to_vec()),
                    Item::QueueRunner(q) => Some(queue_runner_def(q, &node).encode_to_vec()),
                    Item::Bytes(b) => Some(b.clone()),
                    _ => None,
                })
                .collect(),
        }),
        Item::Int(_) => Kind::Int64List(Int64List {
            value: items
                .iter()
                .filter_map(|i| if let Item::Int(v) = i { Some(*v) } else { None })
                .collect(),
        }),
        Item::Float(_) => Kind::FloatList(FloatList {
            value: items
                .iter()
                .filter_map(|i| {
                    if let Item::Float(v) = i {
                        Some(*v)
                    } else {
                        None
                    }
                })
                .collect(),
        }),
    })
}

fn variable_def(
    v: &VariableInfo,
    node: &dyn Fn(NodeId) -> Option<String>,
    output: &dyn Fn(&Endpoint) -> Option<String>,
) -> proto::VariableDef {
    let slice = v
        .slice
        .as_ref()
        .map(|(name, shape, offset)| proto::SaveSliceInfoDef {
            full_name: name.clone(),
            full_shape: shape.clone(),
            var_offset: offset.clone(),
            var_shape: v.shape.to_i64().unwrap_or_default(),
        });
    proto::VariableDef {
        variable_name: output(&v.handle).unwrap_or_default(),
        initializer_name: node(v.initializer).unwrap_or_default(),
        snapshot_name: output(&v.read).unwrap_or_default(),
        save_slice_info_def: slice,
        is_resource: v.is_resource,
        initial_value_name: output(&v.initial_value).unwrap_or_default(),
        trainable: v.trainable,
        ..Default::default()
    }
}

fn queue_runner_def(
    q: &QueueRunnerInfo,
    node: &dyn Fn(NodeId) -> Option<String>,
) -> proto::QueueRunnerDef {
    proto::QueueRunnerDef {
        queue_name: node(q.queue).unwrap_or_default(),
        enqueue_op_name: q.enqueue.iter().filter_map(|id| node(*id)).collect(),
        close_op_name: node(q.close).unwrap_or_default(),
        cancel_op_name: node(q.cancel).unwrap_or_default(),
        queue_closed_exception_types: q.closed_by.iter().map(|c: &Code| *c as i32).collect(),
    }
}
