//! Variables in all the places where graphs and functions have them.

use super::freeze;
use crate::def::GraphDef;
use crate::error::{Code, Error, Result};
use crate::graph::{Graph, ImportOptions};
use crate::runtime::Session;
use crate::tensor::Tensor;

/// A node in the text form: op, inputs, and attributes as `name kind value`.
fn node(tag: &str, name: &str, op: &str, inputs: &str, attrs: &[&str]) -> String {
    let inputs = inputs.split(' ').filter(|i| !i.is_empty());
    let inputs: String = inputs.map(|i| format!("input: '{i}' ")).collect();
    let attrs = attrs.iter().map(|a| {
        let (key, value) = a.split_once(' ').unwrap();
        format!("attr {{ key: '{key}' value {{ {value} }} }} ")
    });
    let attrs: String = attrs.collect();
    format!("{tag} {{ name: '{name}' op: '{op}' {inputs} {attrs} }}\n")
}

const T: &str = "T type: DT_FLOAT";
const D: &str = "dtype type: DT_FLOAT";
const SHAPE: &str = "shape shape { dim { size: 3 } }";

fn constant(name: &str, dtype: &str, values: &str) -> String {
    let count = values.split_whitespace().count();
    let field = if dtype == "DT_INT32" {
        "int_val"
    } else {
        "float_val"
    };
    let values: String = values
        .split_whitespace()
        .map(|v| format!("{field}: {v} "))
        .collect();
    let value = format!(
        "value tensor {{ dtype: {dtype} tensor_shape {{ dim {{ size: {count} }} }} {values} }}"
    );
    node(
        "node",
        name,
        "Const",
        "",
        &[&format!("dtype type: {dtype}"), &value],
    )
}

/// A variable `r` by reference and `h` by handle, of three elements, with initializers under `init`.
fn variables() -> String {
    [
        constant("value", "DT_FLOAT", "1 2 3"),
        node(
            "node",
            "r",
            "VariableV2",
            "",
            &[D, SHAPE, "_class list { s: 'loc:@init' }"],
        ),
        node(
            "node",
            "h",
            "VarHandleOp",
            "",
            &[
                D,
                SHAPE,
                "shared_name s: 'shared'",
                "_output_shapes list { shape { } }",
            ],
        ),
        node("node", "r/Assign", "Assign", "r value", &[T]),
        node("node", "h/Assign", "AssignVariableOp", "h value", &[D]),
        node("node", "init", "NoOp", "^r/Assign ^h/Assign", &[]),
        node("node", "x", "Placeholder", "", &[D, SHAPE]),
        node(
            "node",
            "r/read",
            "Identity",
            "r",
            &[T, "_class list { s: 'loc:@r' }"],
        ),
        node("node", "h/read", "ReadVariableOp", "h", &[D]),
    ]
    .concat()
}

fn session(def: &GraphDef, init: bool) -> Result<Session> {
    let g = Graph::new();
    g.import(def, &ImportOptions::default())?;
    let session = Session::new(&g)?;
    if init {
        session.run_target("init")?;
    }
    Ok(session)
}

fn frozen(text: &str, outputs: &[&str]) -> Result<GraphDef> {
    let def = GraphDef::from_pbtxt(text)?;
    freeze(&session(&def, true)?, &def, outputs)
}

/// Freezes, and compares the outputs with those of the live graph; gives the frozen graph.
fn same(text: &str, outputs: &[&str]) -> GraphDef {
    let def = GraphDef::from_pbtxt(text).unwrap();
    let live = session(&def, true).unwrap();
    let frozen = freeze(&live, &def, outputs).unwrap();
    // What was written is read again.
    let frozen = GraphDef::from_pb(&frozen.to_pb()).unwrap();
    let still = session(&frozen, false).unwrap();
    for name in outputs {
        let fed = |s: &Session| {
            let has_x = s.graph().find("x").is_some();
            let x = Tensor::from([0.5f32, -1.0, 4.0]);
            let feeds: Vec<(&str, Tensor)> = has_x.then_some(("x:0", x)).into_iter().collect();
            s.run(feeds, *name, ()).unwrap().remove(0)
        };
        let (a, b) = (fed(&live), fed(&still));
        assert_eq!((a.dtype(), a.shape()), (b.dtype(), b.shape()), "{name}");
        assert_eq!(a.bytes().unwrap(), b.bytes().unwrap(), "{name}");
    }
    let library = frozen.functions().unwrap();
    let within = library.iter().flat_map(|f| &f.node);
    for n in frozen.node.iter().chain(within) {
        let gone = ["VariableV2", "VarHandleOp", "ReadVariableOp"];
        assert!(
            !gone.contains(&n.op.as_str()) && !n.op.contains("Assign"),
            "{}",
            n.name
        );
    }
    frozen
}

