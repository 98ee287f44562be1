//! The facts of a graph.

use super::variables::{Learnable, VariableFact, variables};
use crate::cli::edges::Edges;
use crate::cli::graph_file::{GraphFile, tags};
use crate::cli::lenient::{Missing, Softened, missing};
use crate::cli::output::{ErrorFact, dtype_name};
use crate::def::{AttrValue, GraphDef, NodeDef};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Graph, ImportOptions};
use crate::proto;
use crate::registry::Registry;
use crate::shape::PartialShape;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
pub(super) struct Facts {
    pub(super) path: String,
    pub(super) kind: &'static str,
    pub(super) form: &'static str,
    pub(super) tags: Vec<String>,
    pub(super) tensorflow_version: Option<String>,
    pub(super) versions: Versions,
    pub(super) nodes: usize,
    pub(super) data_edges: usize,
    pub(super) control_edges: usize,
    pub(super) ops: Vec<Count>,
    pub(super) devices: Vec<Count>,
    pub(super) inputs: Vec<TensorFact>,
    pub(super) outputs: Vec<TensorFact>,
    pub(super) variables: Vec<VariableFact>,
    pub(super) learnable: Learnable,
    pub(super) multiply_adds: Option<MultiplyAdds>,
    pub(super) missing: Vec<Missing>,
    pub(super) functions: Vec<FunctionFact>,
    pub(super) signatures: BTreeMap<String, SignatureFact>,
    pub(super) collections: BTreeMap<String, usize>,
    pub(super) saver: Option<SaverFact>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) node_list: Option<Vec<NodeFact>>,
    pub(super) error: Option<ErrorFact>,
}

#[derive(Serialize)]
pub(super) struct Versions {
    pub(super) producer: i32,
    pub(super) min_consumer: i32,
    pub(super) bad_consumers: Vec<i32>,
}

/// How many nodes have that op or that device.
#[derive(Serialize)]
pub(super) struct Count {
    pub(super) name: String,
    pub(super) count: usize,
}

#[derive(Serialize)]
pub(super) struct TensorFact {
    /// `node:port`; the node alone where it gives no tensor.
    pub(super) name: String,
    pub(super) op: String,
    pub(super) dtype: Option<&'static str>,
    pub(super) shape: ShapeFact,
}

/// A shape: `null` when even the rank is unknown, else dimensions, `null` where unknown.
#[derive(Clone, Serialize)]
pub(super) struct ShapeFact(pub(super) Option<Vec<Option<usize>>>);

impl From<&PartialShape> for ShapeFact {
    fn from(s: &PartialShape) -> ShapeFact {
        ShapeFact(s.dims().map(<[_]>::to_vec))
    }
}

#[derive(Serialize)]
pub(super) struct MultiplyAdds {
    pub(super) count: u64,
    /// Convolutions and products whose sizes are not known, which are not in the count.
    pub(super) unknown: usize,
    /// The size taken for batches of unknown size, where that was needed.
    pub(super) batch: Option<u32>,
}

#[derive(Serialize)]
pub(super) struct FunctionFact {
    pub(super) name: String,
    pub(super) nodes: usize,
}

#[derive(Serialize)]
pub(super) struct SignatureFact {
    pub(super) method: String,
    pub(super) inputs: BTreeMap<String, InfoFact>,
    pub(super) outputs: BTreeMap<String, InfoFact>,
}

#[derive(Serialize)]
pub(super) struct InfoFact {
    pub(super) name: String,
    pub(super) dtype: Option<&'static str>,
    pub(super) shape: ShapeFact,
}

#[derive(Serialize)]
pub(super) struct SaverFact {
    pub(super) filename: String,
    pub(super) save: String,
    pub(super) restore: String,
}

#[derive(Serialize)]
pub(super) struct NodeFact {
    pub(super) name: String,
    pub(super) op: String,
    pub(super) device: String,
    pub(super) inputs: Vec<String>,
}

