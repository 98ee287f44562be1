//! Against the real TensorFlow: its recorded answers to single ops, and its recorded sessions.

mod case;
pub mod compare;
mod coverage;
mod graphs;
mod images;
mod imports;
mod ops;
mod random_graphs;
pub mod replays;
pub mod tolerance;

use std::path::PathBuf;
use tensorloom::Tensor;
use tensorloom::def::{AttrValue, NodeDef};

/// A folder of recorded data.
pub fn data(folder: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(folder)
}

/// The value of a Const node.
fn value(node: &NodeDef) -> Tensor {
    match node.attr.get("value") {
        Some(AttrValue::Tensor(t)) => t.clone(),
        other => panic!("{} is no constant: {other:?}", node.name),
    }
}

/// Fails with all lines, if there are any.
fn report(what: &str, total: usize, mut problems: Vec<String>) {
    problems.sort();
    assert!(
        problems.is_empty(),
        "{} of {total} {what} differ:\n{}",
        problems.len(),
        problems.join("\n")
    );
}
