//! Graphs whose parts do not fit together: each is refused when it is imported, with the node that is wrong.

use tensorloom::def::GraphDef;
use tensorloom::{Code, Graph, ImportOptions, Session};

const T: &str = "attr { key: 'T' value { type: DT_FLOAT } }";
const X: &str =
    "node { name: 'x' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } } }";

/// What it is, the graph after a placeholder `x`, the wrong node, part of the message.
const CASES: &[(&str, &str, &str, &str)] = &[
    (
        "a cycle of one",
        "node { name: 'a' op: 'Neg' input: 'a' $T }",
        "a",
        "1 nodes in a cycle",
    ),
    (
        "a cycle of two",
        "node { name: 'a' op: 'Neg' input: 'b' $T } node { name: 'b' op: 'Neg' input: 'a' $T }",
        "a",
        "2 nodes in a cycle",
    ),
    (
        "a cycle of control inputs",
        "node { name: 'a' op: 'NoOp' input: '^b' } node { name: 'b' op: 'NoOp' input: '^a' }",
        "a",
        "cycle",
    ),
    (
        "a loop without NextIteration",
        "node { name: 'm' op: 'Merge' input: 'x' input: 'n' $T attr { key: 'N' value { i: 2 } } } node { name: 'n' op: 'Neg' input: 'm' $T }",
        "m",
        "cycle",
    ),
    (
        "a dangling input",
        "node { name: 'a' op: 'Neg' input: 'gone' $T }",
        "a",
        "Unknown input node 'gone'",
    ),
    (
        "a dangling control input",
        "node { name: 'a' op: 'NoOp' input: '^gone' }",
        "a",
        "Unknown input node '^gone'",
    ),
    (
        "an output that is not there",
        "node { name: 'a' op: 'Neg' input: 'x:1' $T }",
        "a",
        "invalid output 1 of source node x which has 1 outputs",
    ),
    (
        "an output far away",
        "node { name: 'a' op: 'Neg' input: 'x:4294967295' $T }",
        "a",
        "invalid output 4294967295",
    ),
    (
        "an output beyond numbers",
        "node { name: 'a' op: 'Neg' input: 'x:4294967296' $T }",
        "a",
        "Malformed input name",
    ),
    (
        "an output of nothing",
        "node { name: 'a' op: 'Neg' input: ':0' $T }",
        "a",
        "Malformed input name ':0'",
    ),
    (
        "an empty input",
        "node { name: 'a' op: 'Neg' input: '' $T }",
        "a",
        "Malformed input name ''",
    ),
    (
        "a control input of nothing",
        "node { name: 'a' op: 'NoOp' input: '^' }",
        "a",
        "Malformed input name '^'",
    ),
    (
        "a name twice",
        "node { name: 'x' op: 'NoOp' }",
        "x",
        "Node 'x' is not unique",
    ),
    (
        "an empty name",
        "node { name: '' op: 'NoOp' }",
        "",
        "invalid characters",
    ),
    (
        "a name of marks",
        "node { name: 'a:0' op: 'NoOp' }",
        "a:0",
        "invalid characters",
    ),
    (
        "a name with a line",
        "node { name: 'a\\nb' op: 'NoOp' }",
        "a\nb",
        "invalid characters",
    ),
    (
        "no op",
        "node { name: 'a' }",
        "a",
        "does not specify an operation",
    ),
    (
        "an unknown op",
        "node { name: 'a' op: 'Zork' }",
        "a",
        "not registered 'Zork'",
    ),
    (
        "too few inputs",
        "node { name: 'a' op: 'AddV2' input: 'x' $T }",
        "a",
        "do not match 1 inputs",
    ),
    (
        "too many inputs",
        "node { name: 'a' op: 'Neg' input: 'x' input: 'x' $T }",
        "a",
        "do not match 2 inputs",
    ),
    (
        "a control input first",
        "node { name: 'a' op: 'Neg' input: '^x' input: 'x' $T }",
        "a",
        "Control dependencies must come after",
    ),
    (
        "a wrong type",
        "node { name: 'a' op: 'Neg' input: 'x' attr { key: 'T' value { type: DT_INT32 } } }",
        "a",
        "incompatible with expected int32",
    ),
    (
        "a type that the op lacks",
        "node { name: 'a' op: 'Neg' input: 'x' attr { key: 'T' value { type: DT_STRING } } }",
        "a",
        "not in the list of allowed values",
    ),
    (
        "no type",
        "node { name: 'a' op: 'Neg' input: 'x' }",
        "a",
        "missing attr 'T'",
    ),
    (
        "a type that is a number",
        "node { name: 'a' op: 'Neg' input: 'x' attr { key: 'T' value { i: 1 } } }",
        "a",
        "'int' when 'type' expected",
    ),
    (
        "a value where a reference belongs",
        "node { name: 'a' op: 'Assign' input: 'x' input: 'x' $T }",
        "a",
        "incompatible with expected float_ref",
    ),
    (
        "lists of a negative number",
        "node { name: 'a' op: 'AddN' input: 'x' $T attr { key: 'N' value { i: -1 } } }",
        "a",
        "N",
    ),
    (
        "lists of a huge number",
        "node { name: 'a' op: 'AddN' input: 'x' $T attr { key: 'N' value { i: 9223372036854775807 } } }",
        "a",
        "",
    ),
    (
        "a huge number of outputs",
        "node { name: 'd' op: 'Const' attr { key: 'dtype' value { type: DT_INT32 } } attr { key: 'value' value { tensor { dtype: DT_INT32 tensor_shape { } } } } } node { name: 'a' op: 'Split' input: 'd' input: 'x' $T attr { key: 'num_split' value { i: 1099511627776 } } }",
        "a",
        "",
    ),
    (
        "a malformed device",
        "node { name: 'a' op: 'NoOp' device: '/zork:0' }",
        "a",
        "Malformed device specification",
    ),
    (
        "an unknown group",
        "node { name: 'a' op: 'NoOp' attr { key: '_class' value { list { s: 'loc:@gone' } } } }",
        "a",
        "unknown node 'gone'",
    ),
    (
        "shapes that differ",
        "node { name: 'a' op: 'Const' attr { key: 'dtype' value { type: DT_FLOAT } } attr { key: 'value' value { tensor { dtype: DT_FLOAT tensor_shape { } } } } attr { key: '_output_shapes' value { list { shape { dim { size: 3 } } } } } }",
        "a",
        "inconsistent with the inferred shape",
    ),
    (
        "shapes that are no shapes",
        "node { name: 'a' op: 'Neg' input: 'x' $T attr { key: '_output_shapes' value { i: 1 } } }",
        "a",
        "_output_shapes",
    ),
    (
        "too few shapes",
        "node { name: 'a' op: 'Neg' input: 'x' $T attr { key: '_output_shapes' value { list { } } } }",
        "a",
        "specifies shapes for 0 outputs",
    ),
    (
        "a constant of another type",
        "node { name: 'a' op: 'Const' attr { key: 'dtype' value { type: DT_INT32 } } attr { key: 'value' value { tensor { dtype: DT_FLOAT tensor_shape { } } } } }",
        "a",
        "",
    ),
];

