//! Whole graphs that TensorFlow built: they are read, their shapes inferred alike, and written back unchanged.

use super::replays::unpack;
use super::{data, report};
use std::collections::BTreeMap;
use tensorloom::def::{AttrValue, GraphDef, NodeDef};
use tensorloom::{Graph, ImportOptions};

const SHAPES: &str = "_output_shapes";

/// All stored graphs.
fn graphs() -> Vec<(String, GraphDef)> {
    let mut all = Vec::new();
    for folder in ["cifar10", "replays"] {
        for file in std::fs::read_dir(data(folder)).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let Some(stem) = name.strip_suffix(".pb.gz") else {
                continue;
            };
            if !stem.ends_with(".runs") && !stem.ends_with(".meta") {
                all.push((stem.to_string(), unpack(&path)));
            }
        }
    }
    assert!(all.len() > 40);
    all
}

fn without_shapes(node: &NodeDef) -> NodeDef {
    let mut node = node.clone();
    node.attr.remove(SHAPES);
    node
}

#[test]
fn shapes_are_inferred_as_tensorflow_infers_them() {
    let mut problems = Vec::new();
    let mut total = 0;
    for (name, def) in graphs() {
        let g = Graph::new();
        if let Err(e) = g.import(&def, &ImportOptions::default()) {
            problems.push(format!("{name}: {e:?}"));
            continue;
        }
        for node in &def.node {
            let Some(AttrValue::ShapeList(shapes)) = node.attr.get(SHAPES) else {
                continue;
            };
            let ours = g.find(&node.name).unwrap().outputs();
            for (k, want) in shapes.iter().enumerate() {
                total += 1;
                let got = ours[k].shape();
                if got != *want {
                    problems.push(format!(
                        "{name}: {}:{k} ({}): want {want}, got {got}",
                        node.name, node.op
                    ));
                }
            }
        }
    }
    report("shapes", total, problems);
}

#[test]
fn graphs_are_written_as_they_were_read() {
    let mut problems = Vec::new();
    let mut total = 0;
    for (name, mut def) in graphs() {
        def.node = def.node.iter().map(without_shapes).collect();
        let g = Graph::new();
        // Otherwise nodes get the devices of those that they are colocated with.
        let options = ImportOptions {
            partial: true,
            ..ImportOptions::default()
        };
        if let Err(e) = g.import(&def, &options) {
            problems.push(format!("{name}: {e:?}"));
            continue;
        }
        let written: BTreeMap<String, NodeDef> = g
            .export()
            .unwrap()
            .node
            .into_iter()
            .map(|n| (n.name.clone(), n))
            .collect();
        for node in &def.node {
            total += 1;
            match written.get(&node.name) {
                Some(n) if n == node => {}
                Some(n) => {
                    problems.push(format!("{name}: {}: {:?} became {:?}", node.name, node, n))
                }
                None => problems.push(format!("{name}: {} is lost", node.name)),
            }
        }
    }
    report("nodes", total, problems);
}
