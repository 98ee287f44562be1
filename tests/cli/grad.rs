//! `tensorloom grad`: gradients added to a graph, their names, and what becomes of the file.

use super::{data, tensorloom};
use crate::io::TempDir;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use tensorloom::def::{Definition, GraphDef, MetaGraphDef, SavedModel};
use tensorloom::{DType, Graph, Tensor, init};

/// `y = sum(x·x + table[rows] · 3)`, with a `z` that nothing depends on.
fn write(dir: &Path) {
    let g = Graph::new();
    let x = g.placeholder("x", DType::F32, [2]);
    let s = g.root();
    let table = s
        .named("table")
        .constant(Tensor::from([10.0f32, 20.0, 30.0]));
    let rows = s.named("rows").constant(Tensor::from([2i32, 0]));
    let axis = s.named("axis").constant(Tensor::from(0i32));
    let picked = s.op("GatherV2").input(table).input(rows).input(axis).out();
    let sum = s.add(s.mul(x, x), s.mul(picked, 3.0f32));
    s.named("y").op("Identity").input(sum.sum()).out();
    s.named("z").constant(Tensor::from(1.0f32));
    let mut def = g.export().unwrap();
    // The gradients of another time took a name.
    let constant = def.node.iter().find(|n| n.name == "z").unwrap().clone();
    def.node.push(tensorloom::def::NodeDef {
        name: "gradients/AddN".into(),
        ..constant
    });
    def.write(dir.join("g.pb")).unwrap();
}

#[test]
fn gradients_run_and_are_those_of_the_builder() {
    let dir = TempDir::new("cli-grad");
    let dir = dir.path();
    write(dir);
    let args = [
        "grad", "g.pb", "--y", "y", "--x", "x", "--x", "table:0", "--x", "z", "--out", "d.pb",
    ];
    let text = tensorloom(dir, &args).ok();
    let before = GraphDef::read(dir.join("g.pb")).unwrap();
    let after = GraphDef::read(dir.join("d.pb")).unwrap();
    assert_eq!(after.node[..before.node.len()], before.node[..]);
    let added = after.node.len() - before.node.len();
    assert!(
        text.ends_with(&format!("\n{added} nodes added\n")),
        "{text}"
    );
    assert!(text.contains("\nz:0      None\n"), "{text}");

    let report = tensorloom(dir, &[&args[..], &["--json"]].concat()).json();
    assert_eq!(report["nodes_added"], added);
    let of = |i: usize| &report["gradients"][i];
    assert_eq!(of(2), &json!({"x": "z:0", "gradient": null, "rows": null}));
    let dx = of(0)["gradient"].as_str().unwrap();
    let rows = &of(1)["rows"];
    assert!(of(1)["gradient"].is_null(), "{report}");
    assert_eq!(dx, "gradients/AddN_1:0");

    let fetch = |name: &str, file: &str| -> Value {
        let args = [
            "run",
            file,
            "--feed",
            "x=[1, -4]",
            "--json",
            "--fetch",
            name,
        ];
        tensorloom(dir, &args).json()["fetches"][name]["values"].clone()
    };
    assert_eq!(fetch(dx, "d.pb"), json!([2.0, -8.0]));
    let row = |key: &str| fetch(rows[key].as_str().unwrap(), "d.pb");
    assert_eq!(row("values"), json!([3.0, 3.0]));
    assert_eq!(row("indices"), json!([2, 0]));
    assert_eq!(row("dense_shape"), json!([3]));

    let report = tensorloom(dir, &[&args[..], &["--json", "--dense"]].concat()).json();
    let table = report["gradients"][1]["gradient"].as_str().unwrap();
    assert_eq!(fetch(table, "d.pb"), json!([3.0, 0.0, 3.0]));
    let stopped = tensorloom(dir, &[&args[..], &["--json", "--stop", "y"]].concat()).json();
    assert!(stopped["gradients"][0]["gradient"].is_null(), "{stopped}");
}

#[test]
fn the_file_stays_what_it_was() {
    let dir = TempDir::new("cli-grad-kinds");
    let dir = dir.path();
    let g = Graph::new();
    let w = g.get_variable("w", [2], init::constant(3.0));
    let s = g.root();
    s.named("y").op("L2Loss").input(w).out();
    g.init_op();
    let saver = tensorloom::train::Saver::new(&g);
    tensorloom::train::write_meta_graph(&g, Some(&saver), &dir.join("m.meta")).unwrap();
    let grad = |from: &str, to: &str| {
        let args = [
            "grad", from, "--y", "y", "--x", "w/read", "--out", to, "--json",
        ];
        let report = tensorloom(dir, &args).json();
        report["gradients"][0]["gradient"]
            .as_str()
            .unwrap()
            .to_string()
    };
    let name = grad("m.meta", "d.meta");
    let (m, d) = (
        MetaGraphDef::read(dir.join("m.meta")).unwrap(),
        MetaGraphDef::read(dir.join("d.meta")).unwrap(),
    );
    assert_eq!(m.meta, d.meta);
    let new = &d.graph.node[m.graph.node.len()..];
    assert!(new.iter().all(|n| n.attr.contains_key("_output_shapes")));
    let run = [
        "run", "d.meta", "--init", "init", "--json", "--fetch", &name,
    ];
    let values = &tensorloom(dir, &run).json()["fetches"][&name]["values"];
    assert_eq!(values, &json!([3.0, 3.0]));

    tensorloom(dir, &["convert", "m.meta", "saved/"]).ok();
    grad("saved", "grad.pbtxt");
    let (saved, _) = Definition::read(dir.join("grad.pbtxt")).unwrap();
    assert!(
        matches!(saved, Definition::Saved(SavedModel { meta_graphs, .. }) if meta_graphs.len() == 1)
    );
}

#[test]
fn what_cannot_be_differentiated_is_said() {
    let dir = TempDir::new("cli-grad-bad");
    let dir = dir.path();
    write(dir);
    let fails = |args: &[&str], code| {
        let done = tensorloom(dir, &[&["grad", "g.pb", "--out", "d.pb"], args].concat());
        assert!(!dir.join("d.pb").exists());
        done.error(code)
    };
    let e = fails(&["--y", "gone", "--x", "x"], 1);
    assert!(
        e.starts_with("error: NotFound: ") && e.contains("gone"),
        "{e}"
    );
    fails(&["--y", "y"], 2);
    fails(&["--x", "y"], 2);
    fs::write(
        dir.join("g.pb"),
        r#"node { name: "x" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } } attr { key: "value" value {
             tensor { dtype: DT_FLOAT tensor_shape { } float_val: 1 } } } }
           node { name: "y" op: "SoftsignGrad" input: "x" input: "x" attr { key: "T" value { type: DT_FLOAT } } }"#,
    )
    .unwrap();
    let e = fails(&["--y", "y", "--x", "x"], 1);
    assert!(e.contains("No gradient defined for operation 'y'"), "{e}");
    let file = data("defs/tensors.json");
    let e = tensorloom(
        dir,
        &["grad", &file, "--y", "y", "--x", "x", "--out", "d.pb"],
    )
    .error(1);
    assert!(e.contains("tensors.json: "), "{e}");
}
