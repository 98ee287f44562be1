//! `tensorloom dot`: a graph in Graphviz's language, grouped by name scope.

use super::edges::{self, Edge, Edges};
use super::graph_file::GraphArgs;
use super::inspect::is_variable;
use super::lenient::Softened;
use super::output::{Done, Out, dtype_name};
use crate::def::{GraphDef, NodeDef};
use crate::error::Result;
use crate::graph::{Graph, ImportOptions};
use crate::registry::Registry;
use std::collections::BTreeSet;
use std::io::Write;
use std::process::ExitCode;

/// Deeper name scopes are not indented further.
const INDENTED: usize = 16;

/// Print a graph in Graphviz's language, grouped by name scope
///
/// Each name scope is a cluster. Constants are plain, variables cylinders, placeholders bold, other nodes boxes; each
/// shows its name within the scope and its op. Edges lead from a node to its reader, and bear the number of the output
/// unless it is the first; control edges are dashed. Functions of the graph's library are not drawn, only their calls.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tensorloom dot graph.pb | dot -Tsvg > graph.svg
  tensorloom dot train.meta --output total_loss --shapes > loss.gv")]
pub(super) struct Args {
    #[command(flatten)]
    graph: GraphArgs,
    /// Only what these nodes need (may be given several times)
    #[arg(long, value_name = "NAME")]
    output: Vec<String>,
    /// Write type and shape of each tensor at its edge, as far as they are known
    #[arg(long)]
    shapes: bool,
}

impl Args {
    pub(super) fn run(&self, out: &mut Out) -> Done<ExitCode> {
        let file = self.graph.load()?;
        let def = edges::part(file.graph(), &self.output)?;
        let edges = Edges::new(&def)?;
        let graph = match self.shapes {
            true => Some(typed(&def)?),
            false => None,
        };
        let title = file.path.display().to_string();
        writeln!(out, "digraph {} {{", quoted(&title))?;
        writeln!(out, "  node [shape=box, fontsize=10];")?;
        writeln!(out, "  edge [fontsize=8];")?;
        clusters(&def, out)?;
        for (to, inputs) in def.node.iter().zip(&edges.inputs) {
            let mut drawn = BTreeSet::new();
            for e in inputs {
                // Several inputs may come from one output, and be one edge.
                if drawn.insert(*e) {
                    edge(&def.node[e.from], to, *e, graph.as_ref(), out)?;
                }
            }
        }
        writeln!(out, "}}")?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The graph with types and shapes; of nodes that are not understood nothing is known.
fn typed(def: &GraphDef) -> Result<Graph> {
    let soft = Softened::new(&Registry::builtin(), def);
    let graph = Graph::new();
    graph.import(&soft.def, &ImportOptions::default())?;
    Ok(graph)
}

/// The nodes, each in the clusters of its scopes.
fn clusters(def: &GraphDef, out: &mut Out) -> Done {
    let path = |n: &NodeDef| -> Vec<String> { n.name.split('/').map(str::to_string).collect() };
    let mut nodes: Vec<(Vec<String>, &NodeDef)> = def.node.iter().map(|n| (path(n), n)).collect();
    // All nodes of a scope in one run, the scope's own before those of the scopes within.
    nodes.sort_by(|(a, _), (b, _)| {
        let (x, y) = (scopes(a), scopes(b));
        x.cmp(y).then_with(|| a.cmp(b))
    });
    let mut open: Vec<String> = Vec::new();
    let mut count = 0usize;
    for (path, n) in &nodes {
        let wanted = scopes(path);
        let common = open.iter().zip(wanted).take_while(|(a, b)| a == b).count();
        while open.len() > common {
            writeln!(out, "{}}}", indent(open.len()))?;
            open.pop();
        }
        for scope in &wanted[common..] {
            open.push(scope.clone());
            count += 1;
            writeln!(out, "{}subgraph cluster_{count} {{", indent(open.len()))?;
            writeln!(out, "{}label={};", indent(open.len() + 1), label(&[scope]))?;
        }
        let own = path.last().map_or("", String::as_str);
        writeln!(
            out,
            "{}{} [label={}{}];",
            indent(open.len() + 1),
            quoted(&n.name),
            label(&[own, &n.op]),
            look(n)
        )?;
    }
    for depth in (1..=open.len()).rev() {
        writeln!(out, "{}}}", indent(depth))?;
    }
    Ok(())
}

/// The scopes of a node's path.
fn scopes(path: &[String]) -> &[String] {
    &path[..path.len().saturating_sub(1)]
}

fn indent(depth: usize) -> String {
    "  ".repeat(depth.min(INDENTED))
}

fn look(n: &NodeDef) -> &'static str {
    match n.op.as_str() {
        "Const" => ", shape=plaintext",
        op if op.starts_with("Placeholder") => ", style=bold",
        _ if is_variable(n) => ", shape=cylinder",
        _ => "",
    }
}

fn edge(from: &NodeDef, to: &NodeDef, e: Edge, graph: Option<&Graph>, out: &mut Out) -> Done {
    let ends = format!("  {} -> {}", quoted(&from.name), quoted(&to.name));
    let Some(port) = e.port else {
        return Ok(writeln!(out, "{ends} [style=dashed];")?);
    };
    let mut lines = Vec::new();
    if port > 0 {
        lines.push(port.to_string());
    }
    let tensor = graph.and_then(|g| g.output(&format!("{}:{port}", from.name)).ok());
    if let Some(t) = tensor {
        lines.push(format!("{} {}", dtype_name(t.dtype()), t.shape()));
    }
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    match lines.is_empty() {
        true => writeln!(out, "{ends};")?,
        false => writeln!(out, "{ends} [label={}];", label(&lines))?,
    }
    Ok(())
}

/// An identifier: whatever the text, it stays one.
fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// A label of these lines. In labels Graphviz replaces `&name;`, too.
fn label(lines: &[&str]) -> String {
    let lines: Vec<String> = lines
        .iter()
        .map(|l| escaped(&l.replace('&', "&amp;")))
        .collect();
    format!("\"{}\"", lines.join("\\n"))
}

/// Quotes and backslashes escaped; characters that move the cursor, or end a text in C, are shown as U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_stays_one_identifier() {
        assert_eq!(quoted("a/b"), "\"a/b\"");
        assert_eq!(quoted("a\"b\\"), "\"a\\\"b\\\\\"");
        assert_eq!(quoted("a\nb\0"), "\"a\u{fffd}b\u{fffd}\"");
        assert_eq!(label(&["a&lt;", "Op"]), "\"a&amp;lt;\\nOp\"");
    }
}
