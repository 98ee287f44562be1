//! Control flow, and gradients of variables.

use super::check::{Noise, Row, between, node, numbers, of_type, row};
use tensorloom::ops::tensor_array::{TensorArray, TensorArrayOptions};
use tensorloom::{
    AttrValue, DType, GradientOptions, Graph, Output, PartialShape, Scope, Session, WhileOptions,
};

pub fn rows() -> Vec<Row> {
    let x = || [between(&[3], -1.0, 1.0)];
    let pairs = || [between(&[3], -1.0, 1.0), between(&[3], -1.0, 1.0)];
    let branches = |op: &'static str, taken: bool| {
        row(op, x(), move |s, x| {
            let x = x[0];
            vec![s.cond(
                s.constant(taken),
                |s| s.square(x.in_scope(s)),
                |s| s.mul(x.in_scope(s), 3),
            )]
        })
    };
    vec![
        branches("Switch", true),
        branches("Switch", false),
        branches("Merge", true),
        branches("Merge", false),
        looping("Enter"),
        looping("Exit"),
        looping("NextIteration"),
        row("TensorArrayWriteV3", pairs(), |s, x| {
            let a = array(s, 2).write(1i32, x[0]).write(0i32, x[1]);
            vec![a.stack()]
        }),
        row("TensorArrayReadV3", pairs(), |s, x| {
            let a = array(s, 2).write(1i32, x[0]).write(0i32, x[1]);
            vec![a.read(1i32) * s.square(a.read(0i32)) + a.read(1i32)]
        }),
        row(
            "TensorArrayGatherV3",
            [between(&[2, 3], -1.0, 1.0)],
            |s, x| {
                let a = array(s, 2).unstack(x[0]);
                vec![a.gather([1i32, 0, 1])]
            },
        ),
        row(
            "TensorArrayScatterV3",
            [between(&[2, 3], -1.0, 1.0)],
            |s, x| {
                let a = array(s, 2).scatter([1i32, 0], x[0]);
                vec![s.sin(a.read(0i32)) * a.read(1i32)]
            },
        ),
        row("TensorArrayConcatV3", pairs(), |s, x| {
            let a = array(s, 2).write(1i32, x[0]).write(0i32, x[1]);
            vec![a.concat(), a.read(1i32)]
        }),
        row("TensorArraySplitV3", [between(&[4], -1.0, 1.0)], |s, x| {
            let a = array(s, 2).split(x[0], [1i64, 3]);
            vec![a.read(0i32), s.square(a.read(1i32))]
        }),
        row("Switch", x(), |s, x| {
            let sides = node(s, "Switch", &[x[0], s.constant(true)], &[]);
            vec![
                s.op("Merge")
                    .list([s.neg(sides[0]), s.square(sides[1])])
                    .out(),
            ]
        })
        .case("without cond"),
        row("Print", x(), |s, x| {
            let first = ("first_n", AttrValue::Int(0));
            let list = s.op("Print").input(x[0]).list([x[0]]);
            vec![list.attr(first.0, first.1).out()]
        }),
    ]
}

/// A loop with a variable and an invariant.
fn looping(op: &'static str) -> Row {
    let xs = [between(&[3], -1.0, 1.0), between(&[3], 0.5, 1.5)];
    row(op, xs, |s, x| {
        let (x, w) = (x[0], x[1]);
        let [_, y] = s.while_loop(
            |s, [i, _]| s.less(i, 3i32),
            |s, [i, y]| [i + 1i32, s.sin(y) * w],
            [s.constant(0i32), x],
            &WhileOptions::default(),
        );
        vec![y]
    })
}

