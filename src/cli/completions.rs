//! `tensorloom completions`: what a shell needs to complete the command's arguments.

use super::output::{Done, Out};
use clap_complete::Shell;
use std::io::Write;
use std::process::ExitCode;

/// Print a completion script for a shell
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  tensorloom completions bash > ~/.local/share/bash-completion/completions/tensorloom"
)]
pub(super) struct Args {
    /// The shell
    shell: Shell,
}

impl Args {
    pub(super) fn run(&self, out: &mut Out) -> Done<ExitCode> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::command(), "tensorloom", &mut script);
        out.write_all(&script)?;
        Ok(ExitCode::SUCCESS)
    }
}
