//! Placement of random graphs, and what is said of graphs that cannot be placed, as TensorFlow 2.19.1 did with four CPU
//! devices (`tests/interop/placer.py`).

use super::decide;
use super::placements::Memory;
use crate::def::GraphDef;
use crate::device::cpu::ThreadPool;
use crate::graph::Node;
use crate::registry::Registry;
use crate::runtime::devices::DeviceSet;
use crate::runtime::simplify::Draft;
use crate::{Graph, ImportOptions};
use std::path::Path;
use std::sync::Arc;

/// A graph with what TensorFlow did with it.
struct Recorded {
    name: String,
    /// How many of its nodes were placed before the others came.
    first: usize,
    def: GraphDef,
    /// By kinds: `soft` and `hard` placement, or a `line` that was logged in a first run, and in the `next` one.
    outcomes: Vec<(String, String)>,
}

fn read(file: &str) -> String {
    let folder = std::env::var_os("TENSORLOOM_PLACER");
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/placer");
    let data = std::fs::read(folder.map_or(here, Into::into).join(file)).unwrap();
    if !file.ends_with(".gz") {
        return String::from_utf8(data).unwrap();
    }
    let mut text = String::new();
    let mut unzip = flate2::read::GzDecoder::new(&data[..]);
    std::io::Read::read_to_string(&mut unzip, &mut text).unwrap();
    text
}

fn recorded(file: &str) -> Vec<Recorded> {
    let text = read(file);
    let graphs = text.strip_prefix("graph ").unwrap().split("\ngraph ");
    graphs.map(one).collect()
}

fn one(text: &str) -> Recorded {
    let (head, lines) = text.split_once('\n').unwrap();
    let (first, name) = head.split_once(' ').unwrap();
    let is_node = |l: &&str| l.starts_with("node ");
    let (nodes, rest): (Vec<&str>, Vec<&str>) = lines.lines().partition(is_node);
    Recorded {
        name: name.to_string(),
        first: first.parse().unwrap(),
        def: GraphDef::from_pbtxt(&nodes.join("\n")).unwrap(),
        outcomes: rest
            .into_iter()
            .map(|l| l.split_once(' ').unwrap())
            .map(|(kind, rest)| (kind.to_string(), unquoted(rest)))
            .collect(),
    }
}

/// The nodes of a definition with their devices and groups as they stand there.
fn nodes(def: &GraphDef) -> (Graph, Vec<Arc<Node>>) {
    let mut bare = def.clone();
    for n in &mut bare.node {
        n.device.clear();
        n.attr.remove("_class");
    }
    let g = Graph::new();
    g.import(&bare, &ImportOptions::default()).unwrap();
    let mut nodes = g.nodes();
    for n in &mut nodes {
        let from = def.node.iter().find(|d| d.name == n.name).unwrap();
        let n = Arc::make_mut(n);
        n.device = from.device.clone();
        if let Some(class) = from.attr.get("_class") {
            n.attrs.0.insert("_class".into(), class.clone());
        }
    }
    (g, nodes)
}

/// An outcome in the words of the file.
fn outcome(r: &Recorded, soft: bool) -> String {
    let (g, nodes) = nodes(&r.def);
    let devices = DeviceSet::new(4, &[], &ThreadPool::new(1), soft, false).unwrap();
    let mut memory = Memory::default();
    let mut place = |nodes: &[Arc<Node>]| {
        let mut drafts: Vec<Draft> = nodes.iter().cloned().map(Draft::new).collect();
        let registry = Registry::of(&g).unwrap();
        let decision = decide(nodes, &mut drafts, registry, &devices, &memory.fixed);
        let one = |(node, device): &(Arc<Node>, u32)| format!("{}={device}", node.name);
        let all: Vec<String> = decision.placed.iter().map(one).collect();
        memory.keep(decision).map(|()| all.join(" "))
    };
    let _ = place(&nodes[..r.first]);
    place(&nodes).unwrap_or_else(|e| format!("!{:?} {}", e.code(), e.message()))
}