impl Facts {
    /// The facts, and what is wrong with the graph if anything is.
    pub(super) fn of(file: &GraphFile, batch: u32, list: bool) -> (Facts, Option<Error>) {
        let registry = Registry::builtin();
        let def = file.graph();
        let functions = def.functions();
        let (functions, mut error) = match functions {
            Ok(f) => (f, None),
            Err(e) => (Vec::new(), Some(e)),
        };
        let soft = Softened::new(&registry, def);
        let imported = def
            .check_versions()
            .and_then(|()| import(&soft.def))
            .map_err(|e| error.get_or_insert(e).clone())
            .ok();
        let multiply_adds = imported
            .as_ref()
            .map(|g| multiply_adds(g, &soft.def, batch));
        let (variables, learnable) = variables(file);
        let info = file.meta.meta.meta_info_def.as_ref();
        let edges = |control: bool| {
            let all = def.node.iter().flat_map(|n| &n.input);
            all.filter(|i| i.starts_with('^') == control).count()
        };
        let facts = Facts {
            path: file.path.display().to_string(),
            kind: file.kind.name(),
            form: match file.form {
                crate::def::Form::Binary => "binary",
                crate::def::Form::Text => "text",
                crate::def::Form::Json => "json",
            },
            tags: tags(&file.meta).to_vec(),
            tensorflow_version: info
                .map(|i| i.tensorflow_version.clone())
                .filter(|v| !v.is_empty()),
            versions: Versions {
                producer: def.versions.producer,
                min_consumer: def.versions.min_consumer,
                bad_consumers: def.versions.bad_consumers.clone(),
            },
            nodes: def.node.len(),
            data_edges: edges(false),
            control_edges: edges(true),
            ops: counts(def.node.iter().map(|n| n.op.as_str())),
            devices: counts(def.node.iter().map(|n| n.device.as_str())),
            inputs: inputs(def, imported.as_ref()),
            outputs: outputs(def, imported.as_ref(), &soft),
            variables,
            learnable,
            multiply_adds,
            missing: missing(&registry, def, &functions),
            functions: functions
                .iter()
                .map(|f| FunctionFact {
                    name: f.name().to_string(),
                    nodes: f.node.len(),
                })
                .collect(),
            signatures: signatures(&file.meta.meta),
            collections: collections(&file.meta.meta),
            saver: file.meta.meta.saver_def.as_ref().map(|s| SaverFact {
                filename: s.filename_tensor_name.clone(),
                save: s.save_tensor_name.clone(),
                restore: s.restore_op_name.clone(),
            }),
            node_list: list.then(|| def.node.iter().map(node_fact).collect()),
            error: error.as_ref().map(ErrorFact::from),
        };
        (facts, error)
    }
}

fn import(def: &GraphDef) -> Result<Graph> {
    let graph = Graph::new();
    graph.import(def, &ImportOptions::default())?;
    Ok(graph)
}

/// Names with their numbers, the most frequent first.
fn counts<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Count> {
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    names.for_each(|n| *found.entry(n).or_default() += 1);
    let mut all: Vec<Count> = found
        .into_iter()
        .map(|(name, count)| Count {
            name: name.to_string(),
            count,
        })
        .collect();
    all.sort_by_key(|c| std::cmp::Reverse(c.count));
    all
}

fn is_input(n: &NodeDef) -> bool {
    matches!(
        n.op.as_str(),
        "Placeholder" | "PlaceholderV2" | "PlaceholderWithDefault"
    )
}

fn tensor(n: &NodeDef, port: usize, graph: Option<&Graph>) -> TensorFact {
    let name = format!("{}:{port}", n.name);
    let (dtype, shape) = match graph.and_then(|g| g.output(&name).ok()) {
        Some(o) => (Some(o.dtype()), o.shape()),
        None => {
            let dtype = match n.attr.get("dtype") {
                Some(AttrValue::Type(d)) => Some(*d),
                _ => None,
            };
            let shape = match n.attr.get("shape") {
                Some(AttrValue::Shape(s)) => s.clone(),
                _ => PartialShape::unknown(),
            };
            (dtype, shape)
        }
    };
    TensorFact {
        name,
        op: n.op.clone(),
        dtype: dtype.map(dtype_name),
        shape: (&shape).into(),
    }
}

fn inputs(def: &GraphDef, graph: Option<&Graph>) -> Vec<TensorFact> {
    let inputs = def.node.iter().filter(|n| is_input(n));
    inputs.map(|n| tensor(n, 0, graph)).collect()
}

