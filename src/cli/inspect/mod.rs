//! `tensorloom inspect`: what a graph consists of, and what of it cannot run here.

mod facts;
mod text;
mod variables;

pub(super) use variables::is_variable;

use super::graph_file::GraphArgs;
use super::output::{Done, Out, Stop};
use std::process::ExitCode;

/// Say what a graph consists of, and which of its ops cannot run here
///
/// Nodes, ops with counts, devices, inputs (placeholders), outputs (what nothing reads), variables with the learnable
/// parameters, multiply-adds of one run, signatures and collections where there are any, and all ops that no kernel
/// here computes, each with all of its nodes, also within the functions of the library: ops that are not known here,
/// types that no kernel takes, and calls of functions that are not there.
///
/// Learnable are the variables of the collection `trainable_variables` or of the saved objects; failing those, the
/// variables that optimizers update; failing those, all variables of floating types. Multiply-adds are counted in
/// convolutions and matrix products; where sizes of batches are not known, for one example (or --batch of them).
///
/// A graph that is malformed is described as far as possible; then comes the error, with exit status 1.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  tensorloom inspect train.pb\n  tensorloom inspect serving/ --json | jq .missing\n  tensorloom inspect model.ckpt-100.meta --output softmax_linear/softmax_linear"
)]
pub(super) struct Args {
    #[command(flatten)]
    graph: GraphArgs,
    /// Only what these nodes need (may be given several times)
    #[arg(long, value_name = "NAME")]
    output: Vec<String>,
    /// The size to take for batches whose size is not known
    #[arg(long, value_name = "N", default_value_t = 1)]
    batch: u32,
    /// List each node: name, op, device, inputs
    #[arg(long)]
    nodes: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn run(&self, out: &mut Out) -> Done<ExitCode> {
        let mut file = self.graph.load()?;
        file.meta.graph = super::edges::part(&file.meta.graph, &self.output)?;
        let (facts, error) = facts::Facts::of(&file, self.batch, self.nodes);
        match self.json {
            true => out.json(&facts)?,
            false => text::print(&facts, out)?,
        }
        match error {
            Some(e) => Err(Stop::Error(e)),
            None => Ok(ExitCode::SUCCESS),
        }
    }
}
