//! Imports into a graph, compared with what TensorFlow's `import_graph_def` and `import_meta_graph` made of the same
//! definitions (see `tests/interop/import_cases.py`).

use super::{data, report};
use prost::Message;
use serde_json::Value;
use tensorloom::def::{GraphDef, MetaGraphDef};
use tensorloom::graph::ImportedElement;
use tensorloom::proto::collection_def::Kind;
use tensorloom::proto::{
    CondContextDef, QueueRunnerDef, VariableDef, WhileContextDef, meta_graph_def,
};
use tensorloom::train::{MetaImportOptions, import_meta_graph_with, meta_graph};
use tensorloom::{Graph, ImportOptions, Output, Result};

fn read(name: &str) -> GraphDef {
    GraphDef::read(data("imports").join(name)).unwrap()
}

fn texts(v: &Value) -> Vec<String> {
    let list = v.as_array().into_iter().flatten();
    list.map(|t| t.as_str().unwrap().to_string()).collect()
}

/// The graph after the import, and the names of what was wanted.
fn import(case: &Value) -> Result<(GraphDef, Vec<String>)> {
    let g = Graph::new();
    if let Some(base) = case["base"].as_str() {
        g.import(&read(base), &ImportOptions::default())?;
    }
    let before = g.export()?;
    let map = case["input_map"].as_object().into_iter().flatten();
    let input_map: Vec<(String, Output<'_>)> = map
        .map(|(k, v)| Ok((k.clone(), g.output(v.as_str().unwrap())?)))
        .collect::<Result<_>>()?;
    let options = ImportOptions {
        prefix: case["prefix"].as_str().unwrap_or_default().into(),
        input_map,
        return_elements: texts(&case["return_elements"]),
        ..ImportOptions::default()
    };
    let mut scope = g.root();
    if let Some(s) = case["scope"].as_str() {
        scope = scope.scope(s);
    }
    if let Some(d) = case["device"].as_str() {
        scope = scope.device(d);
    }
    let after = texts(&case["after"]);
    scope = scope.after(after.iter().map(|n| g.find(n).unwrap()));
    let imported = match scope.import(&read(case["def"].as_str().unwrap()), &options) {
        Ok(imported) => imported,
        Err(e) => {
            assert_eq!(g.export()?, before, "a failed import left something");
            return Err(e);
        }
    };
    let names = imported.elements.iter().map(|e| match e {
        ImportedElement::Node(n) => n.name(),
        ImportedElement::Output(o) => o.name(),
    });
    Ok((g.export()?, names.collect()))
}

/// How the outcome differs from TensorFlow's.
fn difference(case: &Value) -> Option<String> {
    match (import(case), case["error"].as_str()) {
        (Err(e), Some(theirs)) => {
            // The node's name stands before our message, the installation's name is in theirs.
            let node = e.node().map_or(String::new(), |n| format!("Node '{n}': "));
            let ours = format!("{node}{}", e.message());
            let same = theirs.split(" of node ").all(|part| {
                let part = part.split("; ").next().unwrap_or(part);
                let part = part.split(".  Please").next().unwrap_or(part);
                let part = part.split(" for TensorFlow").next().unwrap_or(part);
                let part = part.split(" A root scope").next().unwrap_or(part);
                let part = part.split("; signature").next().unwrap_or(part);
                let part = part.split_once(" was passed").map_or(part, |p| p.1);
                let part = part.strip_prefix("Node 'g' ").unwrap_or(part);
                ours.contains(part.trim_end_matches('.'))
            });
            (!same).then(|| format!("error {ours:?}, TensorFlow says {theirs:?}"))
        }
        (Err(e), None) => Some(format!("fails: {e}")),
        (Ok(_), Some(e)) => Some(format!("no error, but TensorFlow says {e:?}")),
        (Ok((graph, names)), None) => {
            let wanted = read(case["result"].as_str().unwrap());
            if names != texts(&case["returned"]) {
                return Some(format!("returned {names:?}, not {}", case["returned"]));
            }
            (graph != wanted).then(|| {
                let (ours, theirs) = (graph.to_pbtxt().unwrap(), wanted.to_pbtxt().unwrap());
                format!("ours:\n{ours}\nTensorFlow's:\n{theirs}")
            })
        }
    }
}

#[test]
fn graphs_become_what_tensorflow_makes_of_them() {
    let text = std::fs::read_to_string(data("imports").join("cases.json")).unwrap();
    let cases: serde_json::Map<String, Value> = serde_json::from_str(&text).unwrap();
    assert!(cases.len() > 50, "only {} cases", cases.len());
    let problems = cases
        .iter()
        .filter_map(|(name, case)| difference(case).map(|d| format!("{name}: {d}")))
        .collect();
    report("imports", cases.len(), problems);
}

/// A collection's entries in a form that does not depend on the order of a map.
fn entries(name: &str, kind: Option<&Kind>) -> Vec<String> {
    fn decoded<M: Message + Default + std::fmt::Debug>(bytes: &[u8]) -> String {
        format!("{:?}", M::decode(bytes).unwrap())
    }
    match kind {
        Some(Kind::BytesList(l)) => {
            let entry = |b: &Vec<u8>| match name {
                "cond_context" => decoded::<CondContextDef>(b),
                "while_context" => decoded::<WhileContextDef>(b),
                "queue_runners" => decoded::<QueueRunnerDef>(b),
                n if n.ends_with("variables") => decoded::<VariableDef>(b),
                _ => format!("{b:?}"),
            };
            l.value.iter().map(entry).collect()
        }
        other => vec![format!("{other:?}")],
    }
}

#[test]
fn meta_graphs_become_what_tensorflow_makes_of_them() {
    let folder = data("imports");
    let meta = MetaGraphDef::read(folder.join("collections.meta.pbtxt")).unwrap();
    let mut problems = Vec::new();
    for (name, base, map) in [
        ("collections", None, false),
        ("collections_again", Some("s"), false),
        ("collections_mapped", Some("x"), true),
    ] {
        let g = Graph::new();
        let base = base.map(|b| g.root().named(b).constant([0.0f32, 0.0]));
        let options = MetaImportOptions {
            import_scope: "s".into(),
            input_map: base
                .filter(|_| map)
                .map(|b| ("x:0".into(), b))
                .into_iter()
                .collect(),
            return_elements: vec!["y:0".into()],
            ..MetaImportOptions::default()
        };
        let (saver, imported) = import_meta_graph_with(&g, &meta, &options).unwrap();
        assert!(imported.outputs()[0].name().ends_with("/y:0"));
        let ours = meta_graph(&g, saver.as_ref()).unwrap();
        let theirs = MetaGraphDef::read(folder.join(format!("{name}.result.pbtxt"))).unwrap();
        let saver = |m: &MetaGraphDef| m.meta.saver_def.clone().unwrap_or_default();
        let restore = saver(&ours).restore_op_name;
        assert!(g.find(&restore).is_some(), "{name}: {restore}");
        // Where the scope had to be renamed TensorFlow's saver names nodes that are not there.
        if g.find(&saver(&theirs).restore_op_name).is_some() {
            assert_eq!(saver(&ours), saver(&theirs), "{name}");
        }
        let keys = |m: &MetaGraphDef| {
            let mut keys: Vec<String> = m.meta.collection_def.keys().cloned().collect();
            keys.sort();
            keys
        };
        assert_eq!(keys(&ours), keys(&theirs), "{name}");
        for key in keys(&ours) {
            let of = |m: &MetaGraphDef| {
                let c = m.meta.collection_def.get(&key);
                entries(&key, c.and_then(|c| c.kind.as_ref()))
            };
            if of(&ours) != of(&theirs) {
                problems.push(format!(
                    "{name}: {key}: {:#?}\nTensorFlow: {:#?}",
                    of(&ours),
                    of(&theirs)
                ));
            }
        }
        for (a, b) in ours.graph.node.iter().zip(&theirs.graph.node) {
            let brief = |n: &tensorloom::def::NodeDef| {
                (
                    n.name.clone(),
                    n.input.clone(),
                    n.device.clone(),
                    n.attr.get("_class").cloned(),
                )
            };
            if brief(a) != brief(b) {
                problems.push(format!(
                    "{name}: {:?}\nTensorFlow: {:?}",
                    brief(a),
                    brief(b)
                ));
            }
        }
        assert_eq!(ours.graph.node.len(), theirs.graph.node.len(), "{name}");
    }
    report("meta graphs", 3, problems);
}

#[test]
fn unbound_inputs_must_be_mapped_and_devices_may_be_cleared() {
    let mut meta = MetaGraphDef::read(data("imports").join("collections.meta.pbtxt")).unwrap();
    let value = vec![b"x:0".to_vec()];
    let list = tensorloom::proto::collection_def::BytesList { value };
    let unbound = tensorloom::proto::CollectionDef {
        kind: Some(Kind::BytesList(list)),
    };
    meta.meta
        .collection_def
        .insert("unbound_inputs".into(), unbound);
    meta.meta.meta_info_def = Some(meta_graph_def::MetaInfoDef::default());
    meta.graph
        .node
        .iter_mut()
        .for_each(|n| n.device = "/gpu:0".into());
    let g = Graph::new();
    let mut options = MetaImportOptions::default();
    let e = import_meta_graph_with(&g, &meta, &options)
        .map(|_| ())
        .unwrap_err();
    assert!(
        e.message()
            .starts_with("Graph contains unbound inputs: x:0. Must provide"),
        "{e}"
    );
    assert!(g.is_empty());
    options.input_map = vec![("x:0".into(), g.root().constant([1.0f32, 2.0]))];
    options.clear_devices = true;
    import_meta_graph_with(&g, &meta, &options).unwrap();
    assert!(g.collection("unbound_inputs").is_empty());
    assert!(g.nodes().iter().all(|n| n.device.is_empty()));
}
