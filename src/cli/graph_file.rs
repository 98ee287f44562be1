//! The argument GRAPH: a GraphDef, a MetaGraphDef or a SavedModel, read from wherever and in whatever form it is.

use crate::def::{Definition, Form, GraphDef, MetaGraphDef, SavedModel};
use crate::error::{Error, Result};
use crate::proto;
use std::path::{Path, PathBuf};

/// The arguments that name a graph.
#[derive(clap::Args)]
pub(super) struct GraphArgs {
    /// The graph: GraphDef, MetaGraphDef or SavedModel folder
    pub(super) graph: PathBuf,
    /// The tags of the meta graph to take from a SavedModel, separated by commas
    #[arg(long, value_name = "TAGS")]
    pub(super) tag: Option<String>,
}

impl GraphArgs {
    /// Reads the graph.
    pub(super) fn load(&self) -> Result<GraphFile> {
        GraphFile::load(&self.graph, self.tag.as_deref())
    }
}

/// Which message a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    GraphDef,
    MetaGraphDef,
    SavedModel,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::GraphDef => "GraphDef",
            Kind::MetaGraphDef => "MetaGraphDef",
            Kind::SavedModel => "SavedModel",
        }
    }
}

/// A graph that was read.
pub(super) struct GraphFile {
    /// The file or folder.
    pub(super) path: PathBuf,
    pub(super) kind: Kind,
    pub(super) form: Form,
    /// The graph with its collections and signatures; a plain graph has none.
    pub(super) meta: MetaGraphDef,
}

/// The file within a SavedModel folder.
pub(super) const SAVED_MODEL_FILES: [&str; 3] =
    ["saved_model.pb", "saved_model.pbtxt", "saved_model.json"];

/// Reads a definition from a file or a SavedModel folder.
pub(super) fn read(path: &Path) -> Result<(Definition, Form)> {
    if !path.is_dir() {
        return Definition::read(path);
    }
    let found = SAVED_MODEL_FILES
        .iter()
        .map(|name| path.join(name))
        .find(|f| f.exists());
    match found {
        Some(file) => Definition::read(file),
        None => Err(Error::not_found(format!(
            "SavedModel file does not exist at: {}/{{{}}}",
            path.display(),
            SAVED_MODEL_FILES.join("|")
        ))),
    }
}

impl GraphFile {
    /// Reads a graph. Of a SavedModel's meta graphs the one with exactly these tags is taken, or the only one.
    pub(super) fn load(path: &Path, tags: Option<&str>) -> Result<GraphFile> {
        let (definition, form) = read(path)?;
        let (kind, meta) = match definition {
            Definition::Graph(g) => {
                let meta = MetaGraphDef::new(g, proto::MetaGraphDef::default());
                (Kind::GraphDef, meta)
            }
            Definition::Meta(m) => (Kind::MetaGraphDef, *m),
            Definition::Saved(s) => {
                let chosen =
                    choose(s, tags).map_err(|e| e.context(format!("{}: ", path.display())))?;
                (Kind::SavedModel, chosen)
            }
        };
        Ok(GraphFile {
            path: path.to_path_buf(),
            kind,
            form,
            meta,
        })
    }

    pub(super) fn graph(&self) -> &GraphDef {
        &self.meta.graph
    }

    /// The graph as the message that it was read from; of a SavedModel without the other meta graphs.
    pub(super) fn into_definition(self) -> Definition {
        match self.kind {
            Kind::GraphDef => Definition::Graph(self.meta.graph),
            Kind::MetaGraphDef => Definition::Meta(Box::new(self.meta)),
            Kind::SavedModel => Definition::Saved(SavedModel {
                meta_graphs: vec![self.meta],
                ..SavedModel::default()
            }),
        }
    }

    /// The prefix of the checkpoint in a SavedModel folder.
    pub(super) fn variables(&self) -> Option<PathBuf> {
        let folder = match self.path.is_dir() {
            true => self.path.as_path(),
            false => self.path.parent()?,
        };
        (self.kind == Kind::SavedModel).then(|| folder.join("variables").join("variables"))
    }
}

/// The tags of a meta graph.
pub(super) fn tags(m: &MetaGraphDef) -> &[String] {
    m.meta.meta_info_def.as_ref().map_or(&[], |i| &i.tags)
}

/// The meta graph with these tags, or the only one.
pub(super) fn choose(model: SavedModel, wanted: Option<&str>) -> Result<MetaGraphDef> {
    let there: Vec<String> = model
        .meta_graphs
        .iter()
        .map(|m| tags(m).join(","))
        .collect();
    let there = there.join("; ");
    let mut metas = model.meta_graphs;
    let Some(wanted) = wanted else {
        return match metas.len() {
            1 => Ok(metas.remove(0)),
            n => Err(Error::invalid_argument(format!(
                "the SavedModel has {n} meta graphs; choose one with --tag: {there}"
            ))),
        };
    };
    let set = |tags: Vec<&str>| {
        let mut tags = tags;
        tags.sort_unstable();
        tags.dedup();
        tags.into_iter().map(str::to_string).collect::<Vec<_>>()
    };
    let wanted_set = set(wanted.split(',').filter(|t| !t.is_empty()).collect());
    let position = metas
        .iter()
        .position(|m| set(tags(m).iter().map(String::as_str).collect()) == wanted_set);
    match position {
        Some(i) => Ok(metas.remove(i)),
        None => Err(Error::not_found(format!(
            "Could not find meta graph def matching supplied tags: {{ {wanted} }}. Available: {there}"
        ))),
    }
}
