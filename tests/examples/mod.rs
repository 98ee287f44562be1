//! The example programs, run as users run them.

mod cifar10;
mod cifar10_data;
mod cifar10_towers;
mod small;

use crate::io::TempDir;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// The longest that a program may take: debug builds on a busy machine are slow.
const PATIENCE: Duration = Duration::from_secs(300);

/// The built example of that name.
fn program(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let path = tests
        .ancestors()
        .nth(2)
        .unwrap()
        .join("examples")
        .join(file);
    assert!(
        path.exists(),
        "{} is not there: `cargo build --examples` makes it (as `cargo test` does)",
        path.display()
    );
    path
}

/// A program under way; killed when dropped.
struct Running {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

/// How a program ended.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Starts an example in a folder; what it prints goes to files beside that folder's own.
fn start(dir: &Path, name: &str, args: &[&str]) -> Running {
    start_with(dir, name, args, &[])
}

/// As [`start`], with environment variables.
fn start_with(dir: &Path, name: &str, args: &[&str], environment: &[(&str, &str)]) -> Running {
    let (out, err) = (dir.join("stdout.txt"), dir.join("stderr.txt"));
    let child = Command::new(program(name))
        .args(args)
        .envs(environment.iter().copied())
        .current_dir(dir)
        .stdout(File::create(&out).unwrap())
        .stderr(File::create(&err).unwrap())
        .spawn()
        .unwrap();
    Running { child, out, err }
}

/// Runs an example to its end.
fn run(dir: &Path, name: &str, args: &[&str]) -> Ended {
    start(dir, name, args).wait()
}

/// Runs an example, which must end well.
pub fn run_example(dir: &Path, name: &str, args: &[&str]) {
    run(dir, name, args).ok();
}

impl Running {
    /// What it has printed so far.
    fn printed(&self) -> String {
        fs::read_to_string(&self.out).unwrap()
    }
    /// Waits for its end.
    fn wait(mut self) -> Ended {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Ended {
                    code: status.code(),
                    out: self.printed(),
                    err: fs::read_to_string(&self.err).unwrap(),
                };
            }
            let out = || (self.printed(), fs::read_to_string(&self.err).unwrap());
            assert!(begin.elapsed() < PATIENCE, "it does not end: {:?}", out());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// It ended well; what it printed.
    #[track_caller]
    fn ok(&self) -> &str {
        assert_eq!(self.code, Some(0), "{self:#?}");
        &self.out
    }
    /// It ended with an error that says this, and did not panic.
    #[track_caller]
    fn fails_with(&self, message: &str) {
        assert_eq!(self.code, Some(1), "{self:#?}");
        assert!(self.err.contains("error: "), "{self:#?}");
        assert!(
            self.err.contains(message),
            "'{message}' is not in {self:#?}"
        );
        assert!(!self.err.contains("panicked"), "{self:#?}");
    }
}
