//! A process that saves checkpoints is killed again and again; the newest complete one must always be there.

use super::TempDir;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tensorloom::Tensor;
use tensorloom::io::{
    BundleReader, BundleWriter, latest_checkpoint, remove_checkpoint, update_checkpoint_state,
};

const TEST: &str = "io::crash::killed_saves_leave_the_newest_complete_checkpoint";
const FOLDER: &str = "TENSORLOOM_CRASH_TEST_FOLDER";
const KILLS: u64 = 50;
const KEEP: usize = 3;

/// Tensors that all say at which step they were saved; large enough that a kill may come in the middle of one.
fn save(prefix: &Path, step: i64) {
    let mut writer = BundleWriter::new(prefix).unwrap();
    writer.add("step", &Tensor::from(step)).unwrap();
    for i in 0..8 {
        writer
            .add(&format!("w{i}"), &Tensor::from(vec![step; 20_000]))
            .unwrap();
    }
    writer.finish().unwrap();
}

/// The step of a checkpoint, all of whose bytes are checked.
fn step_of(prefix: &Path) -> i64 {
    let reader = BundleReader::open(prefix).unwrap();
    for (name, checked) in reader.verify() {
        checked.unwrap_or_else(|e| panic!("{}: {name}: {e}", prefix.display()));
    }
    let step = reader.read("step").unwrap().to_scalar::<i64>().unwrap();
    for i in 0..8 {
        let w = reader.read(&format!("w{i}")).unwrap();
        assert!(w.data::<i64>().unwrap().iter().all(|x| *x == step));
    }
    step
}

/// Saves for ever: each step under its own name, as training does, and all under one name.
fn save_until_killed(dir: &Path) -> ! {
    let mut kept: Vec<String> = Vec::new();
    let mut step = latest_checkpoint(dir).map_or(0, |p| step_of(Path::new(&p)));
    loop {
        step += 1;
        let prefix = dir.join(format!("model.ckpt-{step}"));
        save(&prefix, step);
        kept.push(prefix.to_str().unwrap().to_string());
        let first = kept.len().saturating_sub(KEEP);
        update_checkpoint_state(dir, kept.last().unwrap(), &kept[first..], "checkpoint").unwrap();
        for old in kept.drain(..first) {
            remove_checkpoint(&old).unwrap();
        }
        save(&dir.join("same"), step);
        let mut out = std::io::stdout().lock();
        writeln!(out, "saved {step}").unwrap();
        out.flush().unwrap();
    }
}

fn start(dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([TEST, "--exact", "--nocapture"])
        .env(FOLDER, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn killed_saves_leave_the_newest_complete_checkpoint() {
    if let Some(dir) = std::env::var_os(FOLDER) {
        save_until_killed(Path::new(&dir));
    }
    let dir = TempDir::new("crash");
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    let mut confirmed = 0;
    for kill in 0..KILLS {
        let mut child = start(dir.path());
        let mut lines = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok);
        let see = |line: Option<String>, confirmed: &mut i64| match line {
            Some(line) => {
                let step = line
                    .strip_prefix("saved ")
                    .map(|s| s.parse::<i64>().unwrap());
                *confirmed = step.unwrap_or(*confirmed);
                step.is_some()
            }
            None => panic!("the saving process ended by itself"),
        };
        while !see(lines.next(), &mut confirmed) {}
        random = random
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        std::thread::sleep(Duration::from_micros((random >> 33) % 20_000));
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines {
            // The last line may be cut off.
            let step = line
                .strip_prefix("saved ")
                .and_then(|s| s.parse::<i64>().ok());
            confirmed = confirmed.max(step.unwrap_or(0));
        }
        let latest = latest_checkpoint(dir.path()).expect("no checkpoint is left");
        let step = step_of(Path::new(&latest));
        assert!(
            latest.ends_with(&format!("-{step}")) && step >= confirmed,
            "kill {kill}"
        );
        assert!(
            step_of(&dir.path().join("same")) >= confirmed,
            "kill {kill}"
        );
    }
    assert!(confirmed >= KILLS as i64);
}
