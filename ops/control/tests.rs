//! Structure of `cond`, kernels on live inputs, bad inputs.

use super::{AssertData, PrintOptions};
use crate::error::Code;
use crate::graph::Output;
use crate::runtime::run_op;
use crate::{AttrValue, Attrs, DType, Graph, Registry, Tensor};

/// `name op inputs` of every node, by name.
fn nodes(g: &Graph) -> Vec<String> {
    let def = g.export().unwrap();
    let mut lines: Vec<String> = def
        .node
        .iter()
        .map(|n| {
            format!("{} {} {}", n.name, n.op, n.input.join(" "))
                .trim()
                .to_string()
        })
        .collect();
    lines.sort();
    lines
}

fn assert_nodes(g: &Graph, expected: &[&str]) {
    let mut expected: Vec<String> = expected.iter().map(|s| s.to_string()).collect();
    expected.sort();
    assert_eq!(nodes(g), expected);
}

fn two<'g>(g: &'g Graph) -> (Output<'g>, Output<'g>) {
    (
        g.placeholder("x", DType::F32, [2]),
        g.placeholder("p", DType::Bool, ()),
    )
}

const COND: [&str; 6] = [
    "x Placeholder",
    "p Placeholder",
    "cond/Switch Switch p p",
    "cond/switch_t Identity cond/Switch:1",
    "cond/switch_f Identity cond/Switch",
    "cond/pred_id Identity p",
];

fn attrs(list: &[(&str, AttrValue)]) -> Attrs {
    Attrs(
        list.iter()
            .map(|(k, v)| (k.to_string(), v.clone()))
            .collect(),
    )
}

#[test]
fn cond_has_the_nodes_of_tensorflow() {
    let g = Graph::new();
    let (x, p) = two(&g);
    let y = g.root().cond(
        p,
        |s| s.op("Identity").name("Square").input(x).out(),
        |s| {
            let y = s.named("add/y").constant(1.0f32);
            s.op("AddV2").name("add").input(x).input(y).out()
        },
    );
    assert_eq!((y.name().as_str(), y.dtype()), ("cond/Merge:0", DType::F32));
    let mut expected = COND.to_vec();
    expected.extend([
        "cond/Square Identity cond/Square/Switch:1",
        "cond/Square/Switch Switch x cond/pred_id",
        "cond/add/y Const ^cond/switch_f",
        "cond/add AddV2 cond/add/Switch cond/add/y",
        "cond/add/Switch Switch x cond/pred_id",
        "cond/Merge Merge cond/add cond/Square",
    ]);
    assert_nodes(&g, &expected);
    let class = &g.find("cond/add/Switch").unwrap().node().unwrap().attrs.0["_class"];
    assert_eq!(*class, AttrValue::BytesList(vec![b"loc:@x".to_vec()]));
}

#[test]
fn cond_brings_in_what_a_branch_returns_untouched() {
    let g = Graph::new();
    let (x, p) = two(&g);
    let s = g.root();
    let [_, b] = s.cond(
        p,
        |s| [s.constant(1.0f32), s.named("mul").identity(x)],
        |s| [s.constant(1.0f32), x],
    );
    assert_eq!(b.name(), "cond/Merge_1:0");
    let mut expected = COND.to_vec();
    expected.extend([
        "cond/Const Const ^cond/switch_t",
        "cond/mul Identity cond/mul/Switch:1",
        "cond/mul/Switch Switch x cond/pred_id",
        "cond/Const_1 Const ^cond/switch_f",
        "cond/Switch_1 Switch x cond/pred_id",
        "cond/Merge Merge cond/Const_1 cond/Const",
        "cond/Merge_1 Merge cond/Switch_1 cond/mul",
    ]);
    assert_nodes(&g, &expected);
}