/// What nothing reads and nothing waits for, constants aside.
fn outputs(def: &GraphDef, graph: Option<&Graph>, soft: &Softened) -> Vec<TensorFact> {
    let Ok(edges) = Edges::new(def) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (n, used) in def.node.iter().zip(edges.used()) {
        if used || n.op == "Const" {
            continue;
        }
        let known = graph
            .filter(|_| !soft.opaque.contains(&n.name))
            .and_then(|g| g.find(&n.name));
        let ports = known.map_or(0, |k| k.num_outputs());
        found.extend((0..ports).map(|port| tensor(n, port, graph)));
        if ports == 0 {
            found.push(TensorFact {
                name: n.name.clone(),
                op: n.op.clone(),
                dtype: None,
                shape: ShapeFact(None),
            });
        }
    }
    found
}

/// Counted as the graph is; again with batches of a given size where sizes are not known.
fn multiply_adds(graph: &Graph, def: &GraphDef, batch: u32) -> MultiplyAdds {
    let count = |g: &Graph| g.census(&g.nodes().iter().map(|n| n.id).collect::<Vec<_>>());
    let census = count(graph);
    let mut facts = MultiplyAdds {
        count: census.multiply_adds,
        unknown: census.unknown,
        batch: None,
    };
    if census.unknown > 0
        && let Ok(sized) = import(&with_batch(def, batch))
    {
        let census = count(&sized);
        if census.unknown < facts.unknown {
            facts = MultiplyAdds {
                count: census.multiply_adds,
                unknown: census.unknown,
                batch: Some(batch),
            };
        }
    }
    facts
}

/// The graph with that size for unknown first dimensions of placeholders.
fn with_batch(def: &GraphDef, batch: u32) -> GraphDef {
    let mut def = def.clone();
    for n in def.node.iter_mut().filter(|n| is_input(n)) {
        if let Some(AttrValue::Shape(s)) = n.attr.get_mut("shape")
            && let Some([None, rest @ ..]) = s.dims()
        {
            let mut dims = vec![Some(batch as usize)];
            dims.extend(rest);
            *s = PartialShape::of(dims);
        }
    }
    def
}

fn signatures(meta: &proto::MetaGraphDef) -> BTreeMap<String, SignatureFact> {
    let info = |m: &BTreeMap<String, proto::TensorInfo>| -> BTreeMap<String, InfoFact> {
        m.iter().map(|(k, v)| (k.clone(), info_fact(v))).collect()
    };
    meta.signature_def
        .iter()
        .map(|(key, s)| {
            let fact = SignatureFact {
                method: s.method_name.clone(),
                inputs: info(&s.inputs),
                outputs: info(&s.outputs),
            };
            (key.clone(), fact)
        })
        .collect()
}

fn info_fact(info: &proto::TensorInfo) -> InfoFact {
    use proto::tensor_info::Encoding;
    let name = match &info.encoding {
        Some(Encoding::Name(n)) => n.clone(),
        Some(Encoding::CooSparse(s)) => s.values_tensor_name.clone(),
        Some(Encoding::CompositeTensor(c)) => format!("{} components", c.components.len()),
        None => String::new(),
    };
    let shape = info
        .tensor_shape
        .as_ref()
        .and_then(|s| crate::def::shape_from_proto(s).ok())
        .unwrap_or_default();
    InfoFact {
        name,
        dtype: DType::from_number(info.dtype).map(dtype_name),
        shape: (&shape).into(),
    }
}

/// The number of entries of each collection.
fn collections(meta: &proto::MetaGraphDef) -> BTreeMap<String, usize> {
    use proto::collection_def::Kind;
    let each = meta.collection_def.iter().map(|(name, c)| {
        let count = match &c.kind {
            Some(Kind::NodeList(l)) => l.value.len(),
            Some(Kind::BytesList(l)) => l.value.len(),
            Some(Kind::Int64List(l)) => l.value.len(),
            Some(Kind::FloatList(l)) => l.value.len(),
            Some(Kind::AnyList(l)) => l.value.len(),
            None => 0,
        };
        (name.clone(), count)
    });
    each.collect()
}

fn node_fact(n: &NodeDef) -> NodeFact {
    NodeFact {
        name: n.name.clone(),
        op: n.op.clone(),
        device: n.device.clone(),
        inputs: n.input.clone(),
    }
}
