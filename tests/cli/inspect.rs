//! `tensorloom inspect`: the facts of graphs, also of those that cannot run or are broken.

use super::{data, tensorloom};
use crate::io::TempDir;
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use std::fs;
use std::io::Read;

/// A file of the project's own graphs.
fn kept(name: &str) -> String {
    format!("{}/graph_defs/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn names(list: &Value) -> Vec<&str> {
    let all = list.as_array().unwrap().iter();
    all.map(|v| v["name"].as_str().unwrap()).collect()
}

#[test]
fn the_facts_of_the_network() {
    let dir = TempDir::new("cli-inspect");
    let eval = kept("cifar10_eval.pbtxt");
    let f = tensorloom(dir.path(), &["inspect", &eval, "--json", "--nodes"]).json();
    assert_eq!(
        (&f["kind"], &f["form"]),
        (&json!("MetaGraphDef"), &json!("text"))
    );
    assert_eq!(
        f["versions"],
        json!({"producer": 2129, "min_consumer": 0, "bad_consumers": []})
    );
    let nodes = f["node_list"].as_array().unwrap();
    assert_eq!(f["nodes"], nodes.len());
    let inputs = |control: bool| {
        let all = nodes.iter().flat_map(|n| n["inputs"].as_array().unwrap());
        all.filter(|i| i.as_str().unwrap().starts_with('^') == control)
            .count()
    };
    assert_eq!(
        (&f["data_edges"], &f["control_edges"]),
        (&inputs(false).into(), &inputs(true).into())
    );
    let total: u64 = f["ops"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| o["count"].as_u64().unwrap())
        .sum();
    assert_eq!(f["nodes"], total);
    assert_eq!(f["ops"][0], json!({"name": "Const", "count": 93}));
    // Five layers of weights and biases: 5·5·3·64 + 64 + 5·5·64·64 + 64 + 2304·384 + 384 + 384·192 + 192 + 192·10 + 10.
    assert_eq!(
        f["learnable"],
        json!({"parameters": 1_068_298, "by": "the collection trainable_variables"})
    );
    assert_eq!(f["variables"].as_array().unwrap().len(), 10);
    // For 128 images: the convolutions at 24·24 and 12·12 places, and the three products.
    let per_image = 24u64 * 24 * 64 * 75 + 12 * 12 * 64 * 1600 + 2304 * 384 + 384 * 192 + 1920;
    assert_eq!(
        f["multiply_adds"],
        json!({"count": 128 * per_image, "unknown": 0, "batch": null})
    );
    assert_eq!((&f["missing"], &f["error"]), (&json!([]), &Value::Null));
    assert_eq!(f["saver"]["restore"], "save/restore_all");

    let text = tensorloom(dir.path(), &["inspect", &eval]).ok();
    for line in [
        "  93  Const\n",
        "nodes: 267 (298 data edges, 12 control edges)\n",
        "without a kernel here: none",
    ] {
        assert!(text.contains(line), "{text}");
    }
    let part = tensorloom(
        dir.path(),
        &["inspect", &eval, "--json", "--output", "conv1/conv1"],
    )
    .json();
    assert_eq!(names(&part["outputs"]), ["conv1/conv1:0"]);
    assert!(
        part["nodes"].as_u64().unwrap() < 100 && part["variables"].as_array().unwrap().len() == 2
    );
}

#[test]
fn unknown_batches_count_for_one_or_as_many_as_are_asked_for() {
    let dir = TempDir::new("cli-inspect-batch");
    let product = kept("product.pbtxt");
    for (more, count, batch) in [(&[][..], 4, 1), (&["--batch", "32"], 128, 32)] {
        let args = [&["inspect", &product, "--json"], more].concat();
        let f = tensorloom(dir.path(), &args).json();
        assert_eq!(
            f["multiply_adds"],
            json!({"count": count, "unknown": 0, "batch": batch})
        );
        assert_eq!(
            f["inputs"][0],
            json!({"name": "x:0", "op": "Placeholder", "dtype": "float32", "shape": [null, 2]})
        );
        assert_eq!(
            (names(&f["outputs"]), &f["tags"]),
            (vec!["y:0"], &json!([]))
        );
    }
}

#[test]
fn functions_and_signatures_of_saved_models() {
    let dir = TempDir::new("cli-inspect-model");
    let packed = fs::File::open(data("saved_models/control.tar.gz")).unwrap();
    tar::Archive::new(GzDecoder::new(packed))
        .unpack(dir.path())
        .unwrap();
    let f = tensorloom(dir.path(), &["inspect", ".", "--json", "--tag", "serve"]).json();
    assert_eq!(
        (&f["kind"], &f["tags"]),
        (&json!("SavedModel"), &json!(["serve"]))
    );
    // Calls, branches and loops of functions run, and all that the functions hold does.
    assert_eq!(f["missing"], json!([]));
    let signature = &f["signatures"]["branch"];
    assert_eq!(signature["method"], "tensorflow/serving/predict");
    assert_eq!(signature["inputs"]["x"]["shape"], json!([null]));
    assert!(
        names(&f["functions"])
            .iter()
            .any(|n| n.starts_with("__inference_step"))
    );
    let e = tensorloom(dir.path(), &["inspect", ".", "--tag", "train"]).error(1);
    assert!(
        e.contains("NotFound: ") && e.contains("Available: serve"),
        "{e}"
    );
}

#[test]
fn all_that_cannot_run_is_listed_and_broken_graphs_are_described() {
    let dir = TempDir::new("cli-inspect-bad");
    let dir = dir.path();
    let odd = r#"
        node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } }
        node { name: "m" op: "Mystery" input: "x" }
        node { name: "n" op: "Mystery" input: "m:3" }
        node { name: "q" op: "Abs" input: "x" attr { key: "T" value { type: DT_QINT8 } } }
    "#;
    fs::write(dir.join("odd.pbtxt"), odd).unwrap();
    let f = tensorloom(dir, &["inspect", "odd.pbtxt", "--json"]).json();
    let missing = f["missing"].as_array().unwrap();
    assert_eq!(missing.len(), 2);
    assert_eq!(
        missing[1],
        json!({"op": "Mystery", "why": "the op is not known", "nodes": ["m", "n"]})
    );
    let text = tensorloom(dir, &["inspect", "odd.pbtxt"]).ok();
    assert!(
        text.contains("without a kernel here: 2 ops, 3 nodes"),
        "{text}"
    );

    fs::write(dir.join("bad.pbtxt"), odd.replace("\"m:3\"", "\"gone\"")).unwrap();
    let done = tensorloom(dir, &["inspect", "bad.pbtxt", "--json"]);
    let f: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!((&f["nodes"], &f["error"]["node"]), (&json!(4), &json!("n")));
    let e = done.error(1);
    assert!(
        e.starts_with("error: InvalidArgument: n: ") && e.contains("gone"),
        "{e}"
    );

    // No file, no graph, damaged: one line, no facts.
    let mut whole = Vec::new();
    let packed = fs::File::open(data("cifar10/eval.pb.gz")).unwrap();
    GzDecoder::new(packed).read_to_end(&mut whole).unwrap();
    fs::write(dir.join("cut.pb"), &whole[..whole.len() / 2]).unwrap();
    fs::write(dir.join("text.pbtxt"), "node { name: 'x'").unwrap();
    fs::write(dir.join("json.json"), "{\"node\": 3}").unwrap();
    for (file, want) in [
        ("gone.pb", "error: NotFound: "),
        ("cut.pb", "cut.pb: "),
        (
            "text.pbtxt",
            "text.pbtxt: Error parsing text-format tensorflow.GraphDef: 1:",
        ),
        ("json.json", "json.json: Error parsing JSON GraphDef: "),
        (".", "SavedModel file does not exist"),
    ] {
        for form in [&[][..], &["--json"]] {
            let done = tensorloom(dir, &[&["inspect", file], form].concat());
            assert_eq!(
                (&done.out[..], done.err.lines().count()),
                ("", 1),
                "{done:?}"
            );
            let e = done.error(1);
            assert!(e.starts_with("error: ") && e.contains(want), "{e}");
        }
    }
}