fn array(s: Scope<'_>, size: i32) -> TensorArray<'_> {
    let options = TensorArrayOptions {
        infer_shape: false,
        clear_after_read: false,
        ..TensorArrayOptions::default()
    };
    s.tensor_array(DType::F64, size, &options)
}

/// A loop that passes a reference on, and what it gives in the end.
fn looping_on<'g>(s: Scope<'g>, v: Output<'g>) -> Output<'g> {
    let [_, v] = s.while_loop(
        |s, [i, _]| s.less(i, 2i32),
        |_, [i, v]| [i + 1i32, v],
        [s.constant(0i32), v],
        &WhileOptions::default(),
    );
    s.square(v)
}

/// What is built from a variable: a reference or a resource handle.
type OfVariable = for<'g> fn(Scope<'g>, Output<'g>) -> Output<'g>;

fn read<'g>(s: Scope<'g>, handle: Output<'g>) -> Output<'g> {
    s.op("ReadVariableOp")
        .input(handle)
        .attr("dtype", DType::F64)
        .out()
}

/// Ops that take a variable of shape `[3, 2]` and whose gradients are its gradients.
pub const ON_VARIABLES: &[(&str, OfVariable)] = &[
    ("ReadVariableOp", |s, v| s.square(read(s, v))),
    ("ResourceGather", |s, v| {
        let op = s.op("ResourceGather").input(v).input([2i32, 0, 2]);
        s.square(op.attr("dtype", DType::F64).out())
    }),
    ("ResourceGatherNd", |s, v| {
        let op = s
            .op("ResourceGatherNd")
            .input(v)
            .input(s.constant([[2i32, 0], [0, 1], [2, 0]]));
        s.square(op.attr("dtype", DType::F64).out())
    }),
    ("RefIdentity", |s, v| {
        s.square(s.op("RefIdentity").input(v).out())
    }),
    ("RefSwitch", |s, v| {
        let sides = s.op("RefSwitch").input(v).input(s.constant(true)).finish();
        let (no, yes) = (s.neg(sides.output(0)), s.square(sides.output(1)));
        s.op("Merge").list([no, yes]).out()
    }),
    ("RefEnter", looping_on),
    ("RefExit", looping_on),
    ("RefNextIteration", looping_on),
    ("RefMerge", |s, v| {
        let sides = s.op("RefSwitch").input(v).input(s.constant(false)).finish();
        s.square(s.op("RefMerge").list(sides.outputs()).out())
    }),
];

#[test]
fn gradients_of_variables_agree_with_differences() {
    for (op, build) in ON_VARIABLES {
        let g = Graph::new();
        let s = g.root();
        let dims = [3usize, 2];
        let value = g.placeholder("value", DType::F64, dims);
        let kind = if op.starts_with("Ref") {
            "VariableV2"
        } else {
            "VarHandleOp"
        };
        let variable = s
            .op(kind)
            .attr("dtype", DType::F64)
            .attr("shape", PartialShape::from(dims))
            .out();
        let assign = match kind {
            "VariableV2" => s.op("Assign"),
            _ => s.op("AssignVariableOp"),
        };
        let assign = assign.input(variable).input(value).finish();
        let y = build(s, variable);
        g.check().unwrap();
        assert!(g.nodes().iter().any(|n| n.op.name == *op));
        let start = between(&dims, -1.0, 1.0).values;
        let session = Session::new(&g).unwrap();
        let run = |values: &[f64]| {
            let feed = [(value, of_type(DType::F64, &dims, values))];
            session.run(feed, (), assign).unwrap();
            session.fetch(y).unwrap()
        };
        let mut noise = Noise(3);
        let first = run(&start);
        let weights: Vec<f64> = (0..first.elements()).map(|_| 0.5 + noise.next()).collect();
        let weighted = |values: &[f64]| -> f64 {
            numbers(&run(values))
                .iter()
                .zip(&weights)
                .map(|(a, b)| a * b)
                .sum()
        };
        let options = GradientOptions {
            grad_ys: vec![Some(s.constant(of_type(
                DType::F64,
                first.shape().dims(),
                &weights,
            )))],
            ..GradientOptions::default()
        };
        let grad = s.gradients(&[y], &[variable], &options).unwrap();
        let grad = grad[0].expect(op).dense(s);
        run(&start);
        let grad = numbers(&session.fetch(grad).unwrap());
        assert_eq!(grad.len(), start.len());
        for (i, g) in grad.iter().enumerate() {
            let mut moved = start.clone();
            let mut at = |x: f64| {
                moved[i] = x;
                weighted(&moved)
            };
            let difference = (at(start[i] + 1e-6) - at(start[i] - 1e-6)) / 2e-6;
            assert!((difference - g).abs() < 1e-7, "{op} {i}: {g} {difference}");
        }
    }
}