#[test]
fn cond_of_nodes_and_the_guard_of_assert() {
    let g = Graph::new();
    let (x, p) = two(&g);
    let s = g.root();
    let node = s.assert_true(p, &[AssertData::from(x), "foo".into()], 5);
    assert_eq!(node.name(), "Assert/AssertGuard/Merge");
    assert_nodes(
        &g,
        &[
            "x Placeholder",
            "p Placeholder",
            "Assert/Const Const",
            "Assert/AssertGuard/Switch Switch p p",
            "Assert/AssertGuard/switch_t Identity Assert/AssertGuard/Switch:1",
            "Assert/AssertGuard/switch_f Identity Assert/AssertGuard/Switch",
            "Assert/AssertGuard/pred_id Identity p",
            "Assert/AssertGuard/NoOp NoOp ^Assert/AssertGuard/switch_t",
            "Assert/AssertGuard/control_dependency Identity Assert/AssertGuard/switch_t ^Assert/AssertGuard/NoOp",
            "Assert/AssertGuard/Assert/data_1 Const ^Assert/AssertGuard/switch_f",
            "Assert/AssertGuard/Assert Assert Assert/AssertGuard/Assert/Switch Assert/AssertGuard/Assert/Switch_1 Assert/AssertGuard/Assert/data_1",
            "Assert/AssertGuard/Assert/Switch Switch p Assert/AssertGuard/pred_id",
            "Assert/AssertGuard/Assert/Switch_1 Switch x Assert/AssertGuard/pred_id",
            "Assert/AssertGuard/control_dependency_1 Identity Assert/AssertGuard/switch_f ^Assert/AssertGuard/Assert",
            "Assert/AssertGuard/Merge Merge Assert/AssertGuard/control_dependency_1 Assert/AssertGuard/control_dependency",
        ],
    );
    let g = Graph::new();
    let n = g.placeholder("n", DType::I32, [None]);
    let p = g.placeholder("p", DType::Bool, ());
    g.root().assert_true(p, &["foo".into(), n.into()], 5);
    assert_nodes(
        &g,
        &[
            "n Placeholder",
            "p Placeholder",
            "Assert/Const Const",
            "Assert/Assert/data_0 Const",
            "Assert/Assert Assert p Assert/Assert/data_0 n",
        ],
    );
}

#[test]
fn nested_cond_passes_through_both_switches() {
    let g = Graph::new();
    let (x, p) = two(&g);
    let q = g.placeholder("q", DType::Bool, ());
    g.root().cond(
        p,
        |s| {
            s.cond(
                q,
                |s| s.named("mul").identity(x),
                |s| s.named("mul").identity(x),
            )
        },
        |s| s.named("add").identity(x),
    );
    let mut expected = COND.to_vec();
    expected.extend([
        "q Placeholder",
        "cond/cond/Switch Switch cond/cond/Switch/Switch:1 cond/cond/Switch/Switch:1",
        "cond/cond/Switch/Switch Switch q cond/pred_id",
        "cond/cond/switch_t Identity cond/cond/Switch:1",
        "cond/cond/switch_f Identity cond/cond/Switch",
        "cond/cond/pred_id Identity cond/cond/Switch/Switch:1",
        "cond/cond/mul Identity cond/cond/mul/Switch_1:1",
        "cond/cond/mul/Switch Switch x cond/pred_id",
        "cond/cond/mul/Switch_1 Switch cond/cond/mul/Switch:1 cond/cond/pred_id",
        "cond/cond/mul_1 Identity cond/cond/mul_1/Switch",
        "cond/cond/mul_1/Switch Switch cond/cond/mul/Switch:1 cond/cond/pred_id",
        "cond/cond/Merge Merge cond/cond/mul_1 cond/cond/mul",
        "cond/add Identity cond/add/Switch",
        "cond/add/Switch Switch x cond/pred_id",
        "cond/Merge Merge cond/add cond/cond/Merge",
    ]);
    assert_nodes(&g, &expected);
}

#[test]
fn tuple_and_with_dependencies() {
    let g = Graph::new();
    let (x, _) = two(&g);
    let s = g.root();
    let (a, b) = (s.named("a").identity(x), s.named("b").identity(x));
    s.tuple(&[a, b], &[]);
    s.named("tt").tuple(&[a, b], &[x.node()]);
    s.with_dependencies([a], b);
    s.named("ww").with_dependencies([a], b);
    assert_nodes(
        &g,
        &[
            "x Placeholder",
            "p Placeholder",
            "a Identity x",
            "b Identity x",
            "tuple/group_deps NoOp ^a ^b",
            "tuple/control_dependency Identity a ^tuple/group_deps",
            "tuple/control_dependency_1 Identity b ^tuple/group_deps",
            "tt/group_deps NoOp ^a ^b ^x",
            "tt/control_dependency Identity a ^tt/group_deps",
            "tt/control_dependency_1 Identity b ^tt/group_deps",
            "control_dependency Identity b ^a",
            "ww Identity b ^a",
        ],
    );
}