fn names(def: &GraphDef) -> Vec<&str> {
    def.node.iter().map(|n| n.name.as_str()).collect()
}

fn refused(e: Error, node: &str, what: &str) {
    assert_eq!(e.code(), Code::FailedPrecondition, "{e}");
    assert!(e.node() == Some(node) && e.message().contains(what), "{e}");
}

#[test]
fn both_kinds_become_constants_and_the_rest_goes() {
    let text = variables()
        + &node("node", "sum", "AddV2", "r/read h/read", &[T])
        + &node("node", "y", "Mul", "sum x ^count", &[T])
        + &node("node", "count", "AssignAddVariableOp", "h value ^sum", &[D])
        + &node("node", "other", "Neg", "y", &[T]);
    let f = same(&text, &["y", "r/read"]);
    assert_eq!(names(&f), ["r", "h", "x", "r/read", "h/read", "sum", "y"]);
    let by_name = |n: &str| f.node.iter().find(|m| m.name == n).unwrap();
    // The group of `r` is gone, that of its reader is still there.
    assert!(!by_name("r").attr.contains_key("_class"));
    assert!(by_name("r/read").attr.contains_key("_class"));
    assert_eq!(by_name("y").input, ["sum", "x"]);
    assert_eq!(by_name("h/read").op, "Identity");
    // A reference may be read without Identity, and be an output itself.
    same(
        &(variables() + &node("node", "y", "Neg", "r", &[T])),
        &["y", "r", "h/read"],
    );
}

#[test]
fn questions_and_rows_have_answers() {
    let text = variables()
        + &constant("rows", "DT_INT32", "2 0 2")
        + &constant("points", "DT_INT32", "1")
        + &node(
            "node",
            "gather",
            "ResourceGather",
            "h rows",
            &[D, "Tindices type: DT_INT32"],
        )
        + &node(
            "node",
            "nd",
            "ResourceGatherNd",
            "h points",
            &[D, "Tindices type: DT_INT32"],
        )
        + &node(
            "node",
            "shape",
            "VariableShape",
            "h",
            &["out_type type: DT_INT64"],
        )
        + &node("node", "there", "VarIsInitializedOp", "h", &[])
        + &node("node", "there_too", "IsVariableInitialized", "r", &[D]);
    let f = same(&text, &["gather", "nd", "shape", "there", "there_too"]);
    assert!(names(&f).contains(&"gather/axis"));
}

#[test]
fn loops_carry_values_where_they_carried_handles() {
    let frame = "frame_name s: 'f'";
    let constant_in = "is_constant b: true";
    let text = variables()
        + &constant("n", "DT_INT32", "3")
            .replace("tensor_shape { dim { size: 1 } }", "tensor_shape { }")
        + &constant("zero", "DT_INT32", "0")
            .replace("tensor_shape { dim { size: 1 } }", "tensor_shape { }")
        + &node("node", "i", "Enter", "zero", &["T type: DT_INT32", frame])
        + &node("node", "a", "Enter", "x", &[T, frame])
        + &node(
            "node",
            "n_in",
            "Enter",
            "n",
            &["T type: DT_INT32", frame, constant_in],
        )
        + &node(
            "node",
            "h_in",
            "Enter",
            "h",
            &["T type: DT_RESOURCE", frame, constant_in],
        )
        + &node("node", "r_in", "RefEnter", "r", &[T, frame, constant_in])
        + &node(
            "node",
            "i_m",
            "Merge",
            "i i_next",
            &["T type: DT_INT32", "N i: 2"],
        )
        + &node("node", "a_m", "Merge", "a a_next", &[T, "N i: 2"])
        + &node("node", "less", "Less", "i_m n_in", &["T type: DT_INT32"])
        + &node("node", "go", "LoopCond", "less", &[])
        + &node("node", "i_s", "Switch", "i_m go", &["T type: DT_INT32"])
        + &node("node", "a_s", "Switch", "a_m go", &[T])
        + &node(
            "node",
            "one",
            "Const",
            "^i_s",
            &[
                "dtype type: DT_INT32",
                "value tensor { dtype: DT_INT32 tensor_shape { } int_val: 1 }",
            ],
        )
        + &node("node", "i_add", "AddV2", "i_s:1 one", &["T type: DT_INT32"])
        + &node(
            "node",
            "rows",
            "Const",
            "^i_s",
            &[
                "dtype type: DT_INT32",
                "value tensor { dtype: DT_INT32 tensor_shape { dim { size: 3 } } int_val: 2 int_val: 1 int_val: 0 }",
            ],
        )
        + &node(
            "node",
            "h_rows",
            "ResourceGather",
            "h_in rows",
            &[D, "Tindices type: DT_INT32"],
        )
        + &node("node", "mul", "Mul", "a_s:1 h_rows", &[T])
        + &node("node", "add", "AddV2", "mul r_in", &[T])
        + &node(
            "node",
            "i_next",
            "NextIteration",
            "i_add",
            &["T type: DT_INT32"],
        )
        + &node("node", "a_next", "NextIteration", "add", &[T])
        + &node("node", "y", "Exit", "a_s", &[T]);
    let f = same(&text, &["y"]);
    let enter = f.node.iter().find(|n| n.name == "r_in").unwrap();
    assert_eq!(enter.op, "Enter");
}

