//! `tensorloom freeze`: checkpoints and SavedModels as constants, run here and compared with the live ones.

use super::{data, tensorloom};
use crate::io::TempDir;
use flate2::read::GzDecoder;
use serde_json::json;
use std::fs;
use std::path::Path;
use tensorloom::def::{GraphDef, MetaGraphDef};
use tensorloom::io::{BundleWriter, NpzOptions, write_npz};
use tensorloom::train::{SERVE, SavedModel, Saver, write_meta_graph};
use tensorloom::{DType, Graph, Session, Tensor, init};

fn unpack(name: &str, dir: &Path) {
    let packed = fs::File::open(data(&format!("saved_models/{name}.tar.gz"))).unwrap();
    tar::Archive::new(GzDecoder::new(packed))
        .unpack(dir)
        .unwrap();
}

/// `y = w · x`, and a variable that it does not need; a checkpoint in which w is 2.
fn write(dir: &Path) {
    let g = Graph::new();
    let x = g.placeholder("x", DType::F32, [None]);
    let w = g.get_variable("w", (), init::constant(2.0));
    g.get_variable("unused", [3], init::zeros());
    g.root().named("y").mul(w, x);
    let saver = Saver::new(&g);
    g.init_op();
    let session = Session::new(&g).unwrap();
    session.run_target("init").unwrap();
    saver.save(&session, dir.join("m"), None).unwrap();
    write_meta_graph(&g, Some(&saver), &dir.join("m.meta")).unwrap();
    g.export().unwrap().write(dir.join("g.pb")).unwrap();
}

#[test]
fn a_checkpoint_becomes_constants() {
    let dir = TempDir::new("cli-freeze");
    let dir = dir.path();
    write(dir);
    for graph in ["m.meta", "g.pb"] {
        let args = [
            "freeze",
            graph,
            "--checkpoint",
            "m",
            "--output",
            "y",
            "--out",
            "f.pb",
        ];
        let text = tensorloom(dir, &args).ok();
        assert!(
            text.starts_with("variables frozen: 1, of 1 elements; nodes left: 4 of "),
            "{text}"
        );
        let report = tensorloom(dir, &[&args[..], &["--json"]].concat()).json();
        assert_eq!(
            (&report["outputs"], &report["variables"], &report["nodes"]),
            (&json!(["y"]), &json!(["w"]), &json!(4))
        );
        let run = [
            "run",
            "f.pb",
            "--feed",
            "x=[1, 2.5]",
            "--fetch",
            "y",
            "--json",
        ];
        let values = &tensorloom(dir, &run).json()["fetches"]["y"]["values"];
        assert_eq!(values, &json!([2.0, 5.0]), "{graph}");
    }
    // The folder's newest checkpoint; another form; nothing to restore for what needs no variable.
    let args = [
        "freeze",
        "m.meta",
        "--checkpoint",
        ".",
        "--output",
        "y:0",
        "--out",
        "f.pbtxt",
    ];
    tensorloom(dir, &args).ok();
    assert_eq!(
        tensorloom(
            dir,
            &["diff", "f.pb", "f.pbtxt", "--ignore", "_output_shapes"]
        )
        .ok(),
        ""
    );
    tensorloom(dir, &["freeze", "g.pb", "--output", "x", "--out", "x.pb"]).ok();
    assert_eq!(GraphDef::read(dir.join("x.pb")).unwrap().node.len(), 1);
}

#[test]
fn the_graphs_own_saver_says_where_averages_go() {
    let dir = TempDir::new("cli-freeze-averages");
    let dir = dir.path();
    let g = Graph::new();
    let w = g.get_variable("w", [2], init::zeros());
    g.root().named("y").op("Identity").input(w).out();
    let entries = vec![("w/Average".to_string(), g.variable_named("w").unwrap())];
    let saver = Saver::with_names(&g, entries, Default::default());
    write_meta_graph(&g, Some(&saver), &dir.join("m.meta")).unwrap();
    let mut writer = BundleWriter::new(dir.join("m")).unwrap();
    writer.add("w", &Tensor::from([1.0f32, 1.0])).unwrap();
    writer
        .add("w/Average", &Tensor::from([5.0f32, 7.0]))
        .unwrap();
    writer.finish().unwrap();
    let args = [
        "freeze",
        "m.meta",
        "--checkpoint",
        "m",
        "--output",
        "y",
        "--out",
        "f.meta",
    ];
    tensorloom(dir, &args).ok();
    let run = ["run", "f.meta", "--fetch", "y", "--json"];
    let values = &tensorloom(dir, &run).json()["fetches"]["y"]["values"];
    assert_eq!(values, &json!([5.0, 7.0]));
}