#[test]
fn branches_must_agree() {
    let g = Graph::new();
    let (x, p) = two(&g);
    let y = g.root().cond(p, |_| x, |s| s.constant(1i32));
    assert!(!y.is_valid());
    let e = g.check().unwrap_err();
    assert_eq!(e.code(), Code::InvalidArgument);
    assert_eq!(
        e.message(),
        "Outputs of true_fn and false_fn must have the same type: float, int32"
    );
    assert!(e.location().unwrap().file().ends_with("tests.rs"));
    let g = Graph::new();
    let (x, p) = two(&g);
    g.root().cond(p, |_| vec![x, x], |_| vec![x]);
    assert!(g.check().unwrap_err().message().contains("2 and 1"));
}

#[test]
fn shapes_of_merge_and_switch() {
    let g = Graph::new();
    let s = g.root();
    let a = g.placeholder("a", DType::F32, [Some(2), Some(3)]);
    let b = g.placeholder("b", DType::F32, [Some(2), None]);
    let c = g.placeholder("c", DType::F32, [Some(2)]);
    let p = g.placeholder("p", DType::Bool, crate::PartialShape::unknown());
    assert_eq!(s.merge(&[a, b]).0.shape().to_string(), "[2,?]");
    assert_eq!(s.merge(&[a, c]).0.shape().to_string(), "<unknown>");
    assert_eq!(s.merge(&[a, c]).1.shape().to_string(), "[]");
    let (f, t) = s.switch(b, p);
    assert_eq!(f.shape().to_string() + &t.shape().to_string(), "[2,?][2,?]");
    s.switch(b, [true]);
    assert_eq!(
        g.check().unwrap_err().message(),
        "Shape must be rank 0 but is rank 1"
    );
}

