//! The trace of a step on two devices: well formed for trace viewers, and TensorFlow's message says the same.

mod format;

use crate::cli::command;
use crate::io::TempDir;
use format::{Shown, check};
use prost::Message;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use tensorloom::io::{event_files, read_events};
use tensorloom::ops::queue::QueueOptions;
use tensorloom::ops::random::NormalOptions;
use tensorloom::prelude::*;
use tensorloom::proto::event::What;
use tensorloom::proto::{DeviceStepStats, RunMetadata as RunMetadataProto};
use tensorloom::runtime::{ChromeTrace, RunMetadata, RunOptions};
use tensorloom::train::{FileWriter, Towers, add_queue_runner, meta_graph};

/// A step of two towers, traced.
fn two_towers(g: &Graph) -> RunMetadata {
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
    let session = Session::with_options(g, &options).unwrap();
    session.run_target(g.init_op()).unwrap();
    let fed = Tensor::from([[1.0f32, 2.0, 3.0], [3.0, 2.0, 5.0]]);
    let options = RunOptions {
        trace: true,
        ..RunOptions::default()
    };
    session.run_with([(x, fed)], (), train, &options).unwrap().1
}

/// `tests/interop/run_metadata.py` sets the folder in which the files stay.
#[test]
fn two_towers_are_shown_and_told() {
    let g = Graph::new();
    let metadata = two_towers(&g);
    let mut trace = ChromeTrace::default();
    trace.add(1, Duration::ZERO, &metadata);
    let json = trace.to_json();
    let shown = check(&serde_json::from_str(&json).unwrap()).unwrap();
    let received = metadata.nodes.iter().filter(|n| n.op == "_Recv").count();
    assert_eq!(shown.arrows, received);
    let counter = |device: &str| format!("{device}: memory in use by cpu");
    let cpu = |i| counter(&format!("/job:localhost/replica:0/task:0/device:CPU:{i}"));
    assert_eq!(shown.counters, [cpu(0), cpu(1), counter("host")]);
    let most: u64 = metadata.memory.iter().map(|m| m.peak).max().unwrap();
    for m in &metadata.memory {
        assert!(m.peak >= m.in_use && m.limit.unwrap() > m.peak, "{m:?}");
        assert!(
            m.peak <= most && m.changes.is_sorted_by_key(|c| c.0),
            "{m:?}"
        );
    }

    let stats = metadata.to_proto().step_stats.unwrap().dev_stats;
    let told: usize = stats.iter().map(|d| d.node_stats.len()).sum();
    assert_eq!((stats.len(), told), (2, metadata.nodes.len()));
    for n in stats.iter().flat_map(|d| &d.node_stats) {
        assert!(n.scheduled_micros <= n.all_start_micros, "{n:?}");
        assert!(n.op_end_rel_nanos <= n.all_end_rel_nanos, "{n:?}");
        assert!(n.timeline_label.starts_with(&n.node_name), "{n:?}");
        for m in &n.memory {
            assert!(
                m.live_bytes <= m.peak_bytes && m.peak_bytes <= m.total_bytes,
                "{n:?}"
            );
            let taken = m.allocation_records.iter().map(|r| r.alloc_bytes.max(0));
            assert_eq!(taken.sum::<i64>(), m.total_bytes);
            assert!(m.allocator_bytes_in_use >= m.live_bytes, "{n:?}");
        }
    }

    let own = TempDir::new("trace");
    let folder = std::env::var_os("TENSORLOOM_TRACE_FOLDER");
    let folder = folder.map_or(own.path().to_path_buf(), Into::into);
    std::fs::write(folder.join("trace.json"), json).unwrap();
    std::fs::write(folder.join("run_metadata.pb"), metadata.to_pb()).unwrap();
    g.export().unwrap().write(folder.join("graph.pb")).unwrap();
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

/// Writes a graph of two towers on devices of a kind, each with a variable of its own, a loop, and a queue that feeds
/// both; gives what a step runs.
fn write_towers(kind: &str, file: &Path) -> [String; 2] {
    let g = Graph::new();
    let q = g.root().fifo_queue(&QueueOptions {
        dtypes: vec![DType::F32],
        shapes: vec![PartialShape::from([Some(64), Some(32)])],
        ..QueueOptions::default()
    });
    let input = g
        .root()
        .random_normal([64i32, 32], NormalOptions::default());
    add_queue_runner(q.handle(), &[q.enqueue(&[input])]);
    let losses = [0, 1].map(|i| {
        let at = g.device(&format!("/{kind}:{i}"));
        let x = q.dequeue()[0].in_scope(at);
        let w = at.get_variable(&format!("w{i}"), [32, 32], init::zeros());
        (x.matmul(w).tanh() - 0.5).square().sum()
    });
    let train = GradientDescent::new(0.1).minimize(losses[0] + losses[1]);
    let [count] = g.root().while_loop(
        |s, [i]| s.less(i, 3i32),
        |_, [i]| [i + 1i32],
        [g.root().constant(0i32)],
        &tensorloom::WhileOptions::default(),
    );
    g.init_op();
    meta_graph(&g, None).unwrap().write(file).unwrap();
    [train.name(), count.name()]
}

/// The file that `tensorloom bench --trace` writes of a step after others, and what the command prints.
fn bench_trace(kind: &str, environment: &[(&str, &str)], file: &str) -> (Vec<u8>, String) {
    let dir = TempDir::new(&format!("trace-{kind}-{file}"));
    let [train, count] = write_towers(kind, &dir.path().join("towers.meta"));
    #[rustfmt::skip]
    let args = [
        "bench", "towers.meta", "--init", "init", "--queue-runners", "--target", &train, "--fetch", &count,
        "--warmup", "1", "--steps", "2", "--traced", "2", "--trace", file, "--device-count", "CPU=2",
    ];
    let done = command(dir.path(), &args)
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    let written = std::fs::read(dir.path().join(file)).unwrap();
    (written, String::from_utf8(done.stdout).unwrap())
}

/// What a trace shows, and its slices of an op.
fn shown(json: &[u8]) -> (Shown, impl Fn(&str) -> Vec<Value>) {
    let trace: Value = serde_json::from_slice(json).unwrap();
    let shown = check(&trace).unwrap();
    let slices = move |op: &str| {
        let all = trace["traceEvents"].as_array().unwrap().iter();
        all.filter(|e| e["ph"] == "X" && e["name"] == op)
            .cloned()
            .collect()
    };
    (shown, slices)
}

#[test]
fn a_step_of_bench_has_queues_loops_and_memory() {
    let (json, printed) = bench_trace("cpu", &[], "step.json");
    for words in ["memory of", "device:CPU:1", "host"] {
        assert!(printed.contains(words), "{printed}");
    }
    let (shown, slices) = shown(&json);
    assert_eq!(shown.counters.len(), 3, "{shown:?}");
    assert_eq!(slices("LoopCond").len(), 4);
    let applied = slices("ApplyGradientDescent");
    assert_eq!(applied.len(), 2);
    assert!(applied.iter().all(|e| e["args"]["step"] == 5));
    assert_eq!(shown.arrows, slices("_Recv").len());
    assert!(shown.arrows > 0);
    // A node that had to wait has a second slice.
    assert_eq!(shown.waits + 2, slices("QueueDequeueV2").len(), "{shown:?}");
}

#[test]
fn emulated_gpus_have_memory_of_their_own_and_pinned_memory() {
    let environment = [("TENSORLOOM_EMULATE_GPUS", "2")];
    let (json, _) = bench_trace("gpu", &environment, "step.json");
    let (shown, slices) = shown(&json);
    for i in 0..2 {
        for allocator in [&format!("GPU_{i}_bfc"), "gpu_host_bfc"] {
            let counter = format!("device:GPU:{i}: memory in use by {allocator}");
            let found = shown.counters.iter().any(|c| c.ends_with(&counter));
            assert!(found, "{counter}: {shown:?}");
        }
    }
    // Those that copy from a GPU wait for it.
    let received: Vec<Value> = ["_Recv", "_HostRecv"]
        .into_iter()
        .flat_map(slices)
        .collect();
    assert_eq!(shown.arrows, received.len());
    assert!(received.iter().any(|e| e["dur"].as_f64().unwrap() > 0.0));

    let (pb, _) = bench_trace("gpu", &environment, "step.pb");
    let stats = RunMetadataProto::decode(&pb[..])
        .unwrap()
        .step_stats
        .unwrap();
    for i in 0..2 {
        let own = |d: &&DeviceStepStats| d.device.ends_with(&format!("GPU:{i}"));
        let nodes = &stats.dev_stats.iter().find(own).unwrap().node_stats;
        let product = nodes
            .iter()
            .find(|n| n.timeline_label.contains(" = MatMul("));
        let memory = &product.unwrap().memory;
        let name = format!("GPU_{i}_bfc");
        let m = memory.iter().find(|m| m.allocator_name == name).unwrap();
        assert!(
            m.live_bytes >= 64 * 32 * 4 && m.allocator_bytes_in_use >= m.live_bytes,
            "{m:?}"
        );
    }
}
