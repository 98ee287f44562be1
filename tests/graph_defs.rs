//! The graphs in graph_defs/ are those that the examples write.
//!
//! `TENSORLOOM_UPDATE=1 cargo test --test main graph_defs` writes them anew.

use crate::examples::run_example;
use crate::io::TempDir;
use std::path::{Path, PathBuf};
use tensorloom::def::MetaGraphDef;

fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("graph_defs")
        .join(name)
}

/// Fails with the first line that differs.
fn check(name: &str, text: &str) {
    if std::env::var_os("TENSORLOOM_UPDATE").is_some() {
        return std::fs::write(kept(name), text).unwrap();
    }
    let old = std::fs::read_to_string(kept(name)).unwrap();
    let differs = old.lines().zip(text.lines()).position(|(a, b)| a != b);
    assert!(
        old == text,
        "graph_defs/{name}: line {} is not what the example writes (TENSORLOOM_UPDATE=1 writes it anew)",
        differs.map_or(old.lines().count().min(text.lines().count()), |i| i) + 1
    );
}

fn exported(program: &str, options: &[&str], name: &str) {
    let dir = TempDir::new(name);
    let file = "graph.pbtxt";
    run_example(
        dir.path(),
        program,
        &[options, &["--export-graph", file]].concat(),
    );
    check(
        name,
        &std::fs::read_to_string(dir.path().join(file)).unwrap(),
    );
}

#[test]
fn training() {
    exported("cifar10_train", &[], "cifar10_train.pbtxt");
}

#[test]
fn evaluation() {
    exported("cifar10_eval", &[], "cifar10_eval.pbtxt");
}

#[test]
fn two_towers() {
    exported(
        "cifar10_multi_gpu_train",
        &["--num-gpus=2"],
        "cifar10_multi_gpu.pbtxt",
    );
}

#[test]
fn a_product() {
    let dir = TempDir::new("product");
    run_example(dir.path(), "save_and_rerun", &[]);
    check(
        "product.pbtxt",
        &std::fs::read_to_string(dir.path().join("graph.pbtxt")).unwrap(),
    );
}

#[test]
fn a_line() {
    let dir = TempDir::new("line");
    run_example(dir.path(), "linear_regression", &[]);
    let meta = MetaGraphDef::read(dir.path().join("line/model.ckpt-200.meta")).unwrap();
    check("line.pbtxt", &meta.to_pbtxt().unwrap());
}