#[test]
fn saved_models_give_the_same_bits() {
    for (name, skipped) in [
        ("simple_save", 0),
        ("conv_net", 0),
        ("lstm", 0),
        ("text", 0),
        // `step` counts, and reads what it has counted.
        ("control", 1),
    ] {
        let dir = TempDir::new("cli-freeze-model");
        let dir = dir.path();
        unpack(name, &dir.join("model"));
        let live = SavedModel::load(dir.join("model"), &[SERVE]).unwrap();
        let mut refused = 0;
        for (key, signature) in live.signatures() {
            let args = ["freeze", "model", "--signature", key, "--out"];
            let folder = tensorloom(dir, &[&args[..], &[&format!("{key}/")]].concat());
            if folder.code != Some(0) {
                let e = folder.error(1);
                assert!(
                    e.contains("FailedPrecondition") && e.contains("is no constant"),
                    "{e}"
                );
                assert!(!dir.join(key).exists());
                refused += 1;
                continue;
            }
            let frozen = SavedModel::load(dir.join(key), &[SERVE]).unwrap();
            assert!(!dir.join(key).join("variables").exists());
            let mut inputs = Vec::new();
            for (name, spec) in &signature.inputs {
                let dims = spec.shape.dims().unwrap_or(&[]).iter();
                let dims: Vec<i64> = dims.map(|d| d.map_or(2, |n| n as i64)).collect();
                let zeros = Tensor::zeros(spec.dtype, tensorloom::Shape::new(&dims).unwrap());
                let mut value = zeros.unwrap();
                if spec.dtype == DType::F32 {
                    let numbers = value.make_mut::<f32>().unwrap().iter_mut();
                    numbers
                        .enumerate()
                        .for_each(|(i, v)| *v = (i % 7) as f32 * 0.3 - 0.8);
                }
                inputs.push((name.clone(), value));
            }
            let (a, b) = (
                live.run(key, inputs.clone()).unwrap(),
                frozen.run(key, inputs.clone()).unwrap(),
            );
            assert!(!a.is_empty() && a.keys().eq(b.keys()), "{name} {key}");
            for (output, x) in &a {
                let y = &b[output];
                let what = format!("{name} {key} {output}");
                assert_eq!((x.dtype(), x.shape()), (y.dtype(), y.shape()), "{what}");
                match x.dtype() {
                    DType::String => {
                        assert_eq!(x.strings().unwrap(), y.strings().unwrap(), "{what}")
                    }
                    _ => assert_eq!(x.bytes().unwrap(), y.bytes().unwrap(), "{what}"),
                }
            }
        }
        assert_eq!(refused, skipped, "{name}");
    }
}

#[test]
fn signatures_name_outputs_and_stay() {
    let dir = TempDir::new("cli-freeze-signatures");
    let dir = dir.path();
    unpack("simple_save", &dir.join("model"));
    let live = SavedModel::load(dir.join("model"), &[SERVE]).unwrap();
    let (output, spec) = live.signatures()["serving_default"]
        .outputs
        .first_key_value()
        .unwrap();
    // By the signature's name for it, by its own, and by default.
    let mut reports = Vec::new();
    for more in [
        &["--signature", "serving_default", "--output", output][..],
        &["--output", &spec.tensor],
    ] {
        let args = [&["freeze", "model/", "--json", "--out", "f.meta"], more].concat();
        reports.push(tensorloom(dir, &args).json());
    }
    assert_eq!(reports[0], reports[1]);
    assert_eq!(reports[0]["outputs"], json!([spec.tensor]));
    tensorloom(dir, &["freeze", "model", "--out", "f.meta"]).ok();
    let meta = MetaGraphDef::read(dir.join("f.meta")).unwrap().meta;
    assert!(meta.signature_def.keys().eq(["serving_default"]));
    assert!(meta.saver_def.is_none() && meta.collection_def.is_empty());
}

#[test]
fn mistakes_are_told() {
    let dir = TempDir::new("cli-freeze-bad");
    let dir = dir.path();
    write(dir);
    let freeze = |args: &[&str]| {
        let done = tensorloom(dir, &[&["freeze", "--out", "f.pb"], args].concat());
        assert!(!dir.join("f.pb").exists());
        done
    };
    let e = freeze(&["g.pb", "--checkpoint", "m"]).error(2);
    assert!(e.contains("no outputs"), "{e}");
    for (args, want) in [
        (
            &["g.pb", "--output", "y"][..],
            "FailedPrecondition: without --checkpoint: Attempting to use uninitialized value w",
        ),
        (
            &["g.pb", "--output", "gone", "--checkpoint", "m"],
            "NotFound: ",
        ),
        (
            &["g.pb", "--output", "y", "--checkpoint", "gone"],
            "NotFound: ",
        ),
        (
            &["m.meta", "--output", "y", "--checkpoint", "gone"],
            "InvalidArgument: The passed save_path is not a valid checkpoint: gone",
        ),
        (
            &["m.meta", "--signature", "s"],
            "NotFound: No signature 's'",
        ),
        (&["m.index", "--output", "y"], "m.index: "),
    ] {
        let e = freeze(args).error(1);
        assert!(e.contains(want), "{args:?}: {e}");
    }
    write_npz(
        dir.join("w.npz"),
        &[("w", &Tensor::from(1.5f64))],
        NpzOptions::default(),
    )
    .unwrap();
    tensorloom(dir, &["checkpoint", "import", "w.npz", "other"]).ok();
    let e = freeze(&["g.pb", "--output", "y", "--checkpoint", "other"]).error(1);
    assert!(e.contains("w (float32 [] here, float64 [] there)"), "{e}");

    // An op that is not known here freezes with the rest.
    let text = r#"
        node { name: "v" op: "VariableV2" attr { key: "dtype" value { type: DT_FLOAT } } attr { key: "shape" value { shape { } } } }
        node { name: "y" op: "MysteryOp" input: "v" attr { key: "k" value { s: "kept" } } }
    "#;
    fs::write(dir.join("odd.pbtxt"), text).unwrap();
    let mut writer = BundleWriter::new(dir.join("odd")).unwrap();
    writer.add("v", &Tensor::from(4.0f32)).unwrap();
    writer.finish().unwrap();
    let args = [
        "freeze",
        "odd.pbtxt",
        "--checkpoint",
        "odd",
        "--output",
        "y",
        "--out",
        "odd.pb",
    ];
    tensorloom(dir, &args).ok();
    let frozen = GraphDef::read(dir.join("odd.pb")).unwrap();
    assert_eq!(frozen.node[0].op, "Const");
    assert_eq!(frozen.node[1], GraphDef::from_pbtxt(text).unwrap().node[1]);
}
