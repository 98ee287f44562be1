//! Binary graphs, meta graphs and SavedModels: what is read is written again with the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tensorloom::def::{GraphDef, MetaGraphDef, SavedModel};

fuzz_target!(|data: &[u8]| {
    if let Ok(g) = GraphDef::from_pb(data) {
        let again = GraphDef::from_pb(&g.to_pb()).expect("what was written can be read");
        assert_eq!(again.to_pb(), g.to_pb());
        let _ = g.functions();
    }
    if let Ok(m) = MetaGraphDef::from_pb(data) {
        let _ = m.check();
        let bytes = m
            .to_pb()
            .expect("a meta graph that was read can be written");
        MetaGraphDef::from_pb(&bytes).expect("what was written can be read");
    }
    let _ = SavedModel::from_pb(data).map(|s| s.to_pb());
});
