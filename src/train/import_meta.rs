//! A MetaGraphDef brought into a graph: its nodes, its collections, its saver.

use super::Saver;
use super::import_scope::ImportScope;
use crate::def::MetaGraphDef;
use crate::dtype::DType;
use crate::error::{Code, Error, Result};
use crate::graph::{
    Endpoint, Graph, ImportOptions, Imported, Item, NodeId, Output, QueueRunnerInfo, VariableInfo,
    keys,
};
use crate::proto;
use crate::proto::collection_def::Kind;
use prost::Message;

/// The collections whose entries are variables.
pub(super) const VARIABLES: &[&str] = &[
    keys::GLOBAL_VARIABLES,
    keys::LOCAL_VARIABLES,
    keys::TRAINABLE_VARIABLES,
    keys::MOVING_AVERAGE_VARIABLES,
    keys::GLOBAL_STEP,
    "model_variables",
    "metric_variables",
    "concatenated_variables",
];

/// Inputs that a part of a larger graph lacks; they must be mapped.
const UNBOUND_INPUTS: &str = "unbound_inputs";

/// How to import a meta graph. The default keeps all names.
#[derive(Clone, Default)]
pub struct MetaImportOptions<'g> {
    /// The name scope of the new nodes, and of all names in collections; as [`ImportOptions::prefix`].
    pub import_scope: String,
    /// As [`ImportOptions::input_map`].
    pub input_map: Vec<(String, Output<'g>)>,
    /// As [`ImportOptions::return_elements`].
    pub return_elements: Vec<String>,
    /// The devices that nodes ask for are forgotten.
    pub clear_devices: bool,
}

/// Adds the nodes and collections of a meta graph to a graph (TensorFlow's `import_meta_graph`); gives its saver, if it
/// has one. Names stay as they are. Collections of kinds that are not known here are kept as bytes.
///
/// # Errors
/// Those of [`MetaGraphDef::check`] and [`Graph::import`]; `NotFound` for a collection or saver that names a node which
/// is not there; `InvalidArgument` for an entry that is malformed. No node is added when the graph itself does not fit.
pub fn import_meta_graph(graph: &Graph, meta: &MetaGraphDef) -> Result<Option<Saver>> {
    import_meta_graph_with(graph, meta, &MetaImportOptions::default()).map(|(saver, _)| saver)
}

/// As [`import_meta_graph`], into a name scope, with inputs mapped; gives the saver and what was wanted.
///
/// # Errors
/// As there; `InvalidArgument` when the inputs of the collection `unbound_inputs` are not those that are mapped.
pub fn import_meta_graph_with<'g>(
    graph: &'g Graph,
    meta: &MetaGraphDef,
    options: &MetaImportOptions<'g>,
) -> Result<(Option<Saver>, Imported<'g>)> {
    meta.check()?;
    check_unbound(meta, &options.input_map)?;
    let info = meta.meta.meta_info_def.as_ref();
    let import = ImportOptions {
        prefix: options.import_scope.clone(),
        input_map: options.input_map.clone(),
        return_elements: options.return_elements.clone(),
        producer_ops: info.and_then(|i| i.stripped_op_list.clone()),
        partial: false,
    };
    let imported = match options.clear_devices {
        false => graph.import(&meta.graph, &import)?,
        true => {
            let mut def = meta.graph.clone();
            def.node.iter_mut().for_each(|n| n.device.clear());
            graph.import(&def, &import)?
        }
    };
    let scope = ImportScope(&imported.prefix);
    let mut names: Vec<&String> = meta.meta.collection_def.keys().collect();
    names.sort();
    for name in names.into_iter().filter(|n| *n != UNBOUND_INPUTS) {
        let at = |e: Error| e.context(format!("collection '{name}': "));
        let items = meta.meta.collection_def.get(name);
        let kind = items.and_then(|c| c.kind.clone());
        let kind = kind.map(|k| scope.collection(name, k)).transpose();
        let kind = kind.map_err(at)?;
        if [keys::COND_CONTEXT, keys::WHILE_CONTEXT].contains(&name.as_str())
            && let Some(Kind::BytesList(list)) = &kind
        {
            // Not a collection of the graph: nodes stand in their contexts.
            let add = |b: &Vec<u8>| graph.add_context_entry(name, b);
            list.value.iter().try_for_each(add).map_err(at)?;
            continue;
        }
        for item in entries(graph, name, kind.as_ref()).map_err(at)? {
            if let (Item::Variable(v), keys::GLOBAL_VARIABLES) = (&item, name.as_str()) {
                graph.register_variable(v.clone());
            }
            graph.add_to_collection(name, item);
        }
    }
    let saver = meta.meta.saver_def.clone();
    let saver = saver
        .filter(|s| !s.restore_op_name.is_empty() || !s.save_tensor_name.is_empty())
        .map(|s| Saver::from_def(graph, &scope.saver(s)))
        .transpose()?;
    Ok((saver, imported))
}

