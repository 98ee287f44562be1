//! Two graphs compared node by node: names, op types, inputs, devices, attributes, shapes.

use flate2::read::GzDecoder;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use tensorloom::Graph;
use tensorloom::def::{AttrValue, GraphDef, NodeDef};

/// Differences that are meant to be: a pattern of their lines (`*` stands for anything), and why.
pub struct Accepted(pub &'static str, pub &'static str);

/// A graph that TensorFlow wrote.
fn recorded(name: &str) -> GraphDef {
    let path = format!(
        "{}/tests/data/cifar10/{name}.pb.gz",
        env!("CARGO_MANIFEST_DIR")
    );
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).unwrap();
    GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    GraphDef::from_pb(&bytes).unwrap()
}

/// Fails when the graph differs from TensorFlow's in more than is accepted, or less.
pub fn check(name: &str, g: &Graph, accepted: &[&[Accepted]]) {
    let ours = g.export_with_shapes().unwrap();
    let theirs = recorded(name);
    let accepted: Vec<&Accepted> = accepted.iter().copied().flatten().collect();
    let mut used = BTreeSet::new();
    let mut others = Vec::new();
    for line in differences(&ours, &theirs) {
        let hits: Vec<usize> = (0..accepted.len())
            .filter(|i| matches(accepted[*i].0, &line))
            .collect();
        if hits.is_empty() {
            others.push(line);
        }
        used.extend(hits);
    }
    println!(
        "{name}: {} nodes, TensorFlow's {}",
        ours.node.len(),
        theirs.node.len()
    );
    assert!(
        others.is_empty(),
        "{name}: {} differences:\n{}",
        others.len(),
        others.join("\n")
    );
    for (i, Accepted(pattern, why)) in accepted.iter().enumerate() {
        assert!(
            used.contains(&i),
            "{name}: nothing differs any more by '{pattern}' ({why})"
        );
    }
}

fn by_name(def: &GraphDef) -> BTreeMap<&str, &NodeDef> {
    def.node.iter().map(|n| (n.name.as_str(), n)).collect()
}

fn differences(ours: &GraphDef, theirs: &GraphDef) -> Vec<String> {
    let (a, b) = (by_name(ours), by_name(theirs));
    let mut out = Vec::new();
    let only = |n: &NodeDef| format!("{} = {}({})", n.name, n.op, n.input.join(", "));
    for (name, n) in &a {
        match b.get(name) {
            None => out.push(format!("ours: {}", only(n))),
            Some(m) => compare(n, m, &mut out),
        }
    }
    let missing = b.iter().filter(|(name, _)| !a.contains_key(*name));
    out.extend(missing.map(|(_, n)| format!("TensorFlow's: {}", only(n))));
    out
}

/// The order of control inputs says nothing.
fn inputs(n: &NodeDef) -> String {
    let (mut controls, data): (Vec<&String>, Vec<&String>) =
        n.input.iter().partition(|i| i.starts_with('^'));
    controls.sort();
    let all: Vec<&str> = data
        .into_iter()
        .chain(controls)
        .map(|s| s.as_str())
        .collect();
    all.join(", ")
}

fn compare(ours: &NodeDef, theirs: &NodeDef, out: &mut Vec<String>) {
    let mut differ = |what: &str, a: String, b: String| {
        if a != b {
            out.push(format!("{} {what}: {a} | {b}", ours.name));
        }
    };
    differ("op", ours.op.clone(), theirs.op.clone());
    differ("inputs", inputs(ours), inputs(theirs));
    differ("device", ours.device.clone(), theirs.device.clone());
    let names: BTreeSet<&String> = ours.attr.keys().chain(theirs.attr.keys()).collect();
    for name in names {
        // TensorFlow 2's own mark of control inputs that the program asked for.
        if name == "_has_manual_control_dependencies" {
            continue;
        }
        let (a, b) = (ours.attr.get(name), theirs.attr.get(name));
        if a != b {
            let text = |v: Option<&AttrValue>| match v {
                Some(AttrValue::BytesList(l)) => {
                    let parts: Vec<_> = l.iter().map(|b| String::from_utf8_lossy(b)).collect();
                    parts.join(", ")
                }
                Some(AttrValue::EmptyList) | None => "none".to_string(),
                Some(v) => format!("{v:?}").chars().take(200).collect(),
            };
            differ(name, text(a), text(b));
        }
    }
}

/// Whether a line has a pattern's form: the parts between the stars, in that order, from the first to the last byte.
fn matches(pattern: &str, line: &str) -> bool {
    let parts: Vec<&str> = pattern.split('*').collect();
    let [first, middle @ .., last] = &parts[..] else {
        return pattern == line;
    };
    let Some(mut rest) = line.strip_prefix(first) else {
        return false;
    };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[test]
fn patterns() {
    assert!(matches("a*c", "abc") && matches("abc", "abc") && matches("*b*", "abc"));
    assert!(!matches("a*d", "abc") && !matches("ab", "abc") && !matches("a*bc*c", "abc"));
}
