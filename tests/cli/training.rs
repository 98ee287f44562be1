//! `tensorloom run` over many steps: initialization, checkpoints, queue runners, summaries, traces, interruption.

use super::tensorloom;
use crate::io::TempDir;
use std::path::Path;
use tensorloom::graph::keys;
use tensorloom::io::{BundleReader, BundleWriter, event_files, read_events};
use tensorloom::proto::event::What;
use tensorloom::train::{
    BatchOptions, ProducerOptions, Saver, batch, string_input_producer, write_meta_graph,
};
use tensorloom::{DType, Graph, Tensor, init};

/// A counter that `count` increases, and a second variable; with a saver or without.
fn counting(dir: &Path, with_saver: bool) {
    let g = Graph::new();
    let s = g.root();
    let step = g.get_or_create_global_step();
    let w = g.get_variable("w", [2], init::constant(0.5));
    let up = step.assign_add(1i64);
    let double = w.assign(s.mul(w.value(), 2.0f32));
    s.named("count").group([up.node(), double.node()]);
    s.summary_scalar("w", w.value().mean());
    let saver = with_saver.then(|| Saver::new(&g));
    g.init_op();
    write_meta_graph(&g, saver.as_ref(), &dir.join("g.meta")).unwrap();
}

const TRAIN: [&str; 8] = [
    "run", "g.meta", "--init", "init", "--target", "count", "--fetch", "w:0",
];

#[test]
fn steps_are_printed_and_saved() {
    let dir = TempDir::new("cli-steps");
    let dir = dir.path();
    counting(dir, true);
    let more = ["--steps", "10", "--every", "4", "--json", "--save", "out/m"];
    let out = tensorloom(dir, &[&TRAIN[..], &more].concat()).ok();
    let steps: Vec<u64> = out
        .lines()
        .map(|l| {
            serde_json::from_str::<serde_json::Value>(l).unwrap()["step"]
                .as_u64()
                .unwrap()
        })
        .collect();
    assert_eq!(steps, [4, 8, 10]);
    let saved = BundleReader::open(dir.join("out/m")).unwrap();
    assert_eq!(saved.keys().collect::<Vec<_>>(), ["global_step", "w"]);
    assert_eq!(
        saved.read("global_step").unwrap().data::<i64>().unwrap(),
        [10]
    );
    assert_eq!(saved.read("w").unwrap().data::<f32>().unwrap(), [512.0; 2]);
    assert!(dir.join("out/m.meta").exists() && dir.join("out/checkpoint").exists());

    // It goes on from there: by the prefix, and by the folder's newest.
    for from in ["out/m", "out"] {
        let restored = ["run", "out/m.meta", "--restore", from];
        let out = tensorloom(dir, &[&restored[..], &["--fetch", "w:0"]].concat()).ok();
        assert_eq!(out, "w:0  float32 [2]  512 512\n");
        let more = ["--target", "count", "--save", "next/m"];
        tensorloom(dir, &[&restored[..], &more].concat()).ok();
        let saved = BundleReader::open(dir.join("next/m")).unwrap();
        assert_eq!(
            saved.read("global_step").unwrap().data::<i64>().unwrap(),
            [11]
        );
        assert_eq!(saved.read("w").unwrap().data::<f32>().unwrap(), [1024.0; 2]);
    }
    let args = ["run", "g.meta", "--init", "init", "--save", "fresh/m"];
    assert_eq!(tensorloom(dir, &args).ok(), "");
    let saved = BundleReader::open(dir.join("fresh/m")).unwrap();
    assert_eq!(
        saved.read("global_step").unwrap().data::<i64>().unwrap(),
        [0]
    );
}