#[test]
fn what_is_no_constant_is_refused() {
    let after = |op: &str, inputs: &str| node("node", "late", op, inputs, &[D]);
    let text = variables()
        + &node("node", "add", "AssignAddVariableOp", "h value", &[D])
        + &after("ReadVariableOp", "h ^add")
        + &node("node", "y", "Neg", "late", &[T])
        + &node("node", "changed", "AssignAdd", "r value", &[T])
        + &node("node", "z", "Neg", "changed", &[T])
        + &node("node", "waits", "Neg", "x ^late", &[T]);
    let e = frozen(&text, &["y"]).unwrap_err();
    refused(
        e,
        "late",
        "the variable 'shared' is read after 'add' (AssignAddVariableOp)",
    );
    refused(
        frozen(&text, &["z"]).unwrap_err(),
        "z",
        "'changed' (AssignAdd) changes a variable",
    );
    refused(
        frozen(&text, &["changed"]).unwrap_err(),
        "changed",
        "changes a variable",
    );
    // The value that is read late is nothing to who only waits for it.
    same(&text, &["waits"]);

    let def = GraphDef::from_pbtxt(&text).unwrap();
    let cold = session(&def, false).unwrap();
    let e = freeze(&cold, &def, &["r/read"]).unwrap_err();
    assert!(
        e.code() == Code::FailedPrecondition && e.message().contains("uninitialized"),
        "{e}"
    );
    let e = freeze(&cold, &def, &["gone:0"]).unwrap_err();
    assert!(
        e.code() == Code::NotFound && e.message().contains("gone:0"),
        "{e}"
    );
    let none: [&str; 0] = [];
    assert_eq!(
        freeze(&cold, &def, &none).unwrap_err().code(),
        Code::InvalidArgument
    );
    let mut bad = def.clone();
    bad.node.iter_mut().find(|n| n.name == "y").unwrap().input = vec!["nowhere".into()];
    let e = freeze(&cold, &bad, &["y"]).unwrap_err();
    assert!(
        e.node() == Some("y") && e.message().contains("nowhere"),
        "{e}"
    );
}

/// A function of a handle `v` and a value `x`.
fn function(name: &str, dtype: &str, nodes: &str, ret: &str, more: &str) -> String {
    format!(
        "function {{ signature {{ name: '{name}' is_stateful: true
           input_arg {{ name: 'v' type: DT_RESOURCE }} input_arg {{ name: 'x' type: {dtype} }}
           output_arg {{ name: 'y' type: {dtype} }} {more} }}
         arg_attr {{ key: 0 value {{ attr {{ key: '_output_shapes' value {{ list {{ shape {{ }} }} }} }} }} }}
         {nodes} ret {{ key: 'y' value: '{ret}' }} }}\n"
    )
}

fn call(name: &str, f: &str, inputs: &str, dtypes: &str, out: &str) -> String {
    let types: Vec<String> = dtypes.split(' ').map(|d| format!("type: {d}")).collect();
    node(
        "node",
        name,
        "StatefulPartitionedCall",
        inputs,
        &[
            &format!("Tin list {{ {} }}", types.join(" ")),
            &format!("Tout list {{ type: {out} }}"),
            &format!("f func {{ name: '{f}' }}"),
            "_read_only_resource_inputs list { i: 0 }",
        ],
    )
}