fn check_unbound(meta: &MetaGraphDef, map: &[(String, Output<'_>)]) -> Result<()> {
    let unbound = meta.meta.collection_def.get(UNBOUND_INPUTS);
    let names: Vec<String> = match unbound.and_then(|c| c.kind.as_ref()) {
        Some(Kind::BytesList(l)) => {
            let text = |b: &Vec<u8>| String::from_utf8_lossy(b).into_owned();
            l.value.iter().map(text).collect()
        }
        Some(Kind::NodeList(l)) => l.value.clone(),
        _ => return Ok(()),
    };
    let mut missing = names
        .iter()
        .filter(|n| map.iter().all(|(key, _)| key != *n))
        .map(String::as_str)
        .peekable();
    let extra = !names.is_empty() && map.iter().any(|(key, _)| !names.contains(key));
    match missing.peek().is_none() && !extra {
        true => Ok(()),
        false => Err(Error::invalid_argument(format!(
            "Graph contains unbound inputs: {}. Must provide these inputs through input_map.",
            missing.collect::<Vec<_>>().join(",")
        ))),
    }
}

fn entries(graph: &Graph, name: &str, kind: Option<&Kind>) -> Result<Vec<Item>> {
    match kind {
        None => Ok(Vec::new()),
        Some(Kind::NodeList(list)) => {
            let item = |n: &String| match n.contains(':') {
                true => endpoint(graph, n).map(Item::Output),
                false => node(graph, n).map(Item::Node),
            };
            list.value.iter().map(item).collect()
        }
        Some(Kind::BytesList(list)) => {
            let item = |b: &Vec<u8>| {
                let malformed = |e: prost::DecodeError| {
                    Error::invalid_argument(format!("an entry cannot be parsed: {e}"))
                };
                if VARIABLES.contains(&name) {
                    let def = proto::VariableDef::decode(&b[..]).map_err(malformed)?;
                    let mut v = variable(graph, &def)?;
                    // Files of the first releases do not say it.
                    v.trainable |= name == keys::TRAINABLE_VARIABLES;
                    return Ok(Item::Variable(v));
                }
                if name == keys::QUEUE_RUNNERS {
                    let def = proto::QueueRunnerDef::decode(&b[..]).map_err(malformed)?;
                    return queue_runner(graph, &def).map(Item::QueueRunner);
                }
                Ok(Item::Bytes(b.clone()))
            };
            list.value.iter().map(item).collect()
        }
        Some(Kind::Int64List(list)) => Ok(list.value.iter().map(|v| Item::Int(*v)).collect()),
        Some(Kind::FloatList(list)) => Ok(list.value.iter().map(|v| Item::Float(*v)).collect()),
        // Messages of types that only their maker knows.
        Some(Kind::AnyList(list)) => {
            let bytes = list.value.iter().map(Message::encode_to_vec);
            Ok(bytes.map(Item::Bytes).collect())
        }
    }
}

fn endpoint(graph: &Graph, name: &str) -> Result<Endpoint> {
    graph.output(name).map(|o| o.endpoint())
}

fn node(graph: &Graph, name: &str) -> Result<NodeId> {
    graph.find(name).map(|n| n.id()).ok_or_else(|| {
        Error::not_found(format!(
            "The name '{name}' refers to an Operation not in the graph."
        ))
    })
}

/// A variable as its message describes it, the rest from its node.
fn variable(graph: &Graph, def: &proto::VariableDef) -> Result<VariableInfo> {
    let handle = endpoint(graph, &def.variable_name)?;
    let mut info = variable_at(graph, handle)?;
    info.is_resource = def.is_resource;
    info.trainable = def.trainable;
    let text = |name: &str| (!name.is_empty()).then(|| name.to_string());
    if let Some(name) = text(&def.snapshot_name) {
        info.read = endpoint(graph, &name)?;
    }
    if let Some(name) = text(&def.initializer_name) {
        info.initializer = node(graph, &name)?;
        // The value is what the initializer assigns, unless the message tells.
        let value = graph.node(info.initializer);
        info.initial_value = value
            .and_then(|n| n.inputs.get(1).copied())
            .unwrap_or(info.initial_value);
    }
    if let Some(name) = text(&def.initial_value_name) {
        info.initial_value = endpoint(graph, &name)?;
    }
    if let Some(s) = &def.save_slice_info_def
        && !s.full_name.is_empty()
    {
        info.slice = Some((
            s.full_name.clone(),
            s.full_shape.clone(),
            s.var_offset.clone(),
        ));
    }
    Ok(info)
}

/// What a variable's node tells of it: enough to save and restore it, whoever made it.
fn variable_at(graph: &Graph, handle: Endpoint) -> Result<VariableInfo> {
    let n = graph
        .node(handle.node)
        .ok_or_else(|| Error::internal("a variable's node is not in the graph"))?;
    let is_resource = n
        .outputs
        .get(handle.port as usize)
        .is_some_and(|t| t.base == DType::Resource);
    let dtype = match n.attrs.dtype("dtype") {
        Ok(t) => t,
        Err(_) if is_resource => {
            return Err(Error::invalid_argument(format!(
                "the type of the variable '{}' is not known",
                n.name
            )));
        }
        Err(_) => n
            .outputs
            .get(handle.port as usize)
            .map_or(DType::F32, |t| t.base),
    };
    let shape = match n.attrs.shape("shape") {
        Ok(s) => s.clone(),
        Err(_) => n
            .shapes
            .get(handle.port as usize)
            .cloned()
            .unwrap_or_default(),
    };
    Ok(VariableInfo {
        name: n.name.clone(),
        dtype,
        shape,
        handle,
        read: handle,
        initializer: handle.node,
        initial_value: handle,
        is_resource,
        trainable: false,
        slice: None,
    })
}

/// The variables of a graph: those of its collections, or, where it has none, all nodes that hold one.
///
/// # Errors
/// `InvalidArgument` for a node whose variable has no known type.
pub fn graph_variables(graph: &Graph) -> Result<Vec<VariableInfo>> {
    let mut known = graph.collection_variables(keys::GLOBAL_VARIABLES);
    if !known.is_empty() {
        let mut names: std::collections::HashSet<Endpoint> =
            known.iter().map(|v| v.handle).collect();
        let more = graph.collection_variables(keys::TRAINABLE_VARIABLES);
        known.extend(more.into_iter().filter(|v| names.insert(v.handle)));
        return Ok(known);
    }
    let is_variable = |op: &str| matches!(op, "Variable" | "VariableV2" | "VarHandleOp");
    graph
        .nodes()
        .iter()
        .filter(|n| is_variable(&n.op.name))
        .map(|n| {
            let mut v = variable_at(
                graph,
                Endpoint {
                    node: n.id,
                    port: 0,
                },
            )?;
            // A resource is named by its attribute, which the builder sets to the variable's name.
            if let Some(shared) = n
                .attrs
                .str("shared_name")
                .ok()
                .filter(|s| v.is_resource && !s.is_empty())
            {
                v.name = shared.to_string();
            }
            Ok(v)
        })
        .collect()
}

fn queue_runner(graph: &Graph, def: &proto::QueueRunnerDef) -> Result<QueueRunnerInfo> {
    let enqueue = def.enqueue_op_name.iter().map(|n| node(graph, n));
    let closed_by: Vec<Code> = def
        .queue_closed_exception_types
        .iter()
        .filter_map(|c| Code::from_number(*c))
        .collect();
    // TensorFlow writes the names of queues and ops, and once wrote those of tensors.
    let queue = def
        .queue_name
        .split_once(':')
        .map_or(&def.queue_name[..], |(n, _)| n);
    Ok(QueueRunnerInfo {
        queue: node(graph, queue)?,
        enqueue: enqueue.collect::<Result<Vec<NodeId>>>()?,
        close: node(graph, &def.close_op_name)?,
        cancel: node(graph, &def.cancel_op_name)?,
        closed_by: match closed_by.is_empty() {
            true => vec![Code::OutOfRange],
            false => closed_by,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::state::init;
    use crate::proto::{CollectionDef, collection_def::NodeList};
    use crate::runtime::Session;
    use crate::train::{meta_graph, queue_runner::add_queue_runner};

    /// A graph with a variable of each kind, a queue runner and a loss.
    fn made() -> (Graph, MetaGraphDef) {
        let g = Graph::new();
        let s = g.root();
        let w = g.get_variable("w", [2], init::constant(3.0));
        let x = s.mul(w, 2.0f32);
        s.collect(keys::LOSSES, x);
        let queue = s
            .op("FIFOQueueV2")
            .attr("component_types", vec![DType::F32])
            .finish()
            .output(0);
        let put = s.op("QueueEnqueueV2").input(queue).list(vec![x]).finish();
        add_queue_runner(queue, &[put]);
        g.add_to_collection("numbers", Item::Int(7));
        let saver = Saver::new(&g);
        g.init_op();
        let meta = meta_graph(&g, Some(&saver)).unwrap();
        (g, meta)
    }

    #[test]
    fn everything_comes_back() {
        let (g, meta) = made();
        let h = Graph::new();
        let saver = import_meta_graph(&h, &meta).unwrap().unwrap();
        assert_eq!(saver.restore_op, "save/restore_all");
        assert_eq!(h.len(), g.len());
        for name in g.collection_names() {
            assert_eq!(h.collection(&name), g.collection(&name), "{name}");
        }
        assert_eq!(h.variable_named("w"), g.variable_named("w"));
        let again = meta_graph(&h, Some(&saver)).unwrap();
        assert_eq!(again.to_pb().unwrap(), meta.to_pb().unwrap());

        let session = Session::new(&h).unwrap();
        session.run_target("init").unwrap();
        let dir = std::env::temp_dir().join(format!("tensorloom-meta-{}", std::process::id()));
        let prefix = saver.save(&session, dir.join("m"), None).unwrap();
        let bare = Graph::new();
        bare.import(&meta.graph, &ImportOptions::default()).unwrap();
        let found = graph_variables(&bare).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].name, "w");
        let entries = found.into_iter().map(|v| (v.name.clone(), v)).collect();
        let direct = Saver::with_names(&bare, entries, Default::default());
        let session = Session::new(&bare).unwrap();
        direct.restore(&session, prefix).unwrap();
        let w = session.fetch("w:0").unwrap();
        assert_eq!(w.data::<f32>().unwrap(), [3.0, 3.0]);
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn what_a_collection_names_must_be_there() {
        let (_, meta) = made();
        let with = |name: &str, kind: Kind| {
            let mut m = meta.clone();
            let def = CollectionDef { kind: Some(kind) };
            m.meta.collection_def.insert(name.into(), def);
            import_meta_graph(&Graph::new(), &m)
                .map(|_| ())
                .unwrap_err()
        };
        let nodes = |n: &str| {
            Kind::NodeList(NodeList {
                value: vec![n.into()],
            })
        };
        let bytes =
            |b: Vec<u8>| Kind::BytesList(proto::collection_def::BytesList { value: vec![b] });
        let e = with("losses", nodes("gone:0"));
        assert!(
            e.code() == Code::NotFound && e.message().contains("losses"),
            "{e}"
        );
        assert_eq!(with("train_op", nodes("gone")).code(), Code::NotFound);
        assert_eq!(with("losses", nodes("Mul:4")).code(), Code::InvalidArgument);
        let e = with("variables", bytes(vec![0xff]));
        assert_eq!(e.code(), Code::InvalidArgument);
        let gone = proto::QueueRunnerDef {
            queue_name: "gone".into(),
            ..Default::default()
        };
        let e = with("queue_runners", bytes(gone.encode_to_vec()));
        assert_eq!(e.code(), Code::NotFound);
        let mut m = meta.clone();
        if let Some(s) = &mut m.meta.saver_def {
            s.restore_op_name = "gone".into();
        }
        let e = import_meta_graph(&Graph::new(), &m)
            .map(|_| ())
            .unwrap_err();
        assert_eq!(e.code(), Code::NotFound);
    }
}
