//! `tensorloom diff`: what counts as a difference, and what does not.

use super::{Ended, data, tensorloom};
use crate::io::TempDir;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

const A: &str = r#"
    node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } }
    node { name: "c" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } } attr { key: "value" value { tensor {
        dtype: DT_FLOAT tensor_shape { dim { size: 3 } } float_val: 1 float_val: 2 float_val: 2 } } } }
    node { name: "y" op: "MatMul" input: "x" input: "c" input: "^c" input: "^x"
           attr { key: "T" value { type: DT_FLOAT } } attr { key: "transpose_a" value { b: false } } }
    versions { producer: 9 }
"#;

fn diff(dir: &Path, a: &str, b: &str, more: &[&str]) -> Ended {
    fs::write(dir.join("a.pbtxt"), a).unwrap();
    fs::write(dir.join("b.pbtxt"), b).unwrap();
    tensorloom(dir, &[&["diff", "a.pbtxt", "b.pbtxt"], more].concat())
}

#[test]
fn what_means_the_same_is_equal() {
    let dir = TempDir::new("cli-diff-same");
    let dir = dir.path();
    // Other order, other spelling, the default left out, the tensor as raw bytes, the last value repeated.
    let same = r#"
        node { name: "y" op: "MatMul" input: "x:0" input: "c" input: "^x" input: "^c"
               attr { key: "T" value { type: DT_FLOAT } } attr { key: "transpose_b" value { b: false } } }
        node { name: "c" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } } attr { key: "value" value { tensor {
            dtype: DT_FLOAT tensor_shape { dim { size: 3 } } tensor_content: "\000\000\200?\000\000\000@\000\000\000@" } } } }
        node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } }
        versions { producer: 9 }
    "#;
    assert_eq!(diff(dir, A, same, &[]).ok(), "");
    let report = diff(dir, A, same, &["--json"]).json();
    assert_eq!(report, json!({"equal": true, "differences": []}));
    for (a, b) in [
        ("training.pb", "training.pbtxt"),
        ("functions.pb", "functions.json"),
        ("saved_model.pb", "saved_model_sorted.pbtxt"),
    ] {
        let (a, b) = (data(&format!("defs/{a}")), data(&format!("defs/{b}")));
        assert_eq!(tensorloom(dir, &["diff", &a, &b]).ok(), "", "{a}");
    }
}

#[test]
fn each_kind_of_difference_is_named() {
    let dir = TempDir::new("cli-diff");
    let dir = dir.path();
    let line = |from: &str, to: &str| {
        let b = A.replacen(from, to, 1);
        assert_ne!(b, A, "{from}");
        let done = diff(dir, A, &b, &[]);
        assert_eq!((done.code, &done.err[..]), (Some(1), ""), "{done:?}");
        done.out
    };
    for (from, to, want) in [
        (
            "float_val: 2 float_val: 2",
            "float_val: 2 float_val: 4",
            "! node c, attr value: float32 [3] 1 2 2 | float32 [3] 1 2 4 (1 of 3 elements differ)\n",
        ),
        (
            "float_val: 1",
            "float_val: -1",
            "! node c, attr value: float32 [3] 1 2 2 | float32 [3] -1 2 2 (1 of 3 elements differ)\n",
        ),
        (
            "b: false",
            "b: true",
            "! node y, attr transpose_a: false | true\n",
        ),
        (
            "op: \"Placeholder\"",
            "op: \"Placeholder\" device: \"/cpu:0\"",
            "! node x, device: '' | '/cpu:0'\n",
        ),
        (
            "input: \"c\"",
            "input: \"c:1\"",
            "! node y, input 1: c | c:1\n",
        ),
        ("input: \"^c\"", "", "- node y, control input: c\n"),
        (
            "\"MatMul\"",
            "\"MyMatMul\"",
            "! node y, op: MatMul | MyMatMul\n",
        ),
        (
            "producer: 9",
            "producer: 10",
            "! version producer: 9 | 10\n",
        ),
        (
            "versions",
            "node { name: \"z\" op: \"NoOp\" } versions",
            "+ node z: NoOp\n",
        ),
        (
            "attr { key: \"transpose_a\"",
            "attr { key: \"_mine\" value { s: \"q\" } } attr { key: \"transpose_a\"",
            "+ node y, attr _mine: \"q\"\n",
        ),
        (
            "versions",
            "library { function { signature { name: \"f\" } } } versions",
            "+ function f: 0 nodes\n",
        ),
    ] {
        assert_eq!(line(from, to), want);
    }
    let b = A.replace("b: false", "b: true");
    assert_eq!(diff(dir, A, &b, &["--ignore", "transpose*"]).ok(), "");
    let done = diff(dir, A, &b, &["--json"]);
    let report: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(done.code, Some(1));
    assert_eq!(
        report["differences"],
        json!([{"what": "attr", "function": null, "node": "y", "name": "transpose_a", "a": "false", "b": "true"}])
    );
}

