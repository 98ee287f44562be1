//! Calls, branches and loops of functions.

use super::super::{Session, SessionOptions};
use crate::def::{AttrValue, FunctionDef, GraphDef};
use crate::error::Code;
use crate::graph::{Graph, ImportOptions};
use crate::tensor::Tensor;

/// A function of one float argument `x` and one result `y`.
fn function(name: &str, stateful: bool, nodes: &str, ret: &str, control: &str) -> String {
    let control_ret = match control {
        "" => String::new(),
        c => format!("control_ret {{ key: 'c' value: '{c}' }}"),
    };
    let control_output = if control.is_empty() {
        ""
    } else {
        "control_output: 'c'"
    };
    format!(
        "function {{ signature {{ name: '{name}' input_arg {{ name: 'x' type: DT_FLOAT }}
           output_arg {{ name: 'y' type: DT_FLOAT }} is_stateful: {stateful} {control_output} }}
           {nodes} ret {{ key: 'y' value: '{ret}' }} {control_ret} }}"
    )
}

fn node(name: &str, op: &str, inputs: &str, attrs: &str) -> String {
    let inputs: String = inputs
        .split(' ')
        .filter(|i| !i.is_empty())
        .map(|i| format!("input: '{i}' "))
        .collect();
    format!("node_def {{ name: '{name}' op: '{op}' {inputs} {attrs} }}")
}

const T: &str = "attr { key: 'T' value { type: DT_FLOAT } }";

fn graph(library: &[String]) -> Graph {
    let g = Graph::new();
    let text = format!("library {{ {} }}", library.join("\n"));
    let def = GraphDef::from_pbtxt(&text).unwrap();
    g.import(&def, &ImportOptions::default()).unwrap();
    g
}

fn func(name: &str) -> AttrValue {
    AttrValue::Func(name.into(), Default::default())
}

fn sessions(g: &Graph) -> Vec<Session> {
    [(1, false), (3, true)]
        .map(|(threads, optimize)| {
            let options = SessionOptions {
                threads,
                optimize,
                ..Default::default()
            };
            Session::with_options(g, &options).unwrap()
        })
        .into()
}

#[test]
fn a_node_whose_op_is_a_function_calls_it() {
    let square = function("sq", false, &node("s", "Mul", "x x", T), "s:z:0", "");
    // Adds the square of the argument to the argument, by a call of its own.
    let inner = node("c", "sq", "x", "") + &node("a", "AddV2", "x c:y:0", T);
    let g = graph(&[square, function("f", false, &inner, "a:z:0", "")]);
    let s = g.root();
    let x = g.placeholder("x", crate::DType::F32, [None]);
    let y = s.op("f").name("call").input(x).out();
    let z = s
        .op("PartitionedCall")
        .list([y])
        .attr("Tout", vec![crate::DType::F32])
        .attr("f", func("sq"))
        .out();
    let feed = || [(x, Tensor::from([1.0f32, 2.0]))];
    for session in sessions(&g) {
        let out = session.run(feed(), [y, z], ()).unwrap();
        assert_eq!(out[0].data::<f32>().unwrap(), &[2.0, 6.0]);
        assert_eq!(out[1].data::<f32>().unwrap(), &[4.0, 36.0]);
        // What is fed is not computed.
        let fed = [(y, Tensor::from([3.0f32]))];
        assert_eq!(
            session.run(fed, [z], ()).unwrap()[0].data::<f32>().unwrap(),
            &[9.0]
        );
    }
    let again = Graph::new();
    again
        .import(&g.export().unwrap(), &ImportOptions::default())
        .unwrap();
    let session = Session::new(&again).unwrap();
    let out = session
        .run([("x:0", Tensor::from([3.0f32]))], ["call:0"], ())
        .unwrap();
    assert_eq!(out[0].data::<f32>().unwrap(), &[12.0]);
}

#[test]
fn type_parameters_are_given_by_the_call() {
    let library = "function { signature { name: 'twice' attr { name: 'T' type: 'type' } attr { name: 'N' type: 'int' }
        input_arg { name: 'x' type_attr: 'T' number_attr: 'N' } output_arg { name: 'y' type_attr: 'T' } }
        node_def { name: 'a' op: 'AddN' input: 'x:0' input: 'x:1' attr { key: 'N' value { i: 2 } }
          attr { key: 'T' value { placeholder: 'T' } } }
        ret { key: 'y' value: 'a:sum:0' } }";
    let g = graph(&[library.to_string()]);
    let s = g.root();
    let (a, b) = (s.constant(3i64), s.constant(4i64));
    let y = s.op("twice").list([a, b]).out();
    for session in sessions(&g) {
        assert_eq!(session.fetch(y).unwrap().to_scalar::<i64>().unwrap(), 7);
    }
}

