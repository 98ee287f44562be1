//! Definitions against files that TensorFlow wrote, and against every kind of broken file.

mod bad;
mod files;
mod golden;
mod tensors;

use super::*;

/// A file of tests/data/defs.
fn data(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/defs")
        .join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn text_data(name: &str) -> String {
    String::from_utf8(data(name)).unwrap()
}

fn unhex(hex: &str) -> Vec<u8> {
    let hex: String = hex.split_whitespace().collect();
    (0..hex.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap())
        .collect()
}

/// A graph of one node with one attribute given as the text of an `AttrValue`.
fn one_attr(value: &str) -> AttrValue {
    let text = format!("node {{ name: 'n' op: 'X' attr {{ key: 'a' value {{ {value} }} }} }}");
    let mut g = GraphDef::from_pbtxt(&text).unwrap_or_else(|e| panic!("{text}: {e}"));
    g.node[0].attr.remove("a").unwrap()
}