#[test]
fn functions_and_collections_are_compared_inside() {
    let dir = TempDir::new("cli-diff-meta");
    let dir = dir.path();
    let text = fs::read_to_string(data("defs/functions.pbtxt")).unwrap();
    let at = text.find("node_def {").unwrap();
    let name = |s: &str| s.split('"').nth(1).unwrap().to_string();
    let node = name(&text[at..]);
    let function = name(&text[text[..at].rfind("signature {").unwrap()..]);
    let changed = format!(
        "{}node_def {{ device: 'there'{}",
        &text[..at],
        &text[at + 10..]
    );
    assert_eq!(
        diff(dir, &text, &changed, &[]).out,
        format!("! function {function}, node {node}, device: '' | 'there'\n")
    );

    let meta = data("defs/m.ckpt-2.meta");
    tensorloom(dir, &["convert", &meta, "m.meta.pbtxt"]).ok();
    let text = fs::read_to_string(dir.join("m.meta.pbtxt")).unwrap();
    assert_eq!(tensorloom(dir, &["diff", &meta, "m.meta.pbtxt"]).ok(), "");
    let at = text.find("collection_def {").unwrap();
    let more = "collection_def { key: 'mine' value { node_list { value: ['a', 'a'] } } }\n";
    let changed = format!("{}{more}{}", &text[..at], &text[at..]);
    assert_eq!(
        diff(dir, &text, &changed, &[]).out,
        "+ collection mine: a (2 times)\n"
    );
    let other = changed.replace("value: ['a', 'a']", "value: ['b', 'a']");
    assert_eq!(
        diff(dir, &changed, &other, &[]).out,
        "- collection mine: a\n+ collection mine: b\n"
    );
    let turned = other.replace("['b', 'a']", "['a', 'b']");
    assert_eq!(
        diff(dir, &other, &turned, &[]).out,
        "! collection mine: the order | the order\n"
    );
    // A graph alone lacks what the meta graph has beside it.
    tensorloom(dir, &["convert", &meta, "g.pb", "--as", "graph"]).ok();
    let done = tensorloom(dir, &["diff", "g.pb", &meta]);
    assert!(
        done.out.contains("+ collection variables: a:0\n"),
        "{}",
        done.out
    );
    assert!(
        done.out.lines().all(|l| !l.contains("node ")),
        "{}",
        done.out
    );
}

#[test]
fn what_is_no_graph_is_an_error() {
    let dir = TempDir::new("cli-diff-bad");
    let dir = dir.path();
    let twice = "node { name: 'x' op: 'NoOp' } node { name: 'x' op: 'NoOp' }";
    assert_eq!(
        diff(dir, A, twice, &[]).error(1),
        "error: InvalidArgument: x: Node 'x' is not unique (NoOp)"
    );
    assert!(
        diff(dir, A, "nod {", &[])
            .error(1)
            .contains("b.pbtxt: Error parsing")
    );
    let e = tensorloom(dir, &["diff", "a.pbtxt", "gone.pb"]).error(1);
    assert!(
        e.starts_with("error: NotFound: ") && e.contains("gone.pb"),
        "{e}"
    );
    assert_eq!(tensorloom(dir, &["diff", "a.pbtxt"]).code, Some(2));
}
