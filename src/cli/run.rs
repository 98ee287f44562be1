//! `tensorloom run`: runs a graph, once or step after step, and prints what was fetched.

use super::interrupt;
use super::output::{Done, Out, Stop, complain, dtype_name, progress, tensor_json};
use super::program::{Outcome, Program, ProgramArgs};
use super::restore;
use crate::error::{Error, Result};
use crate::graph::{Endpoint, Graph, Item, keys};
use crate::io::{NpzOptions, write_atomic, write_npz};
use crate::runtime::{ChromeTrace, RunMetadata, RunOptions};
use crate::tensor::Tensor;
use crate::train::{FileWriter, Saver};
use serde::Serialize;
use serde_json::{Map, Value};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// So many elements of a tensor are printed.
const SHOWN: i64 = 12;
/// A trace holds no more nodes than that; viewers cope with so many.
const MOST_TRACED: usize = 200_000;

const EXAMPLES: &str = "\
Examples:
  A training graph that TensorFlow exported is trained by one line:
    tensorloom run train.meta --init init --queue-runners --target train \\
        --fetch total_loss:0 --steps 100 --every 10 --save out/model.ckpt
  A SavedModel is asked by its signature:
    tensorloom run model/ --feed x='[[1, 2], [3, 4]]' --json
  One tensor of a plain graph, into a file:
    tensorloom run graph.pb --feed images:0=images.npy --fetch logits --out logits.npz";

/// Run a graph: feed tensors, run nodes, print what is fetched
///
/// First come --init, then --restore, then --queue-runners; then the steps, each of which runs the targets and
/// computes the fetches together. The end of the queue runners' input ends the run cleanly, as in TensorFlow's own
/// programs. Ctrl-C ends it after the running step; --out, --save and --trace are written then too, and the exit
/// status is 130.
///
/// Files that the graph names (the reader's data, say) are relative to the working directory.
///
/// With --json each line is `{"step": 1, "fetches": {"total_loss:0": {"dtype": "float32", "shape": [], "values":
/// [4.68]}}}`, values flat and row-major. Numbers that JSON has no word for are the strings "NaN", "Infinity" and
/// "-Infinity" (as in protobuf's JSON); complex numbers are pairs; strings that are not UTF-8 are arrays of bytes.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    program: ProgramArgs,
    /// How many steps; 0 goes on until the input ends or somebody interrupts
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Steps")]
    steps: u64,
    /// Print the fetches of each K-th step, and those of the last one
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..), help_heading = "Steps")]
    every: u64,
    /// Write the fetches of the last step, by name
    #[arg(long, value_name = "FILE.npz", help_heading = "What is written")]
    out: Option<PathBuf>,
    /// Save the variables after the last step, as the checkpoint of this prefix (with a .meta file beside it)
    #[arg(long, value_name = "PREFIX", help_heading = "What is written")]
    save: Option<PathBuf>,
    /// Write the merged summary into an event file of this folder
    #[arg(long, value_name = "DIR", help_heading = "What is written")]
    summaries: Option<PathBuf>,
    /// Write the summary of each K-th step
    #[arg(long, value_name = "K", default_value_t = 100, requires = "summaries", value_parser = clap::value_parser!(u64).range(1..), help_heading = "What is written")]
    summary_every: u64,
    /// Write when and where each node ran and the memory of each device, for Perfetto or chrome://tracing; as TensorFlow's
    /// RunMetadata of the last step if the name ends in .pb
    #[arg(long, value_name = "FILE", help_heading = "What is written")]
    trace: Option<PathBuf>,
    /// Print one JSON document a line
    #[arg(long)]
    json: bool,
}

/// One line of `--json`.
#[derive(Serialize)]
struct Line<'a> {
    step: u64,
    fetches: &'a Map<String, Value>,
}

/// What goes on beside the steps.
struct Beside {
    saver: Option<Saver>,
    summary: Option<(FileWriter, Endpoint, Option<Endpoint>)>,
    trace: ChromeTrace,
    metadata: RunMetadata,
    begun: Instant,
    untraced: usize,
}