/// Each row of bad input: op, arguments, attributes, code, part of the message.
#[test]
fn bad_inputs() {
    let run = |op: &str, args: Vec<Vec<Tensor>>, list: &[(&str, AttrValue)]| {
        run_op(&Registry::builtin(), op, args, attrs(list))
    };
    let one = |t: Tensor| vec![t];
    type Case = (
        u32,
        &'static str,
        Vec<Vec<Tensor>>,
        Vec<(&'static str, AttrValue)>,
        Code,
        &'static str,
    );
    let invalid = Code::InvalidArgument;
    let cases: Vec<Case> = vec![
        (
            191,
            "Switch",
            vec![one(1.0f32.into()), one([true].into())],
            vec![],
            invalid,
            "The second input must be a scalar, but it has shape [1]",
        ),
        (
            194,
            "Enter",
            vec![one(1.0f32.into())],
            vec![("frame_name", "".into())],
            invalid,
            "The Enter must have a frame name.",
        ),
        (
            195,
            "Enter",
            vec![one(1.0f32.into())],
            vec![
                ("frame_name", "f".into()),
                ("parallel_iterations", 0i64.into()),
            ],
            invalid,
            "parallel_iterations must be a positive int32, got 0",
        ),
        (
            195,
            "Enter",
            vec![one(1.0f32.into())],
            vec![
                ("frame_name", "f".into()),
                ("parallel_iterations", (1i64 << 40).into()),
            ],
            invalid,
            "parallel_iterations must be a positive int32",
        ),
        (
            9,
            "Assert",
            vec![one([false, true].into()), one(1i32.into())],
            vec![],
            invalid,
            "In[0] should be a scalar: [2]",
        ),
        (
            0,
            "Assert",
            vec![
                one(false.into()),
                vec![
                    vec![0.1f32, 1e10, 123_456_789.0, 1.0 / 3.0].into(),
                    ["a\"b"].into(),
                    [true].into(),
                ],
            ],
            vec![("summarize", 10i64.into())],
            invalid,
            "assertion failed: [0.1 1e+10 123456792 0.333333343] [a\\\"b] [1]",
        ),
        (
            17,
            "Assert",
            vec![one(false.into()), one([[true, false], [true, true]].into())],
            vec![("summarize", 0i64.into())],
            invalid,
            "assertion failed: []",
        ),
        (
            17,
            "Assert",
            vec![one(false.into()), one([[true, false], [true, true]].into())],
            vec![("summarize", (-7i64).into())],
            invalid,
            "assertion failed: [[1 0][1 1]]",
        ),
        (
            0,
            "Abort",
            vec![],
            vec![("error_msg", "why".into())],
            Code::Aborted,
            "Abort_op intentional failure; why",
        ),
    ];
    for (row, op, args, list, code, text) in cases {
        let e = run(op, args, &list).unwrap_err();
        assert_eq!(e.code(), code, "row {row}: {e}");
        assert!(e.message().contains(text), "row {row}: {e}");
    }
    assert!(
        run("Assert", vec![one(true.into()), one(1i32.into())], &[])
            .unwrap()
            .is_empty()
    );
    // Row 192: the first live input wins.
    let out = run("Merge", vec![vec![5.0f32.into(), 6.0f32.into()]], &[]).unwrap();
    assert_eq!(out[0].to_scalar::<f32>().unwrap(), 5.0);
    assert_eq!(out[1].to_scalar::<i32>().unwrap(), 0);
}

#[test]
fn print_passes_its_input_on() {
    // Row 17: no elements at all to print.
    for summarize in [0i64, -5, 2] {
        let x = Tensor::from([1.5f32, 2.5]);
        let data = vec![Tensor::from([true, false]), Tensor::from(["a"])];
        let list = attrs(&[("summarize", summarize.into()), ("first_n", 1i64.into())]);
        let y = run_op(
            &Registry::builtin(),
            "Print",
            vec![vec![x.clone()], data],
            list,
        )
        .unwrap();
        assert!(y[0].shares_buffer(&x));
    }
    let g = Graph::new();
    let (x, _) = two(&g);
    let options = PrintOptions {
        message: "m".into(),
        ..PrintOptions::default()
    };
    let y = g.root().print(x, &[], &options);
    assert_eq!(y.shape().to_string(), "[2]");
    g.check().unwrap();
}

#[test]
fn gradient_of_cond_has_the_nodes_of_tensorflow() {
    let g = Graph::new();
    let (x, p) = two(&g);
    let y = g.root().cond(
        p,
        |s| s.named("t").identity(x),
        |s| s.named("f").identity(x),
    );
    let dx = g.gradients(&[y], &[x]).unwrap();
    assert!(dx[0].is_some());
    let mut expected = COND.to_vec();
    expected.extend([
        "cond/t Identity cond/t/Switch:1",
        "cond/t/Switch Switch x cond/pred_id",
        "cond/f Identity cond/f/Switch",
        "cond/f/Switch Switch x cond/pred_id",
        "cond/Merge Merge cond/f cond/t",
        "gradients/Shape Const",
        "gradients/grad_ys_0/Const Const",
        "gradients/grad_ys_0 Fill gradients/Shape gradients/grad_ys_0/Const",
        "gradients/cond/Merge_grad/cond_grad Switch gradients/grad_ys_0 cond/pred_id",
        "gradients/Switch Switch x cond/pred_id",
        "gradients/Identity Identity gradients/Switch:1",
        "gradients/Shape_1 Shape gradients/Switch:1",
        "gradients/zeros/Const Const ^gradients/Identity",
        "gradients/zeros Fill gradients/Shape_1 gradients/zeros/Const",
        "gradients/cond/f/Switch_grad/cond_grad Merge gradients/cond/Merge_grad/cond_grad gradients/zeros",
        "gradients/Switch_1 Switch x cond/pred_id",
        "gradients/Identity_1 Identity gradients/Switch_1",
        "gradients/Shape_2 Shape gradients/Switch_1",
        "gradients/zeros_1/Const Const ^gradients/Identity_1",
        "gradients/zeros_1 Fill gradients/Shape_2 gradients/zeros_1/Const",
        "gradients/cond/t/Switch_grad/cond_grad Merge gradients/zeros_1 gradients/cond/Merge_grad/cond_grad:1",
        "gradients/AddN AddN gradients/cond/f/Switch_grad/cond_grad gradients/cond/t/Switch_grad/cond_grad",
    ]);
    assert_nodes(&g, &expected);
}

/// Values and gradients of both branches, of nested ones, and through a resource variable.
#[test]
fn cond_runs_one_branch_and_differentiates_it() {
    let g = Graph::new();
    let (x, p) = two(&g);
    let q = g.placeholder("q", DType::Bool, ());
    let y = g.root().cond(
        p,
        |s| s.cond(q, |s| s.mul(x, 2.0f32), |s| s.mul(x, 3.0f32)),
        |s| s.square(x),
    );
    let dx = g.gradients(&[y], &[x]).unwrap()[0].unwrap().dense(g.root());
    let session = crate::Session::new(&g).unwrap();
    for (p_value, q_value, y_value, dx_value) in [
        (true, true, [10.0f32, -8.0], [2.0f32, 2.0]),
        (true, false, [15.0, -12.0], [3.0, 3.0]),
        (false, true, [25.0, 16.0], [10.0, -8.0]),
        (false, false, [25.0, 16.0], [10.0, -8.0]),
    ] {
        let feeds = [
            (x, Tensor::from([5.0f32, -4.0])),
            (p, Tensor::from(p_value)),
            (q, Tensor::from(q_value)),
        ];
        let out = session.run(feeds, [y, dx], ()).unwrap();
        assert_eq!(
            out[0].data::<f32>().unwrap(),
            y_value,
            "{p_value} {q_value}"
        );
        assert_eq!(
            out[1].data::<f32>().unwrap(),
            dx_value,
            "{p_value} {q_value}"
        );
    }
}

/// Only the branch taken has its effects.
#[test]
fn cond_has_the_effects_of_one_branch() {
    let g = Graph::new();
    let s = g.root();
    let p = g.placeholder("p", DType::Bool, ());
    let v = s
        .op("VariableV2")
        .name("v")
        .attr("dtype", DType::F32)
        .attr("shape", crate::PartialShape::scalar())
        .out();
    let init = s.op("Assign").input(v).input(s.constant(1.0f32)).finish();
    let node = s.cond(
        p,
        |s| {
            s.op("AssignAdd")
                .input(v)
                .input(s.constant(10.0f32))
                .finish()
        },
        |s| s.op("NoOp").finish(),
    );
    let read = s.op("Identity").input(v).out();
    let session = crate::Session::new(&g).unwrap();
    session.run_target(init).unwrap();
    for (value, expected) in [(false, 1.0f32), (true, 11.0), (false, 11.0), (true, 21.0)] {
        session.run([(p, Tensor::from(value))], (), node).unwrap();
        let now: f32 = session.fetch(read).unwrap().to_scalar().unwrap();
        assert_eq!(now, expected);
    }
}

/// The gradient of Switch and Merge without a `cond` around them (an imported graph).
#[test]
fn switch_and_merge_alone_differentiate() {
    let g = Graph::new();
    let (x, p) = two(&g);
    let s = g.root();
    let (on_false, on_true) = s.switch(x, p);
    let (y, _) = s.merge(&[on_false, s.square(on_true)]);
    let dx = g.gradients(&[y], &[x]).unwrap()[0].unwrap().dense(s);
    let one_side = s.square(on_true);
    let dz = g.gradients(&[one_side], &[x]).unwrap()[0].unwrap().dense(s);
    let session = crate::Session::new(&g).unwrap();
    let feeds = |v| [(x, Tensor::from([5.0f32, -4.0])), (p, Tensor::from(v))];
    let run = |v, o| {
        session.run(feeds(v), [o], ()).unwrap()[0]
            .data::<f32>()
            .unwrap()
            .to_vec()
    };
    assert_eq!(run(false, dx), [1.0, 1.0]);
    assert_eq!(run(true, dx), [10.0, -8.0]);
    assert_eq!(run(true, dz), [10.0, -8.0]);
}

#[test]
fn a_failed_assertion_ends_the_step() {
    let g = Graph::new();
    let (x, p) = two(&g);
    let s = g.root();
    let check = s.assert_true(p, &["x is".into(), x.into()], 1);
    let y = s.with_dependencies([check], x);
    let session = crate::Session::new(&g).unwrap();
    let feeds = |v| [(x, Tensor::from([5.0f32, -4.0])), (p, Tensor::from(v))];
    assert!(session.run(feeds(true), [y], ()).is_ok());
    let e = session.run(feeds(false), [y], ()).unwrap_err();
    assert_eq!(e.message(), "assertion failed: [x is] [5...]");
    assert_eq!(e.node(), Some("Assert/AssertGuard/Assert"));
}