/// An outcome of the file, what is in quotation marks read as JSON.
fn unquoted(line: &str) -> String {
    let Some((code, json)) = line.split_once('"') else {
        return line.to_string();
    };
    let mut text = code.to_string();
    let mut rest = json.strip_suffix('"').unwrap().chars();
    while let Some(c) = rest.next() {
        text.push(match c {
            '\\' => match rest.next().unwrap() {
                'n' => '\n',
                't' => '\t',
                c => c,
            },
            c => c,
        });
    }
    text
}

/// Without the list of kernels, which is ours.
fn without_kernels(message: &str) -> &str {
    let end = "Registered kernels:\n";
    message
        .find(end)
        .map_or(message, |at| &message[..at + end.len()])
}

/// Where we mean to differ from TensorFlow, and why.
const DIFFERENT: [(&str, &str, &str); 3] = [
    (
        "a number beyond 32 bits",
        "soft hard",
        "TensorFlow lets the number of a device overflow; here such a name is malformed",
    ),
    (
        "a new variable on a missing GPU beside one that stands",
        "soft",
        "TensorFlow prefers what the new one asks for, and finds no device; here it joins the one that stands",
    ),
    (
        "a new variable elsewhere beside one that stands",
        "soft",
        "TensorFlow does not notice that they contradict, and ends with an internal error; here it joins the one that stands",
    ),
];

fn compare(file: &str) {
    let all = recorded(file);
    assert!(!all.is_empty());
    let mut problems = Vec::new();
    for r in &all {
        for (kind, wanted) in &r.outcomes {
            let got = outcome(r, kind == "soft");
            let is_meant = |(name, kinds, _): &(&str, &str, &str)| {
                *name == r.name && kinds.contains(kind.as_str())
            };
            if (without_kernels(&got) != *wanted) != DIFFERENT.iter().any(is_meant) {
                problems.push(format!("{} {kind}:\n  {wanted}\n  {got}", r.name));
            }
        }
    }
    let (n, total) = (problems.len(), 2 * all.len());
    assert!(
        problems.is_empty(),
        "{n} of {total} differ:\n{}",
        problems.join("\n")
    );
}

#[test]
fn random_graphs_are_placed_as_tensorflow_places_them() {
    compare("random.txt.gz");
}

#[test]
fn graphs_are_refused_in_the_words_of_tensorflow() {
    compare("errors.txt");
}

#[test]
fn nodes_are_logged_as_tensorflow_logs_them() {
    let r = one(read("log.txt").strip_prefix("graph ").unwrap());
    let (g, nodes) = nodes(&r.def);
    let devices = DeviceSet::new(4, &[], &ThreadPool::new(1), true, true).unwrap();
    let mut memory = Memory::default();
    let mut lines = |nodes: &[Arc<Node>], needed: &[usize], version: u64| {
        let draft = |i: &usize| Draft::new(nodes[*i].clone());
        let mut drafts: Vec<Draft> = needed.iter().map(draft).collect();
        let registry = Registry::of(&g).unwrap();
        let decision = decide(nodes, &mut drafts, registry, &devices, &memory.fixed);
        let lines = memory.lines(version, &decision, &devices);
        memory.keep(decision).unwrap();
        lines
    };
    let wanted = |kind: &str| -> Vec<&String> {
        let all = r.outcomes.iter().filter(|(k, _)| k == kind);
        all.map(|(_, line)| line).collect()
    };
    let none: [&String; 0] = [];
    // All nodes are logged at once, whatever a run needs; then again when there are new ones.
    assert_eq!(
        lines(&nodes[..r.first], &[0], 1).iter().collect::<Vec<_>>(),
        wanted("line")
    );
    assert_eq!(
        lines(&nodes[..r.first], &[1, 2], 1)
            .iter()
            .collect::<Vec<_>>(),
        none
    );
    assert_eq!(
        lines(&nodes, &[], 2).iter().collect::<Vec<_>>(),
        wanted("next")
    );
    assert_eq!(lines(&nodes, &[4], 2).iter().collect::<Vec<_>>(), none);
}
