//! The `tensorloom` command: its subcommands, one file each, and how it ends.

mod bench;
mod checkpoint;
mod checkpoint_files;
mod completions;
mod convert;
mod devices;
mod diff;
mod dot;
mod edges;
mod events;
mod feeds;
mod freeze;
mod grad;
mod graph_file;
mod inspect;
mod interrupt;
mod lenient;
mod ops;
mod output;
mod program;
mod restore;
mod run;

use clap::{CommandFactory, Parser, Subcommand};
use output::{Done, Out, Stop};
use std::process::ExitCode;

/// Exit status of a run that failed.
const FAILED: u8 = 1;
/// Exit status of wrong usage.
const MISUSED: u8 = 2;

const AFTER_HELP: &str = "\
GRAPH is a GraphDef (.pb, .pbtxt, .json), a MetaGraphDef (.meta) or a SavedModel folder; the content tells which.
Errors go to stderr as `error: <code>: <node>: <what>` with exit status 1; wrong usage has exit status 2.

Example:
  tensorloom inspect train.pb";

/// Looks into, converts, compares, differentiates and runs TensorFlow graphs, checkpoints and event files.
#[derive(Parser)]
#[command(name = "tensorloom", version, max_term_width = 100, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Inspect(inspect::Args),
    Run(Box<run::Args>),
    Bench(Box<bench::Args>),
    Checkpoint(checkpoint::Args),
    Events(events::Args),
    Convert(convert::Args),
    Diff(diff::Args),
    Dot(dot::Args),
    Grad(grad::Args),
    Freeze(freeze::Args),
    Devices(devices::Args),
    Ops(ops::Args),
    Completions(completions::Args),
}

impl Command {
    fn run(&self, out: &mut Out) -> Done<ExitCode> {
        match self {
            Command::Inspect(a) => a.run(out),
            Command::Run(a) => a.run(out),
            Command::Bench(a) => a.run(out),
            Command::Checkpoint(a) => a.run(out),
            Command::Events(a) => a.run(out),
            Command::Convert(a) => a.run(),
            Command::Diff(a) => a.run(out),
            Command::Dot(a) => a.run(out),
            Command::Grad(a) => a.run(out),
            Command::Freeze(a) => a.run(out),
            Command::Devices(a) => a.run(out),
            Command::Ops(a) => a.run(out),
            Command::Completions(a) => a.run(out),
        }
    }
}

/// Runs the command on the process's arguments.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            // Help asked for goes to stdout with status 0; nobody may be listening.
            let _ = e.print();
            return ExitCode::from(if e.use_stderr() { MISUSED } else { 0 });
        }
    };
    let mut out = Out::stdout();
    let done = cli.command.run(&mut out);
    // What was printed before an error comes out before it.
    let flushed = out.flush();
    match done.and_then(|code| flushed.map(|()| code)) {
        Ok(code) => code,
        Err(Stop::Closed) => ExitCode::SUCCESS,
        Err(Stop::Usage(what)) => {
            output::complain(&format!(
                "error: {what}\n\nFor more information, try '--help'."
            ));
            ExitCode::from(MISUSED)
        }
        Err(Stop::Error(e)) => {
            output::complain(&output::error_line(&e));
            ExitCode::from(FAILED)
        }
    }
}

/// The command's grammar, as clap knows it.
pub fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_grammar_is_sound_and_every_subcommand_has_an_example() {
        let command = super::command();
        command.clone().debug_assert();
        fn walk(c: &clap::Command) {
            let leaf = c.get_subcommands().next().is_none();
            if leaf {
                let help = c
                    .get_after_help()
                    .map(|h| h.to_string())
                    .unwrap_or_default();
                assert!(help.contains("Example"), "{} has no example", c.get_name());
                assert!(c.get_about().is_some(), "{} says nothing", c.get_name());
            }
            c.get_subcommands().for_each(walk);
        }
        walk(&command);
    }
}