#[test]
fn a_graph_without_a_saver_is_restored_by_name() {
    let dir = TempDir::new("cli-restore");
    let dir = dir.path();
    counting(dir, false);
    let write = |name: &str, tensors: &[(&str, Tensor)]| {
        let mut w = BundleWriter::new(dir.join(name)).unwrap();
        tensors.iter().for_each(|(n, t)| w.add(n, t).unwrap());
        w.finish().unwrap();
    };
    let w = || ("w", Tensor::from([3.0f32, 4.0]));
    write("all", &[w(), ("global_step", Tensor::from(7i64))]);
    write("part", &[w(), ("other", Tensor::from(1.0f32))]);
    write("none", &[("other", Tensor::from(1.0f32))]);
    write(
        "shape",
        &[
            ("w", Tensor::from([1.0f32])),
            ("global_step", Tensor::from(1i32)),
        ],
    );
    let run = |prefix: &str, more: &[&str]| {
        let args = [
            "run",
            "g.meta",
            "--init",
            "init",
            "--fetch",
            "w:0",
            "--fetch",
            "global_step:0",
        ];
        tensorloom(dir, &[&args, &["--restore", prefix][..], more].concat())
    };
    let done = run("all", &["--save", "again/m"]);
    assert_eq!(done.err, "");
    assert_eq!(
        done.ok(),
        "w:0  float32 [2]  3 4\nglobal_step:0  int64 []  7\n"
    );
    let again = BundleReader::open(dir.join("again/m")).unwrap();
    assert_eq!(again.keys().len(), 2);
    let done = run("part", &["--save", "partly/m"]);
    assert!(
        done.err
            .contains("not in the checkpoint, left as they are: global_step\n"),
        "{done:?}"
    );
    assert!(
        done.err.contains("but no variable of the graph: other\n"),
        "{done:?}"
    );
    assert_eq!(
        done.ok(),
        "w:0  float32 [2]  3 4\nglobal_step:0  int64 []  0\n"
    );
    assert_eq!(
        BundleReader::open(dir.join("partly/m"))
            .unwrap()
            .keys()
            .len(),
        2
    );
    let e = run("none", &[]).error(1);
    assert!(
        e.contains("no variable of the graph is in the checkpoint none: it holds other"),
        "{e}"
    );
    let e = run("shape", &[]).error(1);
    assert!(
        e.contains(
            "global_step (int64 [] here, int32 [] there), w (float32 [2] here, float32 [1] there)"
        ) || e.contains(
            "w (float32 [2] here, float32 [1] there), global_step (int64 [] here, int32 [] there)"
        ),
        "{e}"
    );

    // The graph's own saver insists on all, and the error names all that is missing.
    counting(dir, true);
    let e = run("none", &[]).error(1);
    assert!(
        e.starts_with("error: NotFound: ") && e.contains("the checkpoint lacks: global_step, w"),
        "{e}"
    );
    assert!(e.contains("not restored: other"), "{e}");
}

/// Batches of two of the lines of a file, so many epochs long.
fn reading(dir: &Path, epochs: usize) {
    let g = Graph::new();
    let s = g.root();
    let options = ProducerOptions {
        num_epochs: Some(epochs as i64),
        shuffle: false,
        ..ProducerOptions::default()
    };
    let files = string_input_producer(s, &["bytes.bin".to_string()], &options);
    let reader = s.fixed_length_record_reader(1);
    let (_, record) = s.reader_read(reader, files);
    let made = BatchOptions {
        batch_size: 2,
        num_threads: 1,
        capacity: 4,
        ..BatchOptions::default()
    };
    let byte = s.decode_raw(record, DType::U8).with_shape([1]);
    let pair = batch(s, &[byte], &made)[0];
    s.named("pair").identity(pair);
    let locals = g.collection_variables(keys::LOCAL_VARIABLES);
    let inits = locals.iter().map(|v| g.node_at(v.initializer));
    s.named("init").group(inits.collect::<Vec<_>>());
    write_meta_graph(&g, None, &dir.join("g.meta")).unwrap();
}

/// Runs the graph of [`reading`] for as many steps as follow.
const FETCH_PAIRS: [&str; 8] = [
    "run",
    "g.meta",
    "--init",
    "init",
    "--queue-runners",
    "--fetch",
    "pair",
    "--steps",
];

