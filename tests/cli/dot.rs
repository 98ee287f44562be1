//! `tensorloom dot`: what it prints is read back by a parser of the language's part that it uses.

use super::{data, tensorloom};
use crate::io::TempDir;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tensorloom::def::MetaGraphDef;

/// What a text in Graphviz's language says.
#[derive(Default, Debug)]
struct Drawn {
    /// For each node the labels of its clusters, and its own.
    nodes: BTreeMap<String, (Vec<String>, String)>,
    /// From, to, label, dashed.
    edges: Vec<(String, String, String, bool)>,
}

/// Words, quoted strings (as `"…` with escapes undone) and signs.
fn tokens(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '"' {
            let mut s = String::from("\"");
            loop {
                match chars.next().expect("a string ends") {
                    '"' => break,
                    '\\' => match chars.next().unwrap() {
                        'n' => s.push('\n'),
                        e @ ('"' | '\\') => s.push(e),
                        e => panic!("escape \\{e}"),
                    },
                    c => s.push(c),
                }
            }
            out.push(s);
        } else if c == '-' && chars.peek() == Some(&'>') {
            chars.next();
            out.push("->".into());
        } else if c.is_alphanumeric() || c == '_' {
            let mut s = String::from(c);
            while let Some(c) = chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
                s.push(c);
            }
            out.push(s);
        } else if !c.is_whitespace() {
            out.push(c.to_string());
        }
    }
    out
}

fn parse(text: &str) -> Drawn {
    let tokens = tokens(text);
    let mut drawn = Drawn::default();
    let mut open: Vec<String> = Vec::new();
    let mut at = 0;
    let mut next = || {
        at += 1;
        tokens.get(at - 1).cloned()
    };
    assert_eq!(next().as_deref(), Some("digraph"));
    assert!(next().unwrap().starts_with('"'));
    assert_eq!(next().as_deref(), Some("{"));
    while let Some(first) = next() {
        if first == "}" {
            if open.pop().is_none() {
                assert_eq!(next(), None, "the text ends with the graph");
                return drawn;
            }
        } else if first == "subgraph" {
            assert!(next().unwrap().starts_with("cluster"));
            let head: Vec<String> = (0..4).map(|_| next().unwrap()).collect();
            assert_eq!(
                (&head[0][..], &head[1][..], &head[2][..]),
                ("{", "label", "=")
            );
            open.push(head[3][1..].to_string());
            assert_eq!(next().as_deref(), Some(";"));
        } else {
            let mut statement = Vec::new();
            while let Some(t) = next().filter(|t| t != ";") {
                statement.push(t);
            }
            let value = |name: &str| {
                let i = statement.iter().position(|t| t == name)?;
                Some(statement[i + 2].trim_start_matches('"').to_string())
            };
            let Some(name) = first.strip_prefix('"') else {
                assert!(first == "node" || first == "edge", "{first}");
                continue;
            };
            match statement.first().map(String::as_str) {
                Some("->") => drawn.edges.push((
                    name.to_string(),
                    statement[1][1..].to_string(),
                    value("label").unwrap_or_default(),
                    value("style").as_deref() == Some("dashed"),
                )),
                _ => {
                    let node = (open.clone(), value("label").unwrap());
                    assert!(drawn.nodes.insert(name.to_string(), node).is_none());
                }
            }
        }
    }
    panic!("the graph has no end");
}

fn drawn(dir: &Path, args: &[&str]) -> Drawn {
    parse(&tensorloom(dir, &[&["dot"], args].concat()).ok())
}

#[test]
fn nodes_stand_in_their_scopes_and_edges_are_all_there() {
    let dir = TempDir::new("cli-dot");
    let train = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/graph_defs/cifar10_train.pbtxt"
    );
    let d = drawn(dir.path(), &[train]);
    let def = MetaGraphDef::read(train).unwrap().graph;
    assert_eq!(d.nodes.len(), def.node.len());
    let mut edges: BTreeSet<(String, String, String, bool)> = BTreeSet::new();
    for n in &def.node {
        let (scopes, label) = &d.nodes[&n.name];
        let mut path: Vec<&str> = n.name.split('/').collect();
        let own = path.pop().unwrap();
        assert_eq!(
            (scopes.join("/"), label),
            (path.join("/"), &format!("{own}\n{}", n.op))
        );
        for i in &n.input {
            let control = i.strip_prefix('^');
            let (from, port) = i.split_once(':').unwrap_or((i, ""));
            let from = control.unwrap_or(from).to_string();
            edges.insert((from, n.name.clone(), port.to_string(), control.is_some()));
        }
    }
    let there: BTreeSet<_> = d.edges.iter().cloned().collect();
    assert_eq!(there.len(), d.edges.len(), "no edge is drawn twice");
    assert_eq!(there, edges);

    let d = drawn(dir.path(), &[train, "--output", "conv1/conv1", "--shapes"]);
    assert!(d.nodes.len() < 120 && d.nodes.contains_key("conv1/weights"));
    let edge = d
        .edges
        .iter()
        .find(|e| e.0 == "conv1/weights/read")
        .unwrap();
    assert_eq!(edge.2, "float32 [5,5,3,64]");
}

#[test]
fn no_name_breaks_the_text() {
    let dir = TempDir::new("cli-dot-names");
    let dir = dir.path();
    let odd = r#"
        node { name: "a\"b\\" op: "No&lt;Op" }
        node { name: "s {/->;/x" op: "NoOp" input: "^a\"b\\" }
        node { name: "s {" op: "NoOp" }
    "#;
    std::fs::write(dir.join("odd.pbtxt"), odd).unwrap();
    let d = drawn(dir, &["odd.pbtxt"]);
    assert_eq!(d.nodes["a\"b\\"].1, "a\"b\\\nNo&amp;lt;Op");
    assert_eq!(d.nodes["s {/->;/x"].0, ["s {", "->;"]);
    assert_eq!(d.nodes["s {"].0, [""; 0]);
    assert_eq!(
        d.edges,
        [("a\"b\\".into(), "s {/->;/x".into(), String::new(), true)]
    );
    // Names of many scopes neither recurse nor grow with the square of their depth.
    let deep = format!("node {{ name: \"{}x\" op: \"NoOp\" }}", "a/".repeat(20_000));
    std::fs::write(dir.join("deep.pbtxt"), deep).unwrap();
    let text = tensorloom(dir, &["dot", "deep.pbtxt"]).ok();
    assert!(text.len() < 4_000_000 && text.matches('{').count() == 20_001);
    // Whatever nodes mean, it can be drawn; what is no graph cannot.
    let model = data("defs/saved_model.pb");
    assert!(
        drawn(dir, &[&model, "--shapes"])
            .nodes
            .contains_key("save/RestoreV2")
    );
    std::fs::write(
        dir.join("bad.pbtxt"),
        "node { name: 'x' op: 'NoOp' input: 'y' }",
    )
    .unwrap();
    let e = tensorloom(dir, &["dot", "bad.pbtxt"]).error(1);
    assert_eq!(
        e,
        "error: InvalidArgument: x: Unknown input node 'y' (NoOp)"
    );
    let e = tensorloom(dir, &["dot", "odd.pbtxt", "--output", "gone"]).error(1);
    assert!(e.starts_with("error: NotFound: "), "{e}");
}
