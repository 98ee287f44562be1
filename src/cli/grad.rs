//! `tensorloom grad`: the nodes of symbolic gradients added to a graph.

use super::convert;
use super::graph_file::GraphArgs;
use super::output::{Done, Out, Table};
use crate::def::GraphDef;
use crate::error::Result;
use crate::grad::{Gradient, GradientOptions};
use crate::graph::{Graph, ImportOptions, Output};
use serde::Serialize;
use serde_json::json;
use std::collections::HashSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Add to a graph the nodes that compute gradients
///
/// The gradients of the sum of all y with respect to each x are built under the name scope `gradients`, as TensorFlow's
/// tf.gradients does it, and their names printed: `None` where no differentiable way leads from x to y; values, indices
/// and shape where only some rows of x have one (--dense makes a tensor of them). What is in the graph stays as it is.
///
/// OUT is written as `tensorloom convert` would: its ending decides the form, and what the graph was read from (GraphDef,
/// MetaGraphDef or SavedModel, which brings its variables along) stays what it is.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  tensorloom grad model.pb --y loss --x conv1/weights --x conv1/biases --out model_grad.pb")]
pub(super) struct Args {
    #[command(flatten)]
    graph: GraphArgs,
    /// A tensor to differentiate, `node:k` or `node` for its first output; several are summed
    #[arg(long, value_name = "NAME", required = true)]
    y: Vec<String>,
    /// A tensor to differentiate by (several may be given)
    #[arg(long, value_name = "NAME", required = true)]
    x: Vec<String>,
    /// A tensor that counts as a constant (several may be given)
    #[arg(long, value_name = "NAME")]
    stop: Vec<String>,
    /// Scatter the gradients of single rows into a tensor of x's shape
    #[arg(long)]
    dense: bool,
    /// The file or folder to write
    #[arg(long, value_name = "OUT")]
    out: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// The gradient of one x.
#[derive(Serialize)]
struct Found {
    x: String,
    /// Its tensor; nothing where x and y are not connected, or the gradient has rows.
    gradient: Option<String>,
    rows: Option<Rows>,
}

/// The gradient of some rows; the others have none.
#[derive(Serialize)]
struct Rows {
    values: String,
    indices: String,
    dense_shape: String,
}

impl Args {
    pub(super) fn run(&self, out: &mut Out) -> Done<ExitCode> {
        let mut file = self.graph.load()?;
        let graph = Graph::new();
        graph.import(file.graph(), &ImportOptions::default())?;
        let found = self.gradients(&graph)?;
        let added = add_new(&graph, &mut file.meta.graph)?;
        convert::Args::new(Some(&self.graph.graph), &self.out).write(file.into_definition())?;
        match self.json {
            true => out.json(&json!({"gradients": found, "nodes_added": added}))?,
            false => print(&found, added, out)?,
        }
        Ok(ExitCode::SUCCESS)
    }

    fn gradients(&self, graph: &Graph) -> Result<Vec<Found>> {
        let tensors = |names: &[String]| -> Result<Vec<Output<'_>>> {
            names.iter().map(|n| graph.output(n)).collect()
        };
        let options = GradientOptions {
            stop_gradients: tensors(&self.stop)?,
            ..GradientOptions::default()
        };
        let (ys, xs) = (tensors(&self.y)?, tensors(&self.x)?);
        let gradients = graph.root().gradients(&ys, &xs, &options)?;
        let found = xs.iter().zip(gradients).map(|(x, g)| {
            let gradient = g.map(|g| match self.dense {
                true => Gradient::Dense(g.dense(graph.root().scope("gradients"))),
                false => g,
            });
            let (gradient, rows) = match gradient {
                None => (None, None),
                Some(Gradient::Dense(o)) => (Some(o.name()), None),
                Some(Gradient::Slices(s)) => {
                    let rows = Rows {
                        values: s.values.name(),
                        indices: s.indices.name(),
                        dense_shape: s.dense_shape.name(),
                    };
                    (None, Some(rows))
                }
            };
            Found {
                x: x.name(),
                gradient,
                rows,
            }
        });
        let found = found.collect();
        graph.check()?;
        Ok(found)
    }
}

/// Appends to the definition the nodes that the graph has beyond it; gives their number.
fn add_new(graph: &Graph, def: &mut GraphDef) -> Result<usize> {
    let shapes = def
        .node
        .iter()
        .any(|n| n.attr.contains_key("_output_shapes"));
    let all = match shapes {
        true => graph.export_with_shapes()?,
        false => graph.export()?,
    };
    let there: HashSet<String> = def.node.iter().map(|n| n.name.clone()).collect();
    let before = def.node.len();
    let new = all.node.into_iter().filter(|n| !there.contains(&n.name));
    def.node.extend(new);
    Ok(def.node.len() - before)
}

fn print(found: &[Found], added: usize, out: &mut Out) -> Done {
    let mut table = Table::new(&[]);
    for f in found {
        match (&f.gradient, &f.rows) {
            (Some(g), _) => table.row([&f.x, g]),
            (None, None) => table.row([f.x.as_str(), "None"]),
            (None, Some(r)) => {
                table.row([
                    f.x.clone(),
                    format!(
                        "rows {} at {} of shape {}",
                        r.values, r.indices, r.dense_shape
                    ),
                ]);
            }
        }
    }
    table.print(out, "")?;
    Ok(writeln!(out, "{added} nodes added")?)
}
