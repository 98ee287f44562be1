//! What holds for the whole command: usage, help, a reader that goes away; and the listings `ops`, `devices` and
//! `completions`.

use super::{command, tensorloom};
use crate::io::TempDir;
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use tensorloom::Registry;

const SUBCOMMANDS: [&str; 13] = [
    "inspect",
    "run",
    "bench",
    "checkpoint",
    "events",
    "convert",
    "diff",
    "dot",
    "grad",
    "freeze",
    "devices",
    "ops",
    "completions",
];

#[test]
fn every_subcommand_helps_and_refuses_what_it_does_not_know() {
    let dir = TempDir::new("cli-usage");
    let dir = dir.path();
    let all = tensorloom(dir, &["--help"]).ok();
    for name in SUBCOMMANDS {
        assert!(all.contains(&format!("\n  {name} ")), "{name}");
        let help = tensorloom(dir, &[name, "--help"]).ok();
        assert!(
            help.contains("\nUsage: tensorloom ") && help.contains("Example"),
            "{help}"
        );
        let done = tensorloom(dir, &[name, "--no-such-option"]);
        assert_eq!(done.out, "");
        assert!(done.error(2).contains("--no-such-option"), "{name}");
    }
    assert_eq!(tensorloom(dir, &[]).code, Some(2));
    assert_eq!(tensorloom(dir, &["nonsense"]).code, Some(2));
    let version = tensorloom(dir, &["--version"]).ok();
    assert_eq!(
        version,
        format!("tensorloom {}\n", env!("CARGO_PKG_VERSION"))
    );
    for args in [
        &["inspect"][..],
        &["convert", "a.pb"],
        &["grad", "a.pb"],
        &["run", "a.pb", "--optimize", "much"],
        &["inspect", "a.pb", "--batch", "-1"],
        &["completions", "tcsh"],
        &["completions"],
    ] {
        let done = tensorloom(dir, args);
        assert_eq!((done.code, &done.out[..]), (Some(2), ""), "{args:?}");
    }
}

#[test]
fn ops_are_those_of_the_registry() {
    let dir = TempDir::new("cli-ops");
    let dir = dir.path();
    let all = tensorloom(dir, &["ops", "--json"]).json();
    let all = all.as_array().unwrap();
    let registry = Registry::builtin();
    let known: Vec<String> = registry.ops().iter().map(|(s, _)| s.name.clone()).collect();
    let listed: Vec<&str> = all.iter().map(|o| o["op"].as_str().unwrap()).collect();
    assert_eq!(listed, known);
    for o in all {
        assert!(
            ["yes", "not differentiable", "missing"].contains(&o["gradient"].as_str().unwrap())
        );
        let kernels = o["kernels"].as_array().unwrap();
        assert_eq!(
            kernels.is_empty(),
            o["compiled_away"].as_bool().unwrap(),
            "{o}"
        );
    }
    let table = tensorloom(dir, &["ops"]).ok();
    assert_eq!(table.lines().count(), known.len() + 2);
    assert!(table.ends_with(&format!("\n{} ops\n", known.len())));

    let some = tensorloom(dir, &["ops", "MatMul", "Assign", "--json"]).json();
    assert_eq!(some[0]["signature"], "MatMul(a:T, b:T) -> (product:T)");
    assert_eq!(some[0]["gradient"], "yes");
    assert!(
        some[0]["attrs"]
            .as_array()
            .unwrap()
            .contains(&json!("transpose_a:bool=false"))
    );
    assert_eq!(some[1]["allows_uninitialized_input"], true);
    let text = tensorloom(dir, &["ops", "While"]).ok();
    assert!(
        text.starts_with("While(") && text.contains("needs none"),
        "{text}"
    );
    let done = tensorloom(dir, &["ops", "MatMull"]);
    assert_eq!(done.out, "");
    let e = done.error(1);
    assert!(
        e.starts_with("error: NotFound: ") && e.contains("MatMul"),
        "{e}"
    );
}

#[test]
fn devices_say_what_they_can_do() {
    let dir = TempDir::new("cli-devices");
    let f = tensorloom(dir.path(), &["devices", "--json"]).json();
    let d = &f["devices"][0];
    assert_eq!(d["name"], "/job:localhost/replica:0/task:0/device:CPU:0");
    assert!(d["threads"].as_u64().unwrap() > 0);
    assert_eq!(
        (&d["ops"], &d["all_ops"]),
        (&d["all_ops"], &Registry::builtin().ops().len().into())
    );
    let gpus = f["devices"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|d| d["kind"] == "GPU")
        .count();
    assert_eq!(gpus == 0, f["no_gpu"].is_string());
    let text = tensorloom(dir.path(), &["devices"]).ok();
    assert!(
        text.starts_with("/job:localhost/replica:0/task:0/device:CPU:0\n"),
        "{text}"
    );
}

#[test]
fn completions_name_every_subcommand() {
    let dir = TempDir::new("cli-completions");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = tensorloom(dir.path(), &["completions", shell]).ok();
        for name in SUBCOMMANDS {
            assert!(script.contains(name), "{shell}: {name}");
        }
    }
    // A shell that is there takes its script.
    let script = tensorloom(dir.path(), &["completions", "bash"]).ok();
    let file = dir.path().join("script");
    std::fs::write(&file, script).unwrap();
    if let Ok(done) = Command::new("bash").arg("-n").arg(&file).output() {
        assert!(done.status.success(), "{done:?}");
    }
}

#[test]
fn a_reader_that_goes_away_ends_the_command_quietly() {
    let dir = TempDir::new("cli-pipe");
    let train = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/graph_defs/cifar10_train.pbtxt"
    );
    for args in [
        &["inspect", train, "--nodes"][..],
        &["inspect", train, "--nodes", "--json"],
        &["dot", train],
        &["ops"],
        &["ops", "--json"],
        &["completions", "zsh"],
    ] {
        let mut child = command(dir.path(), args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let done = child.wait_with_output().unwrap();
        assert_eq!(
            (done.status.code(), &done.stderr[..]),
            (Some(0), &b""[..]),
            "{args:?}"
        );
    }
}

#[test]
fn progress_is_for_terminals_only() {
    let dir = TempDir::new("cli-progress");
    let line = concat!(env!("CARGO_MANIFEST_DIR"), "/graph_defs/line.pbtxt");
    let run = [
        "run",
        line,
        "--init",
        "init",
        "--target",
        "GradientDescent",
        "--fetch",
        "slope",
        "--steps",
        "3",
        "--json",
    ];
    let save = [&run[..], &["--save", "m"]].concat();
    let restore = [&run[..], &["--restore", "m"]].concat();
    for args in [save, restore] {
        let done = tensorloom(dir.path(), &args);
        assert_eq!((done.code, &done.err[..]), (Some(0), ""), "{args:?}");
        let lines: Vec<Value> = done
            .out
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        assert!(!lines.is_empty());
    }
}
