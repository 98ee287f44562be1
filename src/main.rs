//! The `tensorloom` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    tensorloom::cli::main()
}
