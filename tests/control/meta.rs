//! Loops and conditionals in MetaGraphDefs: the contexts that TensorFlow writes, and gradients of what was read.

use super::compare::differences;
use super::graphs::GRAPHS;
use super::{OTHER_HELPERS, recorded};
use crate::oracle::replays::{unpack, unpack_bytes};
use prost::Message;
use std::collections::BTreeSet;
use tensorloom::def::MetaGraphDef;
use tensorloom::proto::collection_def::{BytesList, Kind};
use tensorloom::proto::{CondContextDef, WhileContextDef};
use tensorloom::train::{MetaImportOptions, import_meta_graph, import_meta_graph_with, meta_graph};
use tensorloom::{Code, Graph, Session, Tensor};

/// The graph before its gradients were built.
fn forward(name: &str) -> MetaGraphDef {
    let path = recorded(name)
        .to_string_lossy()
        .replace(".pb.gz", ".meta.gz");
    MetaGraphDef::from_pb(&unpack_bytes(path.as_ref())).unwrap()
}

/// The contexts of a meta graph, as text.
fn contexts(meta: &MetaGraphDef) -> BTreeSet<String> {
    let entries = |name: &str| {
        let kind = meta
            .meta
            .collection_def
            .get(name)
            .and_then(|c| c.kind.clone());
        match kind {
            Some(Kind::BytesList(l)) => l.value,
            _ => Vec::new(),
        }
    };
    let conds = entries("cond_context").into_iter().map(|b| {
        let message = CondContextDef::decode(&b[..]).unwrap();
        format!("{message:#?}")
    });
    let loops = entries("while_context").into_iter().map(|b| {
        let message = WhileContextDef::decode(&b[..]).unwrap();
        format!("{message:#?}")
    });
    conds.chain(loops).map(|text| sorted_maps(&text)).collect()
}

/// Maps come in any order; their lines are compared sorted.
fn sorted_maps(text: &str) -> String {
    let mut out: Vec<&str> = Vec::new();
    let mut map: Option<Vec<&str>> = None;
    for line in text.lines() {
        match &mut map {
            Some(lines) if line.trim() == "}," => {
                lines.sort();
                out.append(lines);
                out.push(line);
                map = None;
            }
            Some(lines) => lines.push(line),
            None => {
                out.push(line);
                map = line.contains("external_values: {").then(Vec::new);
                if line.ends_with("{},") {
                    map = None;
                }
            }
        }
    }
    out.join("\n")
}

#[test]
fn contexts_are_those_of_tensorflow() {
    for (name, make) in GRAPHS {
        let g = Graph::new();
        make(&g);
        let (ours, theirs) = (meta_graph(&g, None).unwrap(), forward(name));
        let (ours, theirs) = (contexts(&ours), contexts(&theirs));
        for (a, b) in ours.iter().zip(&theirs) {
            assert_eq!(a, b, "{name}");
        }
        assert_eq!(ours.len(), theirs.len(), "{name}");
    }
}

#[test]
fn imported_loops_have_the_gradients_of_tensorflow() {
    let mut problems = Vec::new();
    for (name, make) in GRAPHS {
        let built = Graph::new();
        let (y, xs) = make(&built);
        let g = Graph::new();
        import_meta_graph(&g, &forward(name)).unwrap();
        let y = g.output(&y.name()).unwrap();
        let xs: Vec<_> = xs.iter().map(|x| g.output(&x.name()).unwrap()).collect();
        let grads = g.gradients(&[y], &xs).unwrap();
        for d in grads.into_iter().flatten() {
            d.dense(g.root());
        }
        let found = differences(name, &g.export().unwrap(), &unpack(&recorded(name)));
        problems.extend(found.into_iter().filter(|p| !p.contains(OTHER_HELPERS)));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// A loop brought into a name scope has frames of its own, and gradients.
#[test]
fn loops_in_a_scope_have_gradients() {
    let g = Graph::new();
    let options = MetaImportOptions {
        import_scope: "in".into(),
        ..MetaImportOptions::default()
    };
    import_meta_graph_with(&g, &forward("invariant"), &options).unwrap();
    let at = |name: &str| g.output(name).unwrap();
    let (x, w, y) = (at("in/x:0"), at("in/w:0"), at("in/while/Exit_1:0"));
    let grads = g.gradients(&[y], &[x, w]).unwrap();
    let grads: Vec<_> = grads
        .into_iter()
        .map(|d| d.unwrap().dense(g.root()))
        .collect();
    let feeds = [
        (x, Tensor::from([2.0f32, -1.0])),
        (w, Tensor::from([3.0f32, 0.5])),
    ];
    let out = Session::new(&g).unwrap().run(feeds, grads, ()).unwrap();
    // y = x w^3
    assert_eq!(out[0].data::<f32>().unwrap(), [27.0, 0.125]);
    assert_eq!(out[1].data::<f32>().unwrap(), [54.0, -0.75]);
}

#[test]
fn a_loop_without_context_has_no_gradient() {
    let g = Graph::new();
    g.import(&forward("power").graph, &Default::default())
        .unwrap();
    let (x, y) = (g.output("x").unwrap(), g.output("while/Exit_1").unwrap());
    let e = g.gradients(&[y], &[x]).unwrap_err();
    assert_eq!(e.code(), Code::InvalidArgument);
    assert!(e.message().contains("the loop has no context"), "{e}");
}

#[test]
fn contexts_must_fit_the_graph() {
    let with = |change: &dyn Fn(&mut WhileContextDef)| {
        let mut meta = forward("power");
        let entry = meta.meta.collection_def.get_mut("while_context").unwrap();
        let Some(Kind::BytesList(list)) = &mut entry.kind else {
            panic!("not bytes")
        };
        let mut def = WhileContextDef::decode(&list.value[0][..]).unwrap();
        change(&mut def);
        list.value[0] = def.encode_to_vec();
        let g = Graph::new();
        import_meta_graph(&g, &meta)?;
        let (x, y) = (g.output("x")?, g.output("while/Exit_1")?);
        g.gradients(&[y], &[x]).map(|_| ())
    };
    with(&|_| ()).unwrap();
    let code = |change: &dyn Fn(&mut WhileContextDef)| with(change).unwrap_err().code();
    assert_eq!(code(&|d| d.pivot_name = "gone:0".into()), Code::NotFound);
    assert_eq!(
        code(&|d| d.pivot_name = "x:7".into()),
        Code::InvalidArgument
    );
    assert_eq!(
        code(&|d| d.loop_exit_names.push("gone:0".into())),
        Code::NotFound
    );
    assert_eq!(
        code(&|d| d.pivot_name = "x:0".into()),
        Code::InvalidArgument
    );
    // What is no Exit, and what no longer belongs to the loop, is a mistake at most.
    let _ = with(&|d| d.loop_exit_names = vec!["x:0".into()]);
    let _ = with(&|d| d.values_def = None);
    let _ = with(&|d| d.loop_enter_names.clear());
    let mut meta = forward("power");
    let kind = Kind::BytesList(BytesList {
        value: vec![vec![0xff]],
    });
    meta.meta
        .collection_def
        .get_mut("while_context")
        .unwrap()
        .kind = Some(kind);
    let e = import_meta_graph(&Graph::new(), &meta)
        .map(|_| ())
        .unwrap_err();
    assert_eq!(e.code(), Code::InvalidArgument);
}