impl Args {
    pub(super) fn run(&self, out: &mut Out) -> Done<ExitCode> {
        interrupt::listen()?;
        let mut program = self.program.prepare(true)?;
        let done = self.go(&mut program, out);
        if done.is_err() {
            // The error that ended the run counts, not what its end causes.
            let _ = program.stop();
        }
        done
    }

    fn go(&self, program: &mut Program, out: &mut Out) -> Done<ExitCode> {
        let mut beside = self.beside(program)?;
        let last = match program.has_steps() {
            true => self.steps(program, &mut beside, out)?,
            false => None,
        };
        program.stop()?;
        if let Some((writer, _, _)) = &beside.summary {
            writer.close()?;
        }
        if let (Some(path), Some(saver)) = (&self.save, &beside.saver) {
            let saved = saver.save(&program.session, path, None)?;
            progress(|| format!("saved {}", saved.display()));
        }
        if let Some(path) = &self.trace {
            write_trace(path, &beside.trace, &beside.metadata)?;
            if beside.untraced > 0 {
                complain(&format!(
                    "warning: the trace holds the first {} nodes, not the {} after them",
                    beside.trace.len(),
                    beside.untraced
                ));
            }
        }
        if let Some(path) = &self.out {
            let values = last.ok_or_else(|| {
                Error::failed_precondition("no step was run, so there is nothing for --out")
            })?;
            let names = program.fetches.iter().map(|(name, _)| name);
            let arrays: Vec<(&String, &Tensor)> = names.zip(&values).collect();
            write_npz(path, &arrays, NpzOptions::default())?;
        }
        program.session.close();
        Ok(interrupt::exit_code())
    }

    /// Runs the steps; gives the values of the last one.
    fn steps(
        &self,
        program: &Program,
        beside: &mut Beside,
        out: &mut Out,
    ) -> Done<Option<Vec<Tensor>>> {
        let mut last: Option<(u64, Vec<Tensor>)> = None;
        let mut step = 0;
        let mut printed = 0;
        while self.steps == 0 || step < self.steps {
            let summary = beside.summary.as_ref().map(|(_, merged, _)| *merged);
            let summary = summary.filter(|_| (step + 1).is_multiple_of(self.summary_every));
            let options = RunOptions {
                trace: self.trace.is_some() && beside.trace.len() < MOST_TRACED,
                ..RunOptions::default()
            };
            let (mut values, metadata) = match program.step(summary, &options)? {
                Outcome::Values(values, metadata) => (values, metadata),
                Outcome::EndOfInput => {
                    complain(&format!("the input ended after {step} steps"));
                    break;
                }
                Outcome::Interrupted => break,
            };
            step += 1;
            if summary.is_some() {
                let merged = values.pop();
                self.write_summary(program, beside, step, merged)?;
            }
            beside.keep_trace(step, metadata);
            if step.is_multiple_of(self.every) {
                self.print(program, step, &values, out)?;
                printed = step;
            }
            last = Some((step, values));
        }
        let Some((step, values)) = last else {
            return Ok(None);
        };
        if printed < step {
            self.print(program, step, &values, out)?;
        }
        Ok(Some(values))
    }

    fn print(&self, program: &Program, step: u64, values: &[Tensor], out: &mut Out) -> Done {
        let named = program.fetches.iter().zip(values);
        if self.json {
            let fetches = named.map(|((name, _), t)| (name.clone(), tensor_json(t)));
            let fetches: Map<String, Value> = fetches.collect();
            return out.json_line(&Line {
                step,
                fetches: &fetches,
            });
        }
        let before = match self.steps {
            1 => String::new(),
            _ => format!("step {step}  "),
        };
        for ((name, _), t) in named {
            writeln!(
                out,
                "{before}{name}  {} {}  {}",
                dtype_name(t.dtype()),
                t.shape(),
                t.summarize(SHOWN)
            )?;
        }
        out.flush()
    }

