//! The small examples print what they promise and leave the files that they name.

use super::{TempDir, run};
use std::fs;
use tensorloom::def::GraphDef;
use tensorloom::io::{CheckpointReader, event_files, latest_checkpoint, read_events};

#[test]
fn hello_graph_differentiates() {
    let dir = TempDir::new("hello_graph");
    let ended = run(dir.path(), "hello_graph", &[]);
    assert_eq!(
        ended.ok(),
        "y = sum(x² + 3x) = 32\ndy/dx = 2x + 3   = [5.0, 7.0, 9.0]\n"
    );
}

#[test]
fn save_and_rerun_writes_both_forms() {
    let dir = TempDir::new("save_and_rerun");
    let ended = run(dir.path(), "save_and_rerun", &[]);
    let lines: Vec<&str> = ended.ok().lines().collect();
    let [text, binary] = lines[..] else {
        panic!("{lines:?}");
    };
    let (_, value) = text.split_once("y = ").unwrap();
    assert_eq!(value, "float[2,2] [[3 0][5 2]]");
    assert!(text.starts_with("graph.pbtxt: ") && binary.starts_with("graph.pb: "));
    assert!(binary.ends_with(value));
    let text = fs::read_to_string(dir.path().join("graph.pbtxt")).unwrap();
    assert!(text.contains("op: \"MatMul\""));
    let binary = GraphDef::read(dir.path().join("graph.pb")).unwrap();
    assert_eq!(GraphDef::from_pbtxt(&text).unwrap(), binary);
}

#[test]
fn linear_regression_finds_the_line() {
    let dir = TempDir::new("linear_regression");
    let ended = run(dir.path(), "linear_regression", &[]);
    let out = ended.ok();
    assert!(out.contains("step 200: loss = 0.0"), "{out}");
    let prefix = latest_checkpoint(dir.path().join("line")).unwrap();
    assert!(prefix.ends_with("model.ckpt-200"));
    let checkpoint = CheckpointReader::open(dir.path().join("line/model.ckpt-200")).unwrap();
    let value = |name: &str| checkpoint.read(name).unwrap().to_scalar::<f32>().unwrap();
    assert!((value("slope") - 3.0).abs() < 0.15, "{}", value("slope"));
    assert!((value("bias") + 2.0).abs() < 0.1, "{}", value("bias"));
    let steps = checkpoint.read("global_step").unwrap();
    assert_eq!(steps.to_scalar::<i64>().unwrap(), 200);
    let files = event_files(dir.path().join("line")).unwrap();
    let events: Vec<_> = read_events(&files[0]).unwrap().collect();
    // The version, the graph, its meta graph, and a summary for each step.
    assert_eq!(events.len(), 3 + 200);
    assert!(events.iter().all(|e| e.is_ok()));
}
