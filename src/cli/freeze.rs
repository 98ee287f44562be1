//! `tensorloom freeze`: a graph with the variables of a checkpoint as constants, pruned to its outputs.

use super::convert;
use super::graph_file::{GraphArgs, GraphFile, Kind};
use super::lenient::Softened;
use super::output::{Done, Out, Stop, complain, thousands};
use super::program::{DEFAULT_SIGNATURE, saved_model_folder};
use super::restore;
use crate::def::{Definition, GraphDef, InputRef, MetaGraphDef};
use crate::error::Result;
use crate::graph::{Graph, keys};
use crate::proto;
use crate::registry::Registry;
use crate::runtime::{Session, SessionOptions};
use crate::train::{find_signature, freeze, import_meta_graph, load_saved_model, signature_tensor};
use serde_json::json;
use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Make the variables of a graph constants, and prune it to its outputs
///
/// Variables of both kinds get the values of the checkpoint, also where functions read them; names and values of the
/// outputs stay. Nodes that only change variables (Assign and its kind) are dropped; a variable that an output reads
/// after a change is an error, since it is no constant. What restores is the graph's own saver, so that moving averages
/// arrive in the variables that they are restored into; without a saver variables get the tensors of their names.
///
/// A SavedModel folder brings its own checkpoint. OUT becomes a GraphDef; with the ending .meta a MetaGraphDef, and a
/// folder a SavedModel without variables, with the signatures that are whole.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tensorloom freeze model.ckpt-100.meta --checkpoint model.ckpt-100 --output softmax --out frozen.pb
  tensorloom freeze serving/ --signature serving_default --out frozen.pb")]
pub(super) struct Args {
    #[command(flatten)]
    graph: GraphArgs,
    /// The checkpoint with the variables' values, or a folder, whose newest one is taken
    #[arg(long, value_name = "PREFIX")]
    checkpoint: Option<PathBuf>,
    /// A node or tensor to keep, with all that it needs (several may be given)
    #[arg(long, value_name = "NAME")]
    output: Vec<String>,
    /// Take outputs by the names of this signature; without --output all of its outputs
    ///
    /// Without --output and --signature the signature `serving_default` is taken where there is one.
    #[arg(long, value_name = "KEY")]
    signature: Option<String>,
    /// The file or folder to write
    #[arg(long, value_name = "OUT")]
    out: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn run(&self, out: &mut Out) -> Done<ExitCode> {
        let file = self.graph.load()?;
        let outputs = self.outputs(&file.meta)?;
        let frozen = self.freeze(&file, &outputs)?;
        let variables = became_constants(file.graph(), &frozen);
        let elements: usize = variables.values().sum();
        let tables = tables(&frozen)?;
        if !tables.is_empty() {
            complain(&format!(
                "warning: tables are no variables and stay, to be initialized before the graph is run: {}",
                tables.join(", ")
            ));
        }
        let nodes = (frozen.node.len(), file.graph().node.len());
        self.write(&file.meta, frozen)?;
        match self.json {
            true => out.json(&json!({
                "outputs": outputs, "nodes": nodes.0, "nodes_before": nodes.1,
                "variables": variables.keys().collect::<Vec<_>>(), "elements": elements,
            }))?,
            false => writeln!(
                out,
                "variables frozen: {}, of {} elements; nodes left: {} of {}",
                variables.len(),
                thousands(elements as u64),
                nodes.0,
                nodes.1
            )?,
        }
        Ok(ExitCode::SUCCESS)
    }

    fn outputs(&self, meta: &MetaGraphDef) -> Done<Vec<String>> {
        let signature = match &self.signature {
            Some(key) => Some(find_signature(meta, key)?),
            None if self.output.is_empty() => meta.meta.signature_def.get(DEFAULT_SIGNATURE),
            None => None,
        };
        if !self.output.is_empty() {
            let by_name = |name: &String| match signature.and_then(|s| s.outputs.get(name)) {
                Some(info) => signature_tensor(info).map(str::to_string),
                None => Ok(name.clone()),
            };
            return Ok(self.output.iter().map(by_name).collect::<Result<_>>()?);
        }
        let Some(s) = signature else {
            return Err(Stop::Usage(
                "no outputs: give --output or --signature".into(),
            ));
        };
        let tensors = s.outputs.values().map(signature_tensor);
        let tensors: Result<Vec<String>> = tensors.map(|t| t.map(str::to_string)).collect();
        Ok(tensors?)
    }

