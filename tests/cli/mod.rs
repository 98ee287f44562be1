//! The `tensorloom` command, run as users run it.

mod bench;
mod checkpoint;
mod convert;
mod diff;
mod dot;
#[cfg(all(feature = "cuda", target_os = "linux"))]
mod drivers;
mod events;
mod freeze;
mod grad;
mod inspect;
mod program;
mod run;
mod training;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How the command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    /// What it printed, after success.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }
    /// The JSON document that it printed, after success.
    #[track_caller]
    pub(crate) fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.ok()).unwrap()
    }
    /// Its only line on stderr, `error: …`, after a failure with that status.
    #[track_caller]
    pub(crate) fn error(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        let line = self.err.lines().find(|l| l.starts_with("error: "));
        assert!(line.is_some(), "{self:?}");
        line.unwrap().to_string()
    }
}

/// The command with these arguments, in a folder.
pub(crate) fn command(dir: &Path, args: &[&str]) -> Command {
    let mut c = Command::new(env!("CARGO_BIN_EXE_tensorloom"));
    c.args(args).current_dir(dir).stdin(Stdio::null());
    c
}

/// Runs the command in a folder.
pub(crate) fn tensorloom(dir: &Path, args: &[&str]) -> Ended {
    let done = command(dir, args).output().unwrap();
    Ended {
        code: done.status.code(),
        out: String::from_utf8(done.stdout).unwrap(),
        err: String::from_utf8(done.stderr).unwrap(),
    }
}

/// A file of the tests' data, as an argument.
pub(crate) fn data(name: &str) -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name);
    path.to_str().unwrap().to_string()
}