#[test]
fn effects_happen_though_nobody_fetches_them() {
    let shared =
        "attr { key: 'shared_name' value { s: 'v' } } attr { key: 'shape' value { shape { } } }";
    let dtype = "attr { key: 'dtype' value { type: DT_FLOAT } }";
    let body = node("h", "VarHandleOp", "", &format!("{shared} {dtype}"))
        + &node("assign", "AssignVariableOp", "h:resource:0 x", dtype)
        + &node("id", "Identity", "x", T);
    let g = graph(&[function("store", true, &body, "id:output:0", "")]);
    let s = g.root();
    let y = s.op("store").input(s.constant(5.0f32)).finish();
    let h = s
        .op("VarHandleOp")
        .attr("shared_name", "v")
        .attr("dtype", crate::DType::F32)
        .attr("shape", crate::PartialShape::scalar())
        .out();
    // After the call, by a control edge, nothing can be read too early.
    let read = s
        .op("ReadVariableOp")
        .input(h)
        .attr("dtype", crate::DType::F32)
        .after(y)
        .out();
    for session in sessions(&g) {
        session.run((), [y.output(0)], ()).unwrap();
        assert_eq!(
            session.fetch(read).unwrap().to_scalar::<f32>().unwrap(),
            5.0
        );
    }
}

#[test]
fn errors_name_the_call_and_the_node_within() {
    let g = graph(&[
        function(
            "f",
            false,
            &node("bad", "MatMul", "x x", T),
            "bad:product:0",
            "",
        ),
        function("g", false, &node("inner", "f", "x", ""), "inner:y:0", ""),
        function("h", false, &node("odd", "NoSuchOp", "x", ""), "odd:y:0", ""),
    ]);
    let s = g.root();
    let x = s.constant([1.0f32]);
    let y = s.op("g").name("outer").input(x).out();
    for session in sessions(&g) {
        let e = session.fetch(y).unwrap_err();
        assert_eq!(e.node(), Some("outer/inner/bad"), "{e}");
        assert!(e.location().is_some());
    }
    let z = s.op("h").name("call").input(x).out();
    let e = Session::new(&g).unwrap().fetch(z).unwrap_err();
    assert_eq!((e.node(), e.code()), (Some("call/odd"), Code::NotFound));
    let w = s
        .op("PartitionedCall")
        .name("p")
        .list([x])
        .attr("Tout", vec![crate::DType::F32]);
    let w = w.attr("f", func("nobody")).out();
    let e = Session::new(&g).unwrap().fetch(w).unwrap_err();
    assert_eq!((e.node(), e.code()), (Some("p"), Code::NotFound));
    let v = s
        .op("PartitionedCall")
        .name("q")
        .list([x, x])
        .attr("Tout", vec![crate::DType::F32]);
    let v = v.attr("f", func("f")).out();
    let e = Session::new(&g).unwrap().fetch(v).unwrap_err();
    assert_eq!((e.node(), e.code()), (Some("q"), Code::InvalidArgument));
}

#[test]
fn functions_that_call_themselves_are_refused() {
    let call = |to: &str| node("c", to, "x", "");
    for library in [
        vec![function("f", false, &call("f"), "c:y:0", "")],
        vec![
            function("f", false, &call("g"), "c:y:0", ""),
            function("g", false, &call("f"), "c:y:0", ""),
        ],
    ] {
        let g = Graph::new();
        let text = format!("library {{ {} }}", library.join("\n"));
        let def = GraphDef::from_pbtxt(&text).unwrap();
        let e = g.import(&def, &ImportOptions::default()).unwrap_err();
        assert_eq!(e.code(), Code::InvalidArgument);
        assert!(e.message().contains("calls itself"), "{e}");
        assert!(g.functions().is_empty());
    }
}

#[test]
fn neither_depth_nor_growth_is_without_end() {
    // Each function calls the next one once, or twice: the second way grows as a power of two.
    let chain = |calls: usize, length: usize| -> Graph {
        let g = Graph::new();
        let last = function("f0", false, &node("n", "Neg", "x", T), "n:y:0", "");
        let mut library = vec![last];
        for i in 1..length {
            let before = format!("f{}", i - 1);
            let mut nodes = node("c0", &before, "x", "");
            if calls == 2 {
                nodes += &node("c1", &before, "c0:y:0", "");
            }
            let ret = format!("c{}:y:0", calls - 1);
            library.push(function(&format!("f{i}"), false, &nodes, &ret, ""));
        }
        let text = format!("library {{ {} }}", library.join("\n"));
        let def = GraphDef::from_pbtxt(&text).unwrap();
        g.import(&def, &ImportOptions::default()).unwrap();
        g
    };
    let run = |g: &Graph, f: &str| {
        let y = g.root().op(f).input(g.root().constant(1.0f32)).out();
        Session::new(g).unwrap().fetch(y)
    };
    let g = chain(1, 400);
    assert_eq!(run(&g, "f399").unwrap().to_scalar::<f32>().unwrap(), -1.0);
    let g = chain(1, 700);
    assert_eq!(run(&g, "f699").unwrap_err().code(), Code::InvalidArgument);
    let g = chain(2, 6);
    assert_eq!(run(&g, "f5").unwrap().to_scalar::<f32>().unwrap(), 1.0);
    let g = chain(2, 40);
    assert_eq!(run(&g, "f39").unwrap_err().code(), Code::ResourceExhausted);
}

