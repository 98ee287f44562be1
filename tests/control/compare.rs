//! Two graphs, node by node.

use std::collections::BTreeMap;
use tensorloom::AttrValue;
use tensorloom::def::{GraphDef, NodeDef};

/// Attributes that say something of what is computed, where and how often.
fn text(n: &NodeDef) -> String {
    let mut inputs: Vec<&str> = n.input.iter().map(String::as_str).collect();
    let data = inputs.iter().take_while(|i| !i.starts_with('^')).count();
    inputs[data..].sort();
    let words = |v: &AttrValue| match v {
        AttrValue::Bytes(b) => String::from_utf8_lossy(b).into_owned(),
        AttrValue::BytesList(l) => {
            let all: Vec<_> = l.iter().map(|b| String::from_utf8_lossy(b)).collect();
            all.join(",")
        }
        other => format!("{other:?}"),
    };
    let attrs: BTreeMap<&String, String> = n
        .attr
        .iter()
        .filter(|(k, _)| {
            !["_output_shapes", "_has_manual_control_dependencies"].contains(&k.as_str())
        })
        .map(|(k, v)| (k, words(v)))
        .collect();
    format!("{} {:?} {attrs:?}", n.op, inputs)
}

/// How a graph differs from the one that it should be.
pub fn differences(name: &str, ours: &GraphDef, theirs: &GraphDef) -> Vec<String> {
    let by_name = |g: &GraphDef| -> BTreeMap<String, String> {
        g.node.iter().map(|n| (n.name.clone(), text(n))).collect()
    };
    let (ours, theirs) = (by_name(ours), by_name(theirs));
    let mut out = Vec::new();
    for (node, want) in &theirs {
        match ours.get(node) {
            None => out.push(format!("{name}: {node} is missing: {want}")),
            Some(got) if got != want => {
                out.push(format!("{name}: {node}\n  is      {got}\n  must be {want}"));
            }
            Some(_) => {}
        }
    }
    for (node, got) in ours.iter().filter(|(n, _)| !theirs.contains_key(*n)) {
        out.push(format!("{name}: {node} is too much: {got}"));
    }
    out
}