#[test]
fn the_end_of_the_input_ends_the_run() {
    let dir = TempDir::new("cli-input");
    let dir = dir.path();
    std::fs::write(dir.join("bytes.bin"), [1u8, 2, 3, 4]).unwrap();
    reading(dir, 2);
    let args = [&FETCH_PAIRS[..], &["100"]].concat();
    for _ in 0..5 {
        let done = tensorloom(dir, &args);
        assert_eq!(done.err, "the input ended after 4 steps\n");
        let want: String = (1..=4)
            .map(|i| {
                format!(
                    "step {i}  pair  uint8 [2,1]  [{}][{}]\n",
                    [1, 3][(i + 1) % 2],
                    [2, 4][(i + 1) % 2]
                )
            })
            .collect();
        assert_eq!(done.ok(), want);
    }
    let unbounded = [&args[..7], &["--steps", "0", "--every", "1000"]].concat();
    assert_eq!(
        tensorloom(dir, &unbounded).ok(),
        "step 4  pair  uint8 [2,1]  [3][4]\n"
    );
    let nothing = [
        &args[..5],
        &[
            "--init", "init", "--steps", "0", "--fetch", "pair", "--out", "o.npz",
        ],
    ]
    .concat();
    std::fs::write(dir.join("bytes.bin"), []).unwrap();
    let e = tensorloom(dir, &nothing).error(1);
    assert!(e.contains("no step was run"), "{e}");
    // What a queue runner meets is the error, not that its queue is closed.
    std::fs::remove_file(dir.join("bytes.bin")).unwrap();
    let e = tensorloom(dir, &args).error(1);
    assert!(
        e.starts_with("error: NotFound: ") && e.contains("bytes.bin; No such file"),
        "{e}"
    );
}

#[test]
fn summaries_and_traces_are_written() {
    let dir = TempDir::new("cli-summaries");
    let dir = dir.path();
    counting(dir, true);
    let more = [
        "--steps",
        "7",
        "--summaries",
        "logs",
        "--summary-every",
        "3",
        "--trace",
        "t.json",
    ];
    tensorloom(dir, &[&TRAIN[..], &more].concat()).ok();
    let files = event_files(dir.join("logs")).unwrap();
    let events: Vec<_> = read_events(&files[0])
        .unwrap()
        .map(|e| e.unwrap())
        .collect();
    let steps: Vec<i64> = events
        .iter()
        .filter(|e| matches!(e.what, Some(What::Summary(_))))
        .map(|e| e.step)
        .collect();
    assert_eq!(steps, [3, 6]);
    assert!(
        events
            .iter()
            .any(|e| matches!(e.what, Some(What::GraphDef(_))))
    );
    let trace = std::fs::read_to_string(dir.join("t.json")).unwrap();
    let trace: serde_json::Value = serde_json::from_str(&trace).unwrap();
    let nodes: Vec<_> = trace["traceEvents"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|e| e["ph"] == "X")
        .collect();
    let of = |op: &str| nodes.iter().filter(|e| e["name"] == op).count();
    assert_eq!((of("AssignAdd"), of("MergeSummary")), (7, 2));
    let last = nodes
        .iter()
        .map(|e| e["args"]["step"].as_u64().unwrap())
        .max();
    assert_eq!(last, Some(7));
    let assign = nodes.iter().find(|e| e["name"] == "Mul").unwrap();
    assert_eq!(assign["args"]["bytes"], 8);
    assert!(assign["ts"].as_f64().unwrap() >= 0.0 && assign["dur"].as_f64().unwrap() > 0.0);
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_saves_what_it_has() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    let dir = TempDir::new("cli-interrupt");
    let dir = dir.path();
    counting(dir, true);
    let more = ["--steps", "0", "--save", "out/m"];
    let args = [&TRAIN[..], &more].concat();
    let mut child = super::command(dir, &args)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let rest = lines.count();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let saved = BundleReader::open(dir.join("out/m")).unwrap();
    let steps = saved.read("global_step").unwrap().data::<i64>().unwrap()[0];
    assert_eq!(steps, rest as i64 + 1);
}

#[cfg(unix)]
#[test]
fn a_run_that_waits_can_be_interrupted() {
    use std::process::{Command, Stdio};
    let dir = TempDir::new("cli-waits");
    let dir = dir.path();
    // Steps without end, of which none is printed: only the signal ends them.
    std::fs::write(dir.join("bytes.bin"), [1u8, 2, 3, 4]).unwrap();
    reading(dir, 1_000_000_000);
    let args = [&FETCH_PAIRS[..], &["0", "--every", "100000000"]].concat();
    let child = super::command(dir, &args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let kill = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let done = child.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(130), "{done:?}");
    let err = String::from_utf8(done.stderr).unwrap();
    assert!(
        err.starts_with("interrupted: ") && !err.contains("error"),
        "{err}"
    );
}