#[test]
fn a_branch_and_a_loop_by_number() {
    let half = "attr { key: 'dtype' value { type: DT_FLOAT } } attr { key: 'value' value { tensor { dtype: DT_FLOAT tensor_shape { } float_val: 0.5 } } }";
    let halve = node("k", "Const", "", half) + &node("m", "Mul", "x k:output:0", T);
    let above = node("k", "Const", "", half)
        + &node("g", "Greater", "x k:output:0", T)
        + &node(
            "c",
            "Cast",
            "g:z:0",
            "attr { key: 'SrcT' value { type: DT_BOOL } } attr { key: 'DstT' value { type: DT_FLOAT } }",
        );
    let g = graph(&[
        function("halve", false, &halve, "m:z:0", ""),
        function("same", false, "", "x", ""),
        function("above", false, &above, "c:y:0", ""),
    ]);
    let s = g.root();
    let x = g.placeholder("x", crate::DType::F32, ());
    let float = vec![crate::DType::F32];
    let chosen = s
        .op("StatelessIf")
        .input(x)
        .list([x])
        .attr("Tout", float.clone())
        .attr("then_branch", func("halve"))
        .attr("else_branch", func("same"))
        .out();
    let looped = s
        .op("StatelessWhile")
        .list([x])
        .attr("cond", func("above"))
        .attr("body", func("halve"))
        .out();
    for session in sessions(&g) {
        for (value, branch, last) in [(12.0f32, 6.0f32, 0.375f32), (0.0, 0.0, 0.0)] {
            let out = session
                .run([(x, Tensor::from(value))], [chosen, looped], ())
                .unwrap();
            assert_eq!(out[0].to_scalar::<f32>().unwrap(), branch);
            assert_eq!(out[1].to_scalar::<f32>().unwrap(), last);
        }
    }
}

#[test]
fn a_function_is_written_as_it_was_made() {
    let g = graph(&[function("f", false, &node("n", "Neg", "x", T), "n:y:0", "")]);
    let mut def: FunctionDef = g.function("f").unwrap().def.clone();
    let read = def.to_pb().unwrap();
    // Once changed there and back nothing is left of the file's own spelling.
    def.kept = Default::default();
    assert_eq!(def.to_pb().unwrap(), read);
    def.signature.name = "h".into();
    g.add_function(def.clone()).unwrap();
    g.add_function(def.clone()).unwrap();
    def.node[0].op = "Abs".into();
    assert_eq!(
        g.add_function(def).unwrap_err().code(),
        Code::InvalidArgument
    );
    assert_eq!(g.functions().len(), 2);
}

/// The groups of a body are those of one call.
#[test]
fn calls_on_two_devices_have_colocation_groups_of_their_own() {
    let beside_a = "attr { key: '_class' value { list { s: 'loc:@a' } } }";
    let nodes = node("a", "Neg", "x", T) + &node("b", "Neg", "a:y:0", &format!("{T} {beside_a}"));
    let g = graph(&[function("f", false, &nodes, "b:y:0", "")]);
    let x = g.placeholder("x", crate::DType::F32, [None]);
    g.device("/cpu:2").named("a").neg(x);
    let calls = [0, 1].map(|i| {
        let at = g.device(&format!("/cpu:{i}"));
        at.op("f").name(format!("c{i}")).input(x).out()
    });
    let options = SessionOptions {
        cpu_devices: 3,
        ..Default::default()
    };
    let session = Session::with_options(&g, &options).unwrap();
    let traced = crate::RunOptions {
        trace: true,
        ..Default::default()
    };
    let feed = [(x, Tensor::from([1.5f32]))];
    let fetches = [calls[0].name(), calls[1].name(), "a:0".into()];
    let (out, metadata) = session.run_with(feed, fetches, (), &traced).unwrap();
    let values: Vec<f32> = out.iter().map(|t| t.data::<f32>().unwrap()[0]).collect();
    assert_eq!(values, [1.5, 1.5, -1.5]);
    for (name, cpu) in [("c0/b", 0), ("c1/a", 1), ("c1/b", 1), ("a", 2)] {
        let n = metadata.nodes.iter().find(|n| n.name == name).unwrap();
        assert!(n.device.ends_with(&format!("CPU:{cpu}")), "{n:?}");
    }
}
