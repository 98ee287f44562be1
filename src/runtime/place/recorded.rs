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

/// A graph with its two outcomes: with soft placement, and without.
struct Recorded {
    name: String,
    /// How many of its nodes were placed before the others came.
    first: usize,
    def: GraphDef,
    wanted: [String; 2],
}

fn recorded(file: &str) -> Vec<Recorded> {
    let folder = std::env::var_os("TENSORLOOM_PLACER");
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/placer");
    let path = folder.map_or(here, Into::into).join(file);
    let data = std::fs::read(&path).unwrap();
    let text = match file.ends_with(".gz") {
        true => {
            let mut text = String::new();
            let mut unzip = flate2::read::GzDecoder::new(&data[..]);
            std::io::Read::read_to_string(&mut unzip, &mut text).unwrap();
            text
        }
        false => String::from_utf8(data).unwrap(),
    };
    let mut all: Vec<Recorded> = Vec::new();
    let mut nodes = String::new();
    for line in text.lines() {
        let (kind, rest) = line.split_once(' ').unwrap();
        match kind {
            "graph" => nodes.clear(),
            "node" => {
                nodes.push_str(line);
                nodes.push('\n');
            }
            _ => {}
        }
        match kind {
            "graph" => all.push(Recorded {
                name: rest.split_once(' ').unwrap().1.to_string(),
                first: rest.split_once(' ').unwrap().0.parse().unwrap(),
                def: GraphDef::default(),
                wanted: Default::default(),
            }),
            "soft" => {
                let last = all.last_mut().unwrap();
                last.def = GraphDef::from_pbtxt(&nodes).unwrap();
                last.wanted[0] = rest.to_string();
            }
            "hard" => all.last_mut().unwrap().wanted[1] = rest.to_string(),
            _ => {}
        }
    }
    all
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

/// An outcome of the file, its message read from JSON.
fn unquoted(line: &str) -> String {
    let Some((code, json)) = line.split_once(" \"") else {
        return line.to_string();
    };
    let mut text = String::new();
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
    format!("{code} {text}")
}

/// Without the list of kernels, which is ours.
fn without_kernels(message: &str) -> &str {
    let end = "Registered kernels:\n";
    message
        .find(end)
        .map_or(message, |at| &message[..at + end.len()])
}

/// Where we mean to differ from TensorFlow, and why.
const DIFFERENT: [(&str, &str); 1] = [(
    "a number beyond 32 bits",
    "TensorFlow lets the number of a device overflow; here such a name is malformed",
)];

fn compare(file: &str) {
    let all = recorded(file);
    assert!(!all.is_empty());
    let mut problems = Vec::new();
    for r in &all {
        for (soft, wanted) in [true, false].into_iter().zip(&r.wanted) {
            let (got, wanted) = (outcome(r, soft), unquoted(wanted));
            let means_to = DIFFERENT.iter().any(|(name, _)| *name == r.name);
            if (without_kernels(&got) != wanted) != means_to {
                problems.push(format!("{} soft {soft}:\n  {wanted}\n  {got}", r.name));
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
