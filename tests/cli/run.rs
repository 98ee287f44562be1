//! `tensorloom run`: feeds, fetches, signatures, devices, seeds, and what it refuses.

use super::{data, tensorloom};
use crate::io::TempDir;
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use std::path::Path;
use tensorloom::io::{NpzOptions, read_npz, write_npy, write_npz};
use tensorloom::{DType, Graph, PartialShape, Tensor};

/// `y = x · [[1], [2]] / z`, for x of two columns and a number z.
fn product(dir: &Path) {
    let g = Graph::new();
    let x = g.placeholder("x", DType::F32, [None, Some(2)]);
    let z = g.placeholder("z", DType::F32, ());
    let xw = g.root().matmul(x, Tensor::from([[1.0f32], [2.0]]));
    g.root().named("y").real_div(xw, z);
    g.export().unwrap().write(dir.join("g.pb")).unwrap();
}

fn lines(out: &str) -> Vec<Value> {
    let parse = |l: &str| serde_json::from_str(l).unwrap();
    out.lines().map(parse).collect()
}

#[test]
fn values_are_fed_as_literals_and_files() {
    let dir = TempDir::new("cli-feeds");
    let dir = dir.path();
    product(dir);
    let literal = [
        "run",
        "g.pb",
        "--feed",
        "x=[[1, 2], [3, 4.5]]",
        "--feed",
        "z=scalar:2",
    ];
    let out = tensorloom(dir, &[&literal[..], &["--fetch", "y"]].concat()).ok();
    assert_eq!(out, "y  float32 [2,1]  [2.5][6]\n");

    let x = Tensor::from([[1.0f64, 2.0], [3.0, 4.5]]);
    write_npy(dir.join("x.npy"), &x).unwrap();
    let z = Tensor::from(2i64);
    let archive = [("x:0", &x), ("z", &z)];
    write_npz(dir.join("both.npz"), &archive, NpzOptions::default()).unwrap();
    let want = json!({"step": 1, "fetches": {"y:0": {
        "dtype": "float32", "shape": [2, 1], "values": [2.5, 6.0]}}});
    for feeds in [
        &["--feed", "x=x.npy", "--feed", "z:0=scalar:2.0"][..],
        &["--feeds", "both.npz"],
    ] {
        let args = [
            &["run", "g.pb", "--fetch", "y:0", "--json", "--out", "y.npz"],
            feeds,
        ]
        .concat();
        let out = tensorloom(dir, &args).ok();
        assert_eq!(lines(&out), std::slice::from_ref(&want), "{feeds:?}");
        assert!(out.starts_with(r#"{"step":1,"fetches":"#));
        let written = read_npz(dir.join("y.npz")).unwrap();
        assert_eq!(written[0].0, "y:0");
        assert_eq!(written[0].1.data::<f32>().unwrap(), [2.5, 6.0]);
    }
}

#[test]
fn json_has_words_for_what_is_no_number() {
    let dir = TempDir::new("cli-json");
    let dir = dir.path();
    product(dir);
    let args = [
        "run",
        "g.pb",
        "--json",
        "--fetch",
        "y",
        "--feed",
        "z=scalar:0",
    ];
    let x = ["--feed", "x=[[0, 0], [1, 0], [-1, 0], [inf, 0.25]]"];
    let out = tensorloom(dir, &[&args[..], &x].concat()).ok();
    let values = lines(&out)[0]["fetches"]["y"]["values"].clone();
    assert_eq!(values, json!(["NaN", "Infinity", "-Infinity", "Infinity"]));
}

#[test]
fn what_does_not_fit_is_refused() {
    let dir = TempDir::new("cli-refused");
    let dir = dir.path();
    product(dir);
    std::fs::write(dir.join("text.pb"), "hello there").unwrap();
    std::fs::write(dir.join("bad.npy"), b"\x93NUMPY\x01\x00\xff\xff{").unwrap();
    let x = Tensor::from([[1.0f32, 2.0]]);
    write_npz(dir.join("x.npz"), &[("x", &x)], NpzOptions::default()).unwrap();
    let both = ["--feed", "x=[[1, 2]]", "--feed", "z=scalar:1"];
    let failures: &[(&[&str], &str)] = &[
        (
            &["nowhere.pb", "--fetch", "y"],
            "error: NotFound: nowhere.pb; No such file",
        ),
        (&["text.pb", "--fetch", "y"], "error: InvalidArgument: "),
        (
            &["g.pb", "--fetch", "q"],
            "error: NotFound: The name 'q' refers to a Tensor",
        ),
        (
            &["g.pb", "--fetch", "y:1"],
            "error: InvalidArgument: y:1: output index too large",
        ),
        (
            &["g.pb", "--target", "q"],
            "error: NotFound: The name 'q' refers to an Operation",
        ),
        (
            &["g.pb", "--fetch", "y", "--init", "q"],
            "error: NotFound: ",
        ),
        (
            &["g.pb", "--fetch", "y", "--feed", "q=[1]"],
            "error: NotFound: feed 'q': ",
        ),
        (
            &["g.pb", "--fetch", "y", "--feed", "x=[[1]]"],
            "error: InvalidArgument: Cannot feed value of shape [1,1] for Tensor x",
        ),
        (
            &["g.pb", "--fetch", "y", "--feed", "x=[[1, 2], [3]]"],
            "error: InvalidArgument: feed 'x': [[1, 2], [3]]: lists of 2 and 1",
        ),
        (
            &["g.pb", "--fetch", "y", "--feed", "x=[[1, a]]"],
            "'a' is no value of type float32",
        ),
        (
            &["g.pb", "--fetch", "y", "--feed", "x=nowhere.npy"],
            "error: NotFound: feed 'x': a value is scalar:",
        ),
        (
            &["g.pb", "--fetch", "y", "--feed", "x=bad.npy"],
            "feed 'x': bad.npy: ",
        ),
        (
            &[
                "g.pb",
                "--fetch",
                "y",
                "--feed",
                "x=[[1,2]]",
                "--feeds",
                "x.npz",
            ],
            "the tensor 'x' is fed twice",
        ),
        (
            &["g.pb", "--fetch", "y", "--feed", "x=[[1,2]]"],
            "error: InvalidArgument: z: You must feed a value for placeholder tensor 'z'",
        ),
        (
            &["g.pb", "--fetch", "y", "--signature", "serve"],
            "error: NotFound: No signature 'serve': there are none",
        ),
        (
            &["g.pb", "--fetch", "y", "--summaries", "s"],
            "error: NotFound: --summaries: the graph has no summaries",
        ),
        (
            &["g.pb", "--fetch", "y", "--save", "s"],
            "error: InvalidArgument: --save: the graph has no variables",
        ),
        (
            &["g.pb", "--fetch", "y", "--restore", "nowhere"],
            "error: NotFound: Unsuccessful TensorSliceReader",
        ),
        (
            &["g.pb", "--fetch", "y", "--restore", "."],
            "error: NotFound: .: the folder has no checkpoint state",
        ),
    ];
    for (args, want) in failures {
        let e = tensorloom(dir, &[&["run"], *args].concat()).error(1);
        assert!(e.contains(want), "{args:?}: {e}");
    }
    let misuses: &[(&[&str], &str)] = &[
        (&["g.pb"], "nothing to run"),
        (&["g.pb", "--fetch", "y", "--feed", "x"], "NAME=FILE.npy"),
        (&["g.pb", "--fetch", "y", "--feed", "=1"], "NAME=FILE.npy"),
        (
            &["g.pb", "--target", "y", "--out", "o.npz"],
            "--out: nothing is fetched",
        ),
        (&["g.pb", "--fetch", "y", "--every", "0"], "--every"),
        (&["g.pb", "--fetch", "y", "--steps=-1"], "--steps"),
        (
            &["g.pb", "--fetch", "y", "--optimize", "much"],
            "--optimize",
        ),
        (&["g.pb", "--fetch", "y", "--device-count", "CPU"], "KIND=N"),
        (
            &["g.pb", "--fetch", "y", "--device-count", "CPU=0"],
            "at least one CPU",
        ),
        (
            &["g.pb", "--fetch", "y", "--device-count", "CPU=70000"],
            "no number up to",
        ),
        (
            &["g.pb", "--fetch", "y", "--device-count", "TPU=1"],
            "the kinds are",
        ),
        (
            &["g.pb", "--fetch", "y", "--strict", "--soft-placement"],
            "cannot be used with",
        ),
        (
            &["g.pb", "--fetch", "y", "--summary-every", "3"],
            "--summaries",
        ),
    ];
    for (args, want) in misuses {
        let args = [&["run"], *args, &both].concat();
        let e = tensorloom(dir, &args);
        assert!(e.code == Some(2) && e.err.contains(want), "{args:?}: {e:?}");
    }
    let no_outputs = tensorloom(
        dir,
        &["run", &data("defs/m.ckpt-2.meta"), "--fetch", "init"],
    );
    let e = no_outputs.error(1);
    assert!(e.contains("init"), "{e}");
}

#[test]
fn nodes_run_on_the_devices_that_there_are() {
    let dir = TempDir::new("cli-devices");
    let dir = dir.path();
    let g = Graph::new();
    let x = g.device("/cpu:1").named("x").constant(3.0f32);
    g.root().named("y").square(x);
    g.export().unwrap().write(dir.join("g.pbtxt")).unwrap();
    let run =
        |more: &[&str]| tensorloom(dir, &[&["run", "g.pbtxt", "--fetch", "y"], more].concat());
    let e = run(&[]).error(1);
    assert!(
        e.starts_with("error: InvalidArgument: x: Cannot assign a device for operation x"),
        "{e}"
    );
    assert_eq!(run(&["--strict"]).code, Some(1));
    assert_eq!(run(&["--soft-placement"]).ok(), "y  float32 []  9\n");
    for optimize in ["none", "default"] {
        let placed = run(&[
            "--device-count",
            "CPU=2",
            "--optimize",
            optimize,
            "--threads",
            "1",
        ]);
        assert_eq!(placed.ok(), "y  float32 []  9\n");
    }
    let logged = run(&[
        "--device-count",
        "cpu=2",
        "--device-count",
        "GPU=0",
        "--log-device-placement",
        "--optimize",
        "none",
    ]);
    assert!(
        logged
            .err
            .contains("x: (Const): /job:localhost/replica:0/task:0/device:CPU:1"),
        "{logged:?}"
    );
}

/// With two emulated GPUs, of which `--device-count` leaves so many.
#[test]
fn the_gpus_of_a_run_can_be_limited() {
    let dir = TempDir::new("cli-gpus");
    let dir = dir.path();
    let g = Graph::new();
    g.device("/gpu:1").named("x").constant([3.0f32, 4.0]);
    g.export().unwrap().write(dir.join("g.pbtxt")).unwrap();
    let run = |count: &[&str]| {
        let args = [&["run", "g.pbtxt", "--fetch", "x"], count].concat();
        let mut command = super::command(dir, &args);
        let done = command.env("TENSORLOOM_EMULATE_GPUS", "2").output();
        let done = done.unwrap();
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        (
            done.status.success(),
            text(&done.stdout),
            text(&done.stderr),
        )
    };
    for count in [
        &[][..],
        &["--device-count", "gpu=2"],
        &["--device-count", "GPU=7"],
    ] {
        let (ok, out, err) = run(count);
        assert!(ok && out.ends_with("[2]  3 4\n"), "{count:?}: {out}{err}");
    }
    for (left, has_gpu) in [("GPU=1", true), ("GPU=0", false)] {
        let (ok, _, err) = run(&["--device-count", left]);
        assert!(!ok && err.contains("but available devices are ["), "{err}");
        assert_eq!(err.contains("device:GPU:0"), has_gpu, "{err}");
        assert!(
            !err.contains(", /job:localhost/replica:0/task:0/device:GPU:1"),
            "{err}"
        );
        assert_eq!(err.contains("but CUDA is not enabled"), !has_gpu, "{err}");
    }
}

/// Two runs of one graph: the lines that TensorFlow logs for it, once.
#[test]
fn placement_is_logged_once() {
    let text = std::fs::read_to_string(crate::oracle::data("placer").join("log.txt")).unwrap();
    let first = text.split(' ').nth(1).unwrap();
    let nodes = text.lines().filter(|l| l.starts_with("node "));
    let nodes: Vec<&str> = nodes.take(first.parse().unwrap()).collect();
    let dir = TempDir::new("cli-log-placement");
    let dir = dir.path();
    std::fs::write(dir.join("g.pbtxt"), nodes.join("\n")).unwrap();
    let line = "run g.pbtxt --init init --fetch y --device-count CPU=4 --soft-placement --log-device-placement";
    let done = tensorloom(dir, &line.split(' ').collect::<Vec<_>>());
    assert_eq!(done.code, Some(0), "{done:?}");
    let logged: Vec<&str> = done.err.lines().filter(|l| l.contains("device:")).collect();
    let wanted = text.lines().filter_map(|l| l.strip_prefix("line "));
    let wanted: Vec<&str> = wanted.map(|l| l.trim_matches('"')).collect();
    assert_eq!(logged, wanted);
}

#[test]
fn a_seed_makes_random_nodes_repeat() {
    let dir = TempDir::new("cli-seed");
    let dir = dir.path();
    let g = Graph::new();
    for name in ["a", "b"] {
        let shape = g.root().constant([2i32]);
        let op = g.root().op("RandomUniform").input(shape);
        op.attr("dtype", DType::F32).name(name).out();
    }
    g.export().unwrap().write(dir.join("g.json")).unwrap();
    let draw = |more: &[&str]| {
        let args = [
            "run", "g.json", "--fetch", "a", "--fetch", "b", "--steps", "2", "--json",
        ];
        tensorloom(dir, &[&args, more].concat()).ok()
    };
    let one = draw(&["--seed", "1"]);
    assert_eq!(one, draw(&["--seed", "1"]));
    assert_ne!(one, draw(&["--seed", "2"]));
    assert_ne!(draw(&[]), draw(&[]));
    let steps = lines(&one);
    let values = |step: usize, name: &str| steps[step]["fetches"][name]["values"].clone();
    assert_ne!(values(0, "a"), values(0, "b"));
    assert_ne!(values(0, "a"), values(1, "a"));
}

#[test]
fn a_saved_model_is_asked_by_its_signature() {
    let dir = TempDir::new("cli-model");
    let dir = dir.path();
    let packed = std::fs::File::open(data("saved_models/simple_save.tar.gz")).unwrap();
    tar::Archive::new(GzDecoder::new(packed))
        .unpack(dir)
        .unwrap();
    let model = tensorloom::train::SavedModel::load(dir, &["serve"]).unwrap();
    let (key, signature) = model.signatures().iter().next().unwrap();
    let mut inputs = Vec::new();
    for (name, spec) in &signature.inputs {
        let dims: Vec<i64> = match spec.shape.dims() {
            Some(dims) => dims.iter().map(|d| d.map_or(2, |n| n as i64)).collect(),
            None => vec![],
        };
        let shape = tensorloom::Shape::new(&dims).unwrap();
        inputs.push((name.clone(), Tensor::zeros(spec.dtype, shape).unwrap()));
    }
    let arrays: Vec<(&String, &Tensor)> = inputs.iter().map(|(n, t)| (n, t)).collect();
    let file = TempDir::new("cli-model-feeds");
    let feeds = file.path().join("in.npz");
    write_npz(&feeds, &arrays, NpzOptions::default()).unwrap();
    let want = model.run(key, inputs.clone()).unwrap();
    let feeds = feeds.to_str().unwrap();
    for more in [&["--signature", key][..], &["--tag", "serve"]] {
        let args = [&["run", ".", "--feeds", feeds, "--json"], more].concat();
        let out = tensorloom(dir, &args).ok();
        let fetched = lines(&out)[0]["fetches"].clone();
        for (name, t) in &want {
            let dims = json!(t.shape().dims());
            assert_eq!(fetched[name]["shape"], dims, "{name}");
            let ours = fetched[name]["values"].as_array().unwrap();
            assert_eq!(ours.len(), t.elements());
        }
    }
    let e = tensorloom(dir, &["run", ".", "--signature", "other"]).error(1);
    assert!(e.contains("No signature 'other': there are"), "{e}");
    let e = tensorloom(dir, &["run", ".", "--tag", "train"]).error(1);
    assert!(e.starts_with("error: NotFound: "), "{e}");
}

#[test]
fn strings_and_unknown_shapes() {
    let dir = TempDir::new("cli-strings");
    let dir = dir.path();
    let g = Graph::new();
    let s = g.placeholder("s", DType::String, PartialShape::unknown());
    g.root().named("t").identity(s);
    g.export().unwrap().write(dir.join("g.pb")).unwrap();
    let run = |feed: &str, more: &[&str]| {
        tensorloom(
            dir,
            &[&["run", "g.pb", "--fetch", "t", "--feed", feed], more].concat(),
        )
        .ok()
    };
    assert_eq!(run("s=scalar:a=b", &[]), "t  string []  a=b\n");
    let out = run(r#"s=[["a, b", "]"], [c, "\u00e9"]]"#, &["--json"]);
    let values = lines(&out)[0]["fetches"]["t"].clone();
    assert_eq!(
        values,
        json!({"dtype": "string", "shape": [2, 2], "values": ["a, b", "]", "c", "é"]})
    );
}