#[test]
fn the_wrong_node_is_named() {
    let mut problems = Vec::new();
    for (what, nodes, node, message) in CASES {
        let text = format!("{X} {}", nodes.replace("$T", T));
        let def = GraphDef::from_pbtxt(&text).unwrap();
        let g = Graph::new();
        match g.import(&def, &ImportOptions::default()) {
            Ok(_) => problems.push(format!("{what}: was imported")),
            Err(e) if e.node() != Some(node) || !e.message().contains(message) => {
                problems.push(format!("{what}: {e:?}"));
            }
            Err(_) => {}
        }
        assert!(g.is_empty(), "{what}: something is left");
        assert!(g.export().unwrap().node.is_empty());
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn functions_that_do_not_fit() {
    let f = |body: &str| {
        format!(
            "library {{ function {{ signature {{ name: 'f' input_arg {{ name: 'a' type: DT_FLOAT }} output_arg {{ name: 'b' type: DT_FLOAT }} }} {body} }} }}"
        )
    };
    for (what, library) in [
        ("no return", f("")),
        (
            "a return from nowhere",
            f("ret { key: 'b' value: 'gone:0' }"),
        ),
        (
            "a return that is no output",
            f("ret { key: 'b' value: 'a' } ret { key: 'c' value: 'a' }"),
        ),
        (
            "a call of itself",
            f("node_def { name: 'n' op: 'f' input: 'a' } ret { key: 'b' value: 'n:b:0' }"),
        ),
        (
            "an input from nowhere",
            f("node_def { name: 'n' op: 'Neg' input: 'gone' } ret { key: 'b' value: 'a' }"),
        ),
        (
            "a name twice",
            f("node_def { name: 'a' op: 'NoOp' } ret { key: 'b' value: 'a' }"),
        ),
        (
            "a function twice",
            f("ret { key: 'b' value: 'a' } } function { signature { name: 'f' }"),
        ),
    ] {
        let def = GraphDef::from_pbtxt(&library).unwrap();
        let g = Graph::new();
        let e = g
            .import(&def, &ImportOptions::default())
            .map(|_| ())
            .expect_err(what);
        assert_eq!(e.code(), Code::InvalidArgument, "{what}: {e}");
        assert!(e.message().contains("'f'"), "{what}: {e}");
        assert!(g.functions().is_empty(), "{what}");
    }
}

/// Values that shape functions ask for, each made of the one before it twice.
#[test]
fn shapes_that_depend_on_many_sums() {
    let int = "attr { key: 'T' value { type: DT_INT32 } }";
    let mut text = "node { name: 'n0' op: 'Const' attr { key: 'dtype' value { type: DT_INT32 } } attr { key: 'value' value { tensor { dtype: DT_INT32 tensor_shape { dim { size: 1 } } int_val: 0 } } } }".to_string();
    for i in 1..200 {
        let from = i - 1;
        text +=
            &format!("node {{ name: 'n{i}' op: 'AddV2' input: 'n{from}' input: 'n{from}' {int} }}");
        text += &format!("node {{ name: 'f{i}' op: 'Fill' input: 'n{i}' input: 'n0' {int} attr {{ key: 'index_type' value {{ type: DT_INT32 }} }} }}").replace("input: 'n0'", "input: 's'");
    }
    text += "node { name: 's' op: 'Const' attr { key: 'dtype' value { type: DT_INT32 } } attr { key: 'value' value { tensor { dtype: DT_INT32 tensor_shape { } int_val: 0 } } } }";
    let def = GraphDef::from_pbtxt(&text).unwrap();
    let g = Graph::new();
    g.import(&def, &ImportOptions::default()).unwrap();
    assert_eq!(g.output("f3").unwrap().shape().to_string(), "[0]");
    assert_eq!(g.output("f199").unwrap().shape().rank(), Some(1));
}

/// Chains of nodes, and of groups, need no stack: nothing follows them by recursion.
#[test]
fn deep_graphs_need_no_stack() {
    const NODES: usize = 10_000;
    let small = std::thread::Builder::new().stack_size(256 << 10);
    let work = || {
        let mut text = X.to_string();
        for i in 0..NODES {
            let from = match i {
                0 => "x".to_string(),
                _ => format!("n{}", i - 1),
            };
            text += &format!(
                "node {{ name: 'n{i}' op: 'Neg' input: '{from}' {T} attr {{ key: '_class' value {{ list {{ s: 'loc:@{from}' }} }} }} }}"
            );
        }
        let def = GraphDef::from_pbtxt(&text).unwrap();
        let g = Graph::new();
        g.import(&def, &ImportOptions::default()).unwrap();
        assert_eq!(g.export().unwrap().node.len(), NODES + 1);
        let last = g.output(&format!("n{}", NODES - 1)).unwrap();
        let x = g.output("x").unwrap();
        let slope = g.gradients(&[last], &[x]).unwrap()[0]
            .unwrap()
            .dense(g.root());
        let session = Session::new(&g).unwrap();
        let values = session.run([(x, 3.0f32)], [last, slope], ()).unwrap();
        // An even number of negations.
        assert_eq!(values[0].to_scalar::<f32>().unwrap(), 3.0);
        assert_eq!(values[1].to_scalar::<f32>().unwrap(), 1.0);
    };
    small.spawn(work).unwrap().join().unwrap();
}
