//! Every op of the registry has an answer that the real TensorFlow recorded: a case of its own, or a run that needed it.

use super::replays::unpack;
use super::{data, report};
use flate2::read::GzDecoder;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::PathBuf;
use tensorloom::Registry;
use tensorloom::def::{GraphDef, SavedModel};

/// Ops whose effect TensorFlow cannot record, and what checks them instead.
const ELSEWHERE: &[(&str, &str)] = &[
    (
        "Abort",
        "ends TensorFlow's process; here an error: ops/control/abort.rs",
    ),
    (
        "FixedLengthRecordReader",
        "TensorFlow's kernel asks for an attribute that the op lacks; the second version is recorded",
    ),
    (
        "_Arg",
        "stands only in bodies that are compiled: every recorded call",
    ),
    ("_HostSend", TRANSFER),
    (
        "_SwitchN",
        "stands only where Case is compiled: the recorded functions",
    ),
];

const TRANSFER: &str =
    "made for a step whose nodes are on several devices: tests/control/devices.rs";

fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let all = std::fs::read_dir(data(folder)).unwrap();
    let mut all: Vec<PathBuf> = all.map(|f| f.unwrap().path()).collect();
    all.retain(|f| f.to_string_lossy().ends_with(ending));
    assert!(!all.is_empty(), "no {ending} in {folder}");
    all
}

/// The node of an input or of a tensor's name.
pub fn node_of(input: &str) -> &str {
    let input = input.strip_prefix('^').unwrap_or(input);
    input.split(':').next().unwrap_or(input)
}

/// The ops that the recorded runs of a graph needed; those of its functions all count.
fn ops_of_runs(graph: &GraphDef, runs: &GraphDef, found: &mut BTreeSet<String>) {
    let nodes: BTreeMap<&str, _> = graph.node.iter().map(|n| (n.name.as_str(), n)).collect();
    let (mut fed, mut wanted) = (BTreeSet::new(), Vec::new());
    for n in &runs.node {
        let [_, kind, tensor] = n.name.splitn(3, '/').collect::<Vec<_>>()[..] else {
            continue;
        };
        match kind {
            "feed" => drop(fed.insert(node_of(tensor))),
            "target" | "fetch" => wanted.push(node_of(tensor)),
            _ => {}
        }
    }
    let mut seen = BTreeSet::new();
    while let Some(name) = wanted.pop() {
        if fed.contains(name) || !seen.insert(name) {
            continue;
        }
        let node = nodes.get(name).unwrap_or_else(|| panic!("no node {name}"));
        found.insert(node.op.clone());
        wanted.extend(node.input.iter().map(|i| node_of(i)));
    }
    ops_of_functions(graph, found);
}

fn ops_of_functions(graph: &GraphDef, found: &mut BTreeSet<String>) {
    for function in graph.functions().unwrap() {
        found.extend(function.node.into_iter().map(|n| n.op));
    }
}

fn ops_of_saved_model(packed: &PathBuf, found: &mut BTreeSet<String>) {
    let file = std::fs::File::open(packed).unwrap();
    let mut archive = tar::Archive::new(GzDecoder::new(file));
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        if !entry.path().unwrap().ends_with("saved_model.pb") {
            continue;
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        for meta in SavedModel::from_pb(&bytes).unwrap().meta_graphs {
            ops_of_functions(&meta.graph, found);
            found.extend(meta.graph.node.into_iter().map(|n| n.op));
        }
    }
}

#[test]
fn every_op_has_an_answer_of_tensorflow() {
    let mut found = BTreeSet::new();
    for case in files("op_cases", ".pb") {
        found.insert(case.file_stem().unwrap().to_string_lossy().into_owned());
    }
    for folder in ["replays", "cifar10", "random_graphs"] {
        for runs in files(folder, ".runs.pb.gz") {
            let graph = runs.to_string_lossy().replace(".runs.pb.gz", ".pb.gz");
            ops_of_runs(&unpack(graph.as_ref()), &unpack(&runs), &mut found);
        }
    }
    for packed in files("saved_models", ".tar.gz") {
        ops_of_saved_model(&packed, &mut found);
    }
    let registry = Registry::builtin();
    let ops = registry.ops();
    let names: BTreeSet<&str> = ops.iter().map(|(schema, _)| schema.name.as_str()).collect();
    let elsewhere: BTreeSet<&str> = ELSEWHERE.iter().map(|e| e.0).collect();
    let mut problems = Vec::new();
    for op in &names {
        match (found.contains(*op), elsewhere.contains(op)) {
            (false, false) => problems.push(format!("{op}: TensorFlow was never asked")),
            (true, true) => problems.push(format!("{op}: recorded by now")),
            _ => {}
        }
    }
    let unknown = elsewhere.difference(&names);
    problems.extend(unknown.map(|op| format!("{op}: no such op")));
    report("ops", names.len(), problems);
}
