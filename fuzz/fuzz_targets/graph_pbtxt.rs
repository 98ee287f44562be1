//! Graphs as text: what is read and printed is read as the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tensorloom::def::{GraphDef, MetaGraphDef, SavedModel};

fuzz_target!(|text: &str| {
    if let Ok(g) = GraphDef::from_pbtxt(text) {
        if let Ok(printed) = g.to_pbtxt() {
            let again = GraphDef::from_pbtxt(&printed).expect("what was printed can be parsed");
            assert_eq!(again.to_pb(), g.to_pb());
        }
    }
    let _ = MetaGraphDef::from_pbtxt(text).map(|m| m.to_pbtxt());
    let _ = SavedModel::from_pbtxt(text).map(|s| s.to_pbtxt());
});
