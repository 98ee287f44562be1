//! `tensorloom diff`: what differs between two graphs.

mod graphs;
mod meta;
mod text;

use super::checkpoint_files::matches_pattern;
use super::graph_file::GraphFile;
use super::output::{Done, Out};
use crate::def::{AttrValue, NodeDef};
use crate::op::{OpLookup, OpSchema};
use crate::registry::Registry;
use serde::Serialize;
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Compare two graphs: nodes, ops, devices, attributes, edges, functions, versions, collections, signatures
///
/// The graphs are compared by what they mean: the order of nodes and of control inputs is nothing, an attribute that is
/// left out has its op's default, and tensors are compared by type, shape and values (bit for bit), however they are
/// encoded. Debug information is not compared. Lines begin with `-` for what only A has, `+` for what only B has, and
/// `!` for what differs, with A's and B's side.
///
/// The exit status is 0 when the graphs are equal, 1 when they differ.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tensorloom diff before.pb after.pbtxt
  tensorloom diff old.meta new.meta --ignore '_*' --json | jq '.differences[].node'")]
pub(super) struct Args {
    /// The one graph: GraphDef, MetaGraphDef or SavedModel folder
    #[arg(value_name = "A")]
    a: PathBuf,
    /// The other
    #[arg(value_name = "B")]
    b: PathBuf,
    /// The tags of the meta graph to take from a SavedModel, separated by commas
    #[arg(long, value_name = "TAGS")]
    tag: Option<String>,
    /// Do not compare attributes of this name (`*` stands for anything); several add up
    #[arg(long, value_name = "PATTERN")]
    ignore: Vec<String>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn run(&self, out: &mut Out) -> Done<ExitCode> {
        let load = |path| GraphFile::load(path, self.tag.as_deref());
        let (a, b) = (load(&self.a)?, load(&self.b)?);
        let mut found = Comparison {
            registry: Registry::builtin(),
            ignore: &self.ignore,
            differences: Vec::new(),
        };
        found.graphs(a.graph(), b.graph())?;
        found.metas(&a.meta.meta, &b.meta.meta);
        let differences = found.differences;
        match self.json {
            true => {
                out.json(&json!({"equal": differences.is_empty(), "differences": differences}))?
            }
            false => differences
                .iter()
                .try_for_each(|d| Ok::<_, std::io::Error>(writeln!(out, "{}", d.line())?))?,
        }
        Ok(match differences.is_empty() {
            true => ExitCode::SUCCESS,
            false => ExitCode::from(super::FAILED),
        })
    }
}

/// One thing that differs.
#[derive(Serialize)]
struct Difference {
    what: What,
    /// The function of the library that it lies in.
    function: Option<String>,
    /// The node that it belongs to.
    node: Option<String>,
    /// Which attribute, input, collection …
    name: Option<String>,
    /// What A has; nothing where only B has it.
    a: Option<String>,
    /// What B has.
    b: Option<String>,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Node,
    Op,
    Device,
    Attr,
    Input,
    ControlInput,
    Function,
    FunctionPart,
    Gradient,
    Version,
    Collection,
    Signature,
    MetaInfo,
    Saver,
    Assets,
    Objects,
}

impl What {
    fn words(self) -> &'static str {
        match self {
            What::Node => "node",
            What::Op => "op",
            What::Device => "device",
            What::Attr => "attr",
            What::Input => "input",
            What::ControlInput => "control input",
            What::Function => "function",
            What::FunctionPart => "its",
            What::Gradient => "gradient of",
            What::Version => "version",
            What::Collection => "collection",
            What::Signature => "signature",
            What::MetaInfo => "meta info",
            What::Saver => "saver",
            What::Assets => "assets",
            What::Objects => "saved objects",
        }
    }
}

impl Difference {
    fn line(&self) -> String {
        let mut place: Vec<String> = Vec::new();
        if let Some(f) = &self.function {
            place.push(format!("function {f}"));
        }
        if let Some(n) = &self.node {
            place.push(format!("node {n}"));
        }
        if !matches!(self.what, What::Node | What::Function) {
            let name = self.name.iter().map(|n| format!(" {n}"));
            place.push(format!("{}{}", self.what.words(), name.collect::<String>()));
        }
        let place = place.join(", ");
        match (&self.a, &self.b) {
            (Some(a), Some(b)) => format!("! {place}: {a} | {b}"),
            (Some(one), None) => format!("- {place}: {one}"),
            (None, Some(one)) => format!("+ {place}: {one}"),
            (None, None) => format!("! {place}"),
        }
    }
}

/// A comparison under way.
struct Comparison<'a> {
    registry: Arc<Registry>,
    ignore: &'a [String],
    differences: Vec<Difference>,
}

impl Comparison<'_> {
    /// Notes a difference of the whole graph.
    fn note(&mut self, what: What, name: Option<&str>, a: Option<String>, b: Option<String>) {
        self.differences.push(Difference {
            what,
            function: None,
            node: None,
            name: name.map(str::to_string),
            a,
            b,
        });
    }

    fn ignored(&self, attr: &str) -> bool {
        self.ignore.iter().any(|p| matches_pattern(p, attr))
    }

    fn schema(&self, op: &str) -> Option<&Arc<OpSchema>> {
        self.registry.schema(op)
    }

    /// The value of a node's attribute; its op's default where it gives none.
    fn value<'v>(&'v self, n: &'v NodeDef, attr: &str) -> Option<&'v AttrValue> {
        let default = || self.schema(&n.op)?.attr(attr)?.default.as_ref();
        n.attr.get(attr).or_else(default)
    }
}
