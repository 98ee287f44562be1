//! A binary graph is imported, exported, and compiled for all of its nodes; it is not run.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tensorloom::def::GraphDef;
use tensorloom::{Graph, ImportOptions, Session};

fuzz_target!(|data: &[u8]| {
    let Ok(def) = GraphDef::from_pb(data) else {
        return;
    };
    let graph = Graph::new();
    if graph.import(&def, &ImportOptions::default()).is_err() {
        assert!(graph.is_empty(), "a failed import leaves nothing behind");
        return;
    }
    let out = graph.export().expect("what was imported can be exported");
    let again = Graph::new();
    if let Err(e) = again.import(&out, &ImportOptions::default()) {
        panic!("what was exported can be imported: {e}");
    }
    let Ok(session) = Session::new(&graph) else {
        return;
    };
    let nodes: Vec<String> = out.node.into_iter().map(|n| n.name).collect();
    let nodes: Vec<&str> = nodes.iter().map(String::as_str).collect();
    let _ = session.callable([""; 0], [""; 0], nodes);
});