    fn beside(&self, program: &mut Program) -> Done<Beside> {
        let saver = match (&self.save, program.saver.take()) {
            (None, _) => None,
            (Some(_), Some(saver)) => Some(saver),
            (Some(_), None) => Some(restore::saver_of_all(&program.graph)?),
        };
        if self.out.is_some() && program.fetches.is_empty() {
            return Err(Stop::Usage("--out: nothing is fetched".into()));
        }
        let summary = match &self.summaries {
            None => None,
            Some(folder) => {
                let merged = merged_summary(&program.graph)?;
                let writer = FileWriter::new(folder, Some(&program.graph))?;
                Some((writer, merged, program.global_step()))
            }
        };
        Ok(Beside {
            saver,
            summary,
            trace: ChromeTrace::default(),
            metadata: RunMetadata::default(),
            begun: Instant::now(),
            untraced: 0,
        })
    }

    fn write_summary(
        &self,
        program: &Program,
        beside: &Beside,
        step: u64,
        merged: Option<Tensor>,
    ) -> Result<()> {
        let (Some((writer, _, global_step)), Some(merged)) = (&beside.summary, merged) else {
            return Ok(());
        };
        let step = match global_step {
            Some(e) => whole(&program.session.fetch([*e].as_slice())?)?,
            None => i64::try_from(step).unwrap_or(i64::MAX),
        };
        writer.add_summary(merged.to_bytes()?, step)
    }
}

impl Beside {
    fn keep_trace(&mut self, step: u64, mut metadata: RunMetadata) {
        if metadata.nodes.is_empty() {
            return;
        }
        let room = MOST_TRACED.saturating_sub(self.trace.len());
        let kept = metadata.nodes.len().min(room);
        let rest = metadata.nodes.split_off(kept);
        self.untraced += rest.len();
        let offset = metadata.begin.map_or(Default::default(), |b| {
            b.saturating_duration_since(self.begun)
        });
        self.trace.add(step, offset, &metadata);
        metadata.nodes.extend(rest);
        self.metadata = metadata;
    }
}

/// Writes a trace for viewers, or as TensorFlow's message if the file's name ends in .pb.
pub(super) fn write_trace(path: &Path, trace: &ChromeTrace, metadata: &RunMetadata) -> Result<()> {
    let bytes = match path.extension().is_some_and(|e| e == "pb") {
        true => metadata.to_pb(),
        false => trace.to_json().into_bytes(),
    };
    write_atomic(path, &bytes)
}

/// A step count, whatever its type: the multi-GPU tutorial keeps it as a float.
fn whole(t: &Tensor) -> Result<i64> {
    match t.to_i64s() {
        Ok(v) => v
            .first()
            .copied()
            .ok_or_else(|| Error::invalid_argument("the global step is empty")),
        Err(_) => Ok(t.to_scalar::<f32>()? as i64),
    }
}

/// The summary of all summaries: the graph's own, or a new one of those in its collection.
fn merged_summary(graph: &Graph) -> Result<Endpoint> {
    if let Some(Item::Output(e)) = graph.collection(keys::SUMMARY_OP).first() {
        return Ok(*e);
    }
    let nodes = graph.nodes();
    let used: std::collections::HashSet<Endpoint> = nodes
        .iter()
        .flat_map(|n| n.inputs.iter().copied())
        .collect();
    let merged = nodes
        .iter()
        .rev()
        .filter(|n| n.op.name == "MergeSummary")
        .map(|n| Endpoint {
            node: n.id,
            port: 0,
        })
        .find(|e| !used.contains(e));
    if let Some(e) = merged {
        return Ok(e);
    }
    let made = graph.merge_all_summaries().map(|o| o.endpoint());
    graph.check()?;
    made.ok_or_else(|| Error::not_found("--summaries: the graph has no summaries"))
}