#[test]
fn functions_are_made_anew_for_values() {
    let read = |d: &str| {
        node(
            "node_def",
            "read",
            "ReadVariableOp",
            "v",
            &[&format!("dtype type: {d}")],
        ) + &node(
            "node_def",
            "y",
            "AddV2",
            "read:value:0 x",
            &[&format!("T type: {d}")],
        )
    };
    // Its own handle has the name that another variable has in the graph.
    let outer = call("c", "inner", "v x", "DT_RESOURCE DT_FLOAT", "DT_FLOAT")
        .replace("node {", "node_def {")
        + &node(
            "node_def",
            "r",
            "VarHandleOp",
            "",
            &[D, SHAPE, "shared_name s: 'shared'"],
        )
        + &node(
            "node_def",
            "own_read",
            "ReadVariableOp",
            "r:resource:0",
            &[D],
        )
        + &node(
            "node_def",
            "mul",
            "Mul",
            "c:output:0 own_read:value:0",
            &[T],
        );
    let library = format!(
        "library {{ {} {} {} {} }}",
        function("inner", "DT_FLOAT", &read("DT_FLOAT"), "y:z:0", ""),
        function("outer", "DT_FLOAT", &outer, "mul:z:0", ""),
        // Called by its name; it gives the handle back.
        function(
            "named",
            "DT_FLOAT",
            &node("node_def", "id", "Identity", "v", &["T type: DT_RESOURCE"]),
            "x",
            "output_arg { name: 'w' type: DT_RESOURCE }"
        )
        .replace(
            "ret { key: 'y'",
            "ret { key: 'w' value: 'id:output:0' } ret { key: 'y'"
        ),
        function("unused", "DT_FLOAT", "", "x", ""),
    );
    let text = variables()
        + &call("a", "outer", "h x", "DT_RESOURCE DT_FLOAT", "DT_FLOAT")
        + &call("b", "inner", "h a", "DT_RESOURCE DT_FLOAT", "DT_FLOAT")
        + &node("node", "n", "named", "h b", &[])
        + &node("node", "back", "ReadVariableOp", "n:1", &[D])
        + &node("node", "y", "Mul", "n back", &[T])
        + &library;
    let f = same(&text, &["y", "a"]);
    let library = f.functions().unwrap();
    let made: Vec<&str> = library.iter().map(|f| f.name()).collect();
    assert_eq!(made, ["inner_frozen", "named_frozen", "outer_frozen"]);
    for f in &library {
        assert_eq!(f.signature.input_arg[0].r#type, crate::DType::F32 as i32);
        assert!(f.arg_attr[&0].is_empty());
    }
    let a = f.node.iter().find(|n| n.name == "a").unwrap();
    assert!(!a.attr.contains_key("_read_only_resource_inputs"));
}

#[test]
fn functions_that_change_variables() {
    let write = node("node_def", "add", "AssignAddVariableOp", "v x", &[D]);
    let count = function("count", "DT_FLOAT", &write, "x", "");
    let late = write.clone() + &node("node_def", "read", "ReadVariableOp", "v ^add", &[D]);
    let late = function("late", "DT_FLOAT", &late, "read:value:0", "");
    let own = node("node_def", "own", "VarHandleOp", "", &[D, SHAPE])
        + &node("node_def", "read", "ReadVariableOp", "own:resource:0", &[D]);
    let own = function("own", "DT_FLOAT", &own, "read:value:0", "");
    let myself = call("c", "myself", "v x", "DT_RESOURCE DT_FLOAT", "DT_FLOAT")
        .replace("node {", "node_def {");
    let myself = function("myself", "DT_FLOAT", &myself, "c:output:0", "");
    let with = |f: &str| {
        variables()
            + &call("f", f, "h x", "DT_RESOURCE DT_FLOAT", "DT_FLOAT")
            + &node("node", "after", "ReadVariableOp", "h ^f", &[D])
            + &format!("library {{ {count} {late} {own} }}")
    };
    // Nobody reads what it changes.
    same(&with("count"), &["f"]);
    refused(
        frozen(&with("count"), &["after"]).unwrap_err(),
        "after",
        "after 'f' (StatefulPartitionedCall)",
    );
    refused(
        frozen(&with("late"), &["f"]).unwrap_err(),
        "read",
        "after 'add'",
    );
    refused(
        frozen(&with("own"), &["f"]).unwrap_err(),
        "own",
        "a variable of its own",
    );
    // The session refuses it already; whoever has another graph in hand gets an error, too.
    let other = GraphDef::from_pbtxt(&with("count")).unwrap();
    let text = with("count")
        .replace(&count, &myself)
        .replace("'count'", "'myself'");
    let def = GraphDef::from_pbtxt(&text).unwrap();
    let e = freeze(&session(&other, true).unwrap(), &def, &["f"]).unwrap_err();
    assert!(
        e.code() == Code::InvalidArgument && e.message().contains("calls itself"),
        "{}",
        e
    );
    let e = freeze(
        &session(&other, true).unwrap(),
        &GraphDef::from_pbtxt(&with("gone")).unwrap(),
        &["f"],
    );
    assert_eq!(e.unwrap_err().code(), Code::NotFound);
}