    /// Restores the variables in a session, and takes them from there.
    fn freeze(&self, file: &GraphFile, outputs: &[String]) -> Result<GraphDef> {
        let soft = Softened::new(&Registry::builtin(), file.graph());
        let mut meta = file.meta.clone();
        meta.graph = soft.def;
        if !soft.opaque.is_empty() {
            // Other collections may name outputs of nodes that are not understood.
            let wanted = [keys::GLOBAL_VARIABLES, keys::TRAINABLE_VARIABLES];
            let collections = &mut meta.meta.collection_def;
            collections.retain(|name, _| wanted.contains(&name.as_str()));
        }
        let graph = Graph::new();
        let saver = import_meta_graph(&graph, &meta)?;
        let options = SessionOptions {
            allow_soft_placement: true,
            ..SessionOptions::default()
        };
        let session = Session::with_options(&graph, &options)?;
        let folder = saved_model_folder(file);
        match (&self.checkpoint, folder) {
            (Some(prefix), _) => {
                restore::restore(&session, saver, prefix)?;
            }
            (None, Some(folder)) => load_saved_model(&session, &meta, saver.as_ref(), &folder)?,
            (None, None) => {
                return freeze(&session, file.graph(), outputs).map_err(|e| {
                    let context = match e.code() {
                        crate::Code::FailedPrecondition => "without --checkpoint: ",
                        _ => "",
                    };
                    e.context(context)
                });
            }
        }
        freeze(&session, file.graph(), outputs)
    }

    fn write(&self, meta: &MetaGraphDef, frozen: GraphDef) -> Done {
        let writer = convert::Args::new(None, &self.out);
        let graph = Definition::Graph(frozen);
        if writer.kind_for(&graph) == Kind::GraphDef {
            return writer.write(graph);
        }
        let Definition::Graph(frozen) = graph else {
            return Ok(());
        };
        let names: HashSet<&str> = frozen.node.iter().map(|n| n.name.as_str()).collect();
        let there =
            |i: &proto::TensorInfo| signature_tensor(i).is_ok_and(|t| names.contains(node_name(t)));
        let whole = meta
            .meta
            .signature_def
            .iter()
            .filter(|(_, s)| s.inputs.values().chain(s.outputs.values()).all(there));
        let old = meta.meta.meta_info_def.clone().unwrap_or_default();
        let kept = proto::MetaGraphDef {
            meta_info_def: Some(proto::meta_graph_def::MetaInfoDef {
                tags: old.tags,
                tensorflow_version: old.tensorflow_version,
                ..Default::default()
            }),
            signature_def: whole.map(|(k, s)| (k.clone(), s.clone())).collect(),
            ..Default::default()
        };
        writer.write(Definition::Meta(Box::new(MetaGraphDef::new(frozen, kept))))
    }
}

fn node_name(tensor: &str) -> &str {
    match InputRef::parse(tensor) {
        Ok(InputRef::Data(node, _) | InputRef::Control(node)) => node,
        Err(_) => tensor,
    }
}

/// The variables of the graph that are constants in the other one, each with the number of its elements.
fn became_constants(before: &GraphDef, after: &GraphDef) -> BTreeMap<String, usize> {
    let variables: HashSet<&str> = before
        .node
        .iter()
        .filter(|n| super::inspect::is_variable(n))
        .map(|n| n.name.as_str())
        .collect();
    let constants = after
        .node
        .iter()
        .filter(|n| variables.contains(n.name.as_str()));
    constants
        .filter_map(|n| match n.attr.get("value") {
            Some(crate::AttrValue::Tensor(t)) => Some((n.name.clone(), t.elements())),
            _ => None,
        })
        .collect()
}

/// The lookup tables of a graph and its functions.
fn tables(graph: &GraphDef) -> Result<Vec<String>> {
    let functions = graph.functions()?;
    let within = functions.iter().flat_map(|f| &f.node);
    let all = graph.node.iter().chain(within);
    let tables = all.filter(|n| n.op.contains("HashTable"));
    Ok(tables.map(|n| n.name.clone()).collect())
}
