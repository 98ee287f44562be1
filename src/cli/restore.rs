//! `--restore` and the saver of `--save`: through the graph's own saver, or straight into its variables by their names.

use super::output::{complain, dtype_name, progress};
use crate::error::{Code, Error, Result};
use crate::graph::{Graph, VariableInfo};
use crate::io::{self, CheckpointReader};
use crate::runtime::Session;
use crate::train::{Saver, SaverOptions, graph_variables};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// So many names are printed in a message.
const SHOWN: usize = 10;

/// Restores the variables of a session; gives the saver that can save them again.
pub(super) fn restore(
    session: &Session,
    saver: Option<Saver>,
    path: &Path,
) -> Result<Option<Saver>> {
    let prefix = prefix_of(path)?;
    if let Some(saver) = saver {
        saver
            .restore(session, &prefix)
            .map_err(|e| match e.code() {
                Code::NotFound => with_missing(e, session.graph(), &prefix),
                _ => e,
            })?;
        progress(|| format!("restored {}", prefix.display()));
        return Ok(Some(saver));
    }
    let reader = CheckpointReader::open(&prefix)?;
    let found = matches(session.graph(), &reader)?;
    if found.entries.is_empty() {
        return Err(Error::not_found(format!(
            "no variable of the graph is in the checkpoint {}: it holds {}",
            prefix.display(),
            shown(&found.left_over)
        )));
    }
    if !found.missing.is_empty() {
        complain(&format!(
            "warning: not in the checkpoint, left as they are: {}",
            shown(&found.missing)
        ));
    }
    if !found.left_over.is_empty() {
        complain(&format!(
            "warning: in the checkpoint, but no variable of the graph: {}",
            shown(&found.left_over)
        ));
    }
    let complete = found.missing.is_empty();
    let count = found.entries.len();
    let saver = Saver::with_names(session.graph(), found.entries, SaverOptions::default());
    session.graph().check()?;
    saver.restore(session, &prefix)?;
    progress(|| format!("restored {count} variables from {}", prefix.display()));
    Ok(complete.then_some(saver))
}

/// The saver of a graph that has none of its own.
pub(super) fn saver_of_all(graph: &Graph) -> Result<Saver> {
    let variables = graph_variables(graph)?;
    if variables.is_empty() {
        return Err(Error::invalid_argument(
            "--save: the graph has no variables",
        ));
    }
    let entries = variables.into_iter().map(|v| (key(&v), v)).collect();
    let saver = Saver::with_names(graph, entries, SaverOptions::default());
    graph.check()?;
    Ok(saver)
}

/// The newest checkpoint of a folder; any other path is a prefix already.
fn prefix_of(path: &Path) -> Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_path_buf());
    }
    io::latest_checkpoint(path)
        .map(PathBuf::from)
        .ok_or_else(|| {
            Error::not_found(format!(
                "{}: the folder has no checkpoint state file that names a checkpoint",
                path.display()
            ))
        })
}

/// The name under which a checkpoint holds a variable, or all parts of a partitioned one.
fn key(v: &VariableInfo) -> String {
    match &v.slice {
        Some((full, _, _)) => full.clone(),
        None => v.name.clone(),
    }
}

/// Variables and the tensors of a checkpoint, by name.
struct Matches {
    entries: Vec<(String, VariableInfo)>,
    missing: Vec<String>,
    left_over: Vec<String>,
}

/// # Errors
/// `InvalidArgument` when variables differ from the tensors of their names, naming all of them.
fn matches(graph: &Graph, reader: &CheckpointReader) -> Result<Matches> {
    let mut left_over: BTreeSet<&str> = reader.keys().into_iter().collect();
    let (mut entries, mut missing, mut differ) = (Vec::new(), Vec::new(), Vec::new());
    for v in graph_variables(graph)? {
        let name = key(&v);
        let Ok((dtype, shape)) = reader.dtype_and_shape(&name) else {
            missing.push(name);
            continue;
        };
        left_over.remove(name.as_str());
        let full = match &v.slice {
            Some((_, full, _)) => crate::shape::PartialShape::from_i64(full)?,
            None => v.shape.clone(),
        };
        if dtype != v.dtype || !full.accepts(&shape) {
            differ.push(format!(
                "{name} ({} {full} here, {} {shape} there)",
                dtype_name(v.dtype),
                dtype_name(dtype)
            ));
            continue;
        }
        entries.push((name, v));
    }
    if !differ.is_empty() {
        return Err(Error::invalid_argument(format!(
            "variables differ from the checkpoint's tensors of their names: {}",
            shown(&differ)
        )));
    }
    Ok(Matches {
        entries,
        missing,
        left_over: left_over.into_iter().map(str::to_string).collect(),
    })
}

/// An error about one key with all others that are missing.
fn with_missing(e: Error, graph: &Graph, prefix: &Path) -> Error {
    let Ok(reader) = CheckpointReader::open(prefix) else {
        return e;
    };
    let keys: BTreeSet<&str> = reader.keys().into_iter().collect();
    let wanted = restored_names(graph);
    let missing: Vec<String> = wanted
        .iter()
        .filter(|n| !keys.contains(n.as_str()))
        .cloned()
        .collect();
    let left: Vec<String> = keys
        .iter()
        .filter(|k| !wanted.contains(**k))
        .map(|k| k.to_string())
        .collect();
    let left = match left.is_empty() {
        true => String::new(),
        false => format!("; in the checkpoint, but not restored: {}", shown(&left)),
    };
    Error::new(
        e.code(),
        format!(
            "{}; all that the checkpoint lacks: {}{left}",
            e.message(),
            shown(&missing)
        ),
    )
}

/// The names that the restoring nodes of a graph ask for.
fn restored_names(graph: &Graph) -> BTreeSet<String> {
    let nodes = graph.nodes();
    let constants = nodes
        .iter()
        .filter(|n| matches!(n.op.name.as_str(), "RestoreV2" | "Restore" | "RestoreSlice"))
        .filter_map(|n| n.inputs.get(1))
        .filter_map(|e| nodes.get(e.node.number()))
        .filter_map(|n| n.attrs.tensor("value").ok());
    constants
        .filter_map(|t| t.strings().ok())
        .flatten()
        .map(|s| String::from_utf8_lossy(s).into_owned())
        .collect()
}

/// Names joined; of many only the first ones and how many more there are.
fn shown(names: &[String]) -> String {
    match names.len() {
        0 => "nothing".into(),
        n if n > SHOWN => format!("{} and {} more", names[..SHOWN].join(", "), n - SHOWN),
        _ => names.join(", "),
    }
}
