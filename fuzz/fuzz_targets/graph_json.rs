//! Graphs as JSON: what is read and printed is read as the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tensorloom::def::{GraphDef, MetaGraphDef, SavedModel};

fuzz_target!(|text: &str| {
    if let Ok(g) = GraphDef::from_json(text) {
        if let Ok(printed) = g.to_json() {
            let again = GraphDef::from_json(&printed).expect("what was printed can be parsed");
            assert_eq!(again.to_pb(), g.to_pb());
        }
    }
    let _ = MetaGraphDef::from_json(text).map(|m| m.to_json());
    let _ = SavedModel::from_json(text).map(|s| s.to_json());
});
