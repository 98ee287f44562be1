//! The trace of a step on two devices: well formed for trace viewers, and TensorFlow's message says the same.

use crate::io::TempDir;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tensorloom::io::{event_files, read_events};
use tensorloom::prelude::*;
use tensorloom::proto::event::What;
use tensorloom::runtime::{ChromeTrace, RunMetadata, RunOptions};
use tensorloom::train::{FileWriter, Towers};

/// A step of two towers, traced.
fn two_towers() -> RunMetadata {
    let g = Graph::new();
    let x = g.placeholder("x", DType::F32, [Some(2), Some(3)]);
    let towers = Towers::new(g.root(), ["/cpu:0", "/cpu:1"]);
    let gradients = towers.replicate(|tower| {
        let w = tower.scope.get_variable("w", [3], init::zeros());
        let row = x.in_scope(tower.scope);
        (row.slice([tower.index as i32, 0], [1i32, 3]) * w).sum()
    });
    let averaged = gradients.unwrap().average_gradients().unwrap();
    let train = GradientDescent::new(1.0)
        .apply_gradients(&averaged, None)
        .unwrap();
    let options = SessionOptions {
        cpu_devices: 2,
        ..SessionOptions::default()
    };
    let session = Session::with_options(&g, &options).unwrap();
    session.run_target(g.init_op()).unwrap();
    let fed = Tensor::from([[1.0f32, 2.0, 3.0], [3.0, 2.0, 5.0]]);
    let options = RunOptions {
        trace: true,
        ..RunOptions::default()
    };
    session.run_with([(x, fed)], (), train, &options).unwrap().1
}

/// Checks the fields of the trace event format, the order of the times, the names of rows, and that what belongs
/// together is there; gives the number of arrows.
fn check(trace: &Value) -> usize {
    let (mut last, mut arrows, mut waits) = (0.0, HashMap::new(), HashMap::new());
    let (mut processes, mut rows) = (HashSet::new(), HashSet::new());
    let mut ended = 0;
    for e in trace["traceEvents"].as_array().unwrap() {
        let phase = e["ph"].as_str().unwrap();
        assert!(e["name"].is_string(), "{e}");
        let pid = e["pid"].as_u64().unwrap();
        if phase == "M" {
            assert!(e["args"]["name"].is_string(), "{e}");
            match e["name"].as_str().unwrap() {
                "process_name" => assert!(processes.insert(pid)),
                "thread_name" => assert!(rows.insert((pid, e["tid"].as_u64().unwrap()))),
                other => panic!("unknown metadata {other}"),
            }
            continue;
        }
        let ts = e["ts"].as_f64().unwrap();
        assert!(ts >= last, "{e} comes after {last}");
        last = ts;
        assert!(processes.contains(&pid), "{e}");
        if phase == "C" {
            assert!(e["args"]["bytes"].is_u64(), "{e}");
            continue;
        }
        assert!(rows.contains(&(pid, e["tid"].as_u64().unwrap())), "{e}");
        assert!(e["cat"].is_string(), "{e}");
        match phase {
            "X" => assert!(e["dur"].as_f64().unwrap() >= 0.0, "{e}"),
            "s" => assert!(arrows.insert(e["id"].as_u64().unwrap(), pid).is_none()),
            "f" => {
                let from = arrows.remove(&e["id"].as_u64().unwrap());
                assert_ne!(from.unwrap(), pid, "an arrow within a device");
                assert_eq!(e["bp"], "e");
                ended += 1;
            }
            "b" => assert!(waits.insert(e["id"].as_u64().unwrap(), ts).is_none()),
            "e" => assert!(waits.remove(&e["id"].as_u64().unwrap()).is_some()),
            other => panic!("unknown phase {other}"),
        }
    }
    assert!(arrows.is_empty() && waits.is_empty());
    ended
}

/// `tests/interop/run_metadata.py` sets the folder in which the files stay.
#[test]
fn two_towers_are_shown_and_told() {
    let metadata = two_towers();
    let mut trace = ChromeTrace::default();
    trace.add(1, Duration::ZERO, &metadata.nodes);
    let json = trace.to_json();
    let arrows = check(&serde_json::from_str(&json).unwrap());
    let received = metadata.nodes.iter().filter(|n| n.op == "_Recv").count();
    assert_eq!(arrows, received);
    let memory = metadata.memory();
    assert_eq!(memory.len(), 2);
    assert!(memory.values().all(|m| m.peak >= m.in_use && m.peak > 0));

    let stats = metadata.to_proto().step_stats.unwrap().dev_stats;
    let told: usize = stats.iter().map(|d| d.node_stats.len()).sum();
    assert_eq!((stats.len(), told), (2, metadata.nodes.len()));
    for n in stats.iter().flat_map(|d| &d.node_stats) {
        assert!(n.scheduled_micros <= n.all_start_micros, "{n:?}");
        assert!(n.op_end_rel_nanos <= n.all_end_rel_nanos, "{n:?}");
        assert!(n.timeline_label.starts_with(&n.node_name), "{n:?}");
    }

    let own = TempDir::new("trace");
    let folder = std::env::var_os("TENSORLOOM_TRACE_FOLDER");
    let folder = folder.map_or(own.path().to_path_buf(), Into::into);
    std::fs::write(folder.join("trace.json"), json).unwrap();
    std::fs::write(folder.join("run_metadata.pb"), metadata.to_pb()).unwrap();
    let writer = FileWriter::new(folder.join("events"), None).unwrap();
    writer.add_run_metadata(&metadata, "step001", 1).unwrap();
    writer.close().unwrap();
    let files = event_files(folder.join("events")).unwrap();
    let tagged = read_events(&files[0])
        .unwrap()
        .find_map(|e| match e.unwrap().what {
            Some(What::TaggedRunMetadata(t)) => Some(t),
            _ => None,
        });
    let tagged = tagged.unwrap();
    assert_eq!(
        (tagged.tag.as_str(), tagged.run_metadata),
        ("step001", metadata.to_pb())
    );
}
