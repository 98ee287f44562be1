//! Arithmetic.

use super::check::{Row, apart, between, exact, node, row};
use tensorloom::{AttrValue, DType, KeepDims, Output, Running};

/// The real and imaginary parts, as outputs that a real number can be made of.
fn parts<'g>(z: Output<'g>) -> Vec<Output<'g>> {
    vec![z.real(), z.imag()]
}

/// A function of one real number, between bounds.
fn unary(op: &'static str, low: f64, high: f64) -> Row {
    row(op, [between(&[2, 3], low, high)], move |s, x| {
        node(s, op, x, &[])
    })
}

/// A function of one complex number.
fn complex_unary(op: &'static str) -> Row {
    let inputs = [between(&[4], 0.2, 0.9), between(&[4], -0.7, 0.8)];
    row(op, inputs, move |s, x| {
        parts(node(s, op, &[s.complex(x[0], x[1])], &[])[0])
    })
    .case("complex")
}

/// The gradient op of a function: of the function's value and the gradient of that.
fn gradient_op(op: &'static str, low: f64, high: f64) -> Row {
    let inputs = [between(&[5], low, high), between(&[5], -1.0, 1.5)];
    row(op, inputs, move |s, x| node(s, op, x, &[]))
}

/// A function of two real numbers, with all ways of broadcasting.
fn binary(op: &'static str, x: (f64, f64), y: (f64, f64)) -> Vec<Row> {
    [
        (vec![2usize, 3], vec![2usize, 3]),
        (vec![2, 3], vec![3]),
        (vec![2, 1], vec![1, 3]),
        (vec![], vec![2, 2]),
        (vec![1], vec![1, 1]),
    ]
    .into_iter()
    .map(|(a, b)| {
        let inputs = [between(&a, x.0, x.1), between(&b, y.0, y.1)];
        row(op, inputs, move |s, x| node(s, op, x, &[]))
    })
    .collect()
}

fn complex_binary(op: &'static str) -> Row {
    let inputs = [
        between(&[2, 2], 0.5, 1.5),
        between(&[2, 2], -0.9, 1.0),
        between(&[2], 0.4, 1.2),
        between(&[2], 0.1, 0.8),
    ];
    row(op, inputs, move |s, x| {
        let (a, b) = (s.complex(x[0], x[1]), s.complex(x[2], x[3]));
        parts(node(s, op, &[a, b], &[])[0])
    })
    .case("complex")
}

/// A reduction over these axes.
fn reduction(op: &'static str, axes: &'static [i32], keep: bool) -> Row {
    row(op, [apart(&[2, 3, 4])], move |s, x| {
        let attrs = [("keep_dims", AttrValue::Bool(keep))];
        node(s, op, &[x[0], s.constant(axes)], &attrs)
    })
}

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for limit in [&[][..], &[2, 3]] {
        let n = limit.iter().product();
        let limits = [exact(limit, &vec![-0.2; n]), exact(limit, &vec![0.4; n])];
        let [low, high] = limits;
        rows.push(row("ClipByValue", [apart(&[2, 3]), low, high], |s, x| {
            node(s, "ClipByValue", x, &[])
        }));
    }
    for (op, low, high) in [
        ("Neg", -2.0, 2.0),
        ("Abs", 0.5, 2.0),
        ("Abs", -2.0, -0.5),
        ("Sign", 0.5, 2.0),
        ("Square", -2.0, 2.0),
        ("Sqrt", 0.5, 2.0),
        ("Rsqrt", 0.5, 2.0),
        ("Exp", -2.0, 2.0),
        ("Expm1", -2.0, 2.0),
        ("Log", 0.5, 2.0),
        ("Log1p", -0.5, 2.0),
        ("Inv", 0.5, 2.0),
        ("Reciprocal", -2.0, -0.5),
        ("Tanh", -2.0, 2.0),
        ("Sigmoid", -3.0, 3.0),
        ("Sin", -3.0, 3.0),
        ("Cos", -3.0, 3.0),
        ("Tan", -1.0, 1.0),
        ("Asin", -0.8, 0.8),
        ("Acos", -0.8, 0.8),
        ("Atan", -2.0, 2.0),
        ("Sinh", -2.0, 2.0),
        ("Cosh", -2.0, 2.0),
        ("Asinh", -2.0, 2.0),
        ("Acosh", 1.5, 3.0),
        ("Atanh", -0.8, 0.8),
        ("Erf", -2.0, 2.0),
        ("Erfc", -2.0, 2.0),
        ("Lgamma", 0.5, 4.0),
        ("Lgamma", -0.9, -0.1),
        ("Digamma", 0.5, 4.0),
    ] {
        rows.push(unary(op, low, high));
    }
    for op in [
        "Neg",
        "Square",
        "Sqrt",
        "Rsqrt",
        "Exp",
        "Expm1",
        "Log",
        "Log1p",
        "Reciprocal",
        "Tanh",
        "Sigmoid",
        "Sin",
        "Cos",
        "Tan",
        "Asin",
        "Acos",
        "Atan",
        "Sinh",
        "Cosh",
        "Asinh",
        "Acosh",
        "Atanh",
        "Conj",
    ] {
        rows.push(complex_unary(op));
    }
    for (op, low, high) in [
        ("SqrtGrad", 0.5, 2.0),
        ("RsqrtGrad", 0.5, 2.0),
        ("InvGrad", 0.5, 2.0),
        ("ReciprocalGrad", -2.0, -0.5),
        ("TanhGrad", -0.9, 0.9),
        ("SigmoidGrad", 0.1, 0.9),
    ] {
        rows.push(gradient_op(op, low, high));
    }
    for (op, x, y) in [
        ("Add", (-2.0, 2.0), (-2.0, 2.0)),
        ("AddV2", (-2.0, 2.0), (-2.0, 2.0)),
        ("Sub", (-2.0, 2.0), (-2.0, 2.0)),
        ("Mul", (-2.0, 2.0), (-2.0, 2.0)),
        ("Div", (-2.0, 2.0), (0.5, 2.0)),
        ("RealDiv", (-2.0, 2.0), (0.5, 2.0)),
        ("DivNoNan", (-2.0, 2.0), (0.5, 2.0)),
        ("FloorMod", (5.1, 5.9), (-2.4, -2.1)),
        ("Maximum", (-2.0, 0.9), (1.0, 2.0)),
        ("Maximum", (1.0, 2.0), (-2.0, 0.9)),
        ("Minimum", (-2.0, 0.9), (1.0, 2.0)),
        ("Minimum", (1.0, 2.0), (-2.0, 0.9)),
        ("Pow", (0.5, 2.0), (-2.0, 2.0)),
        ("SquaredDifference", (-2.0, 2.0), (-2.0, 2.0)),
        ("Atan2", (-2.0, 2.0), (0.5, 2.0)),
        ("Complex", (-2.0, 2.0), (-2.0, 2.0)),
    ] {
        match op {
            "Complex" => rows.push(row(
                op,
                [between(&[2, 3], x.0, x.1), between(&[3], y.0, y.1)],
                |s, x| parts(s.square(s.complex(x[0], x[1]))),
            )),
            _ => rows.extend(binary(op, x, y)),
        }
    }
    for op in ["AddV2", "Sub", "Mul", "Div", "RealDiv", "DivNoNan", "Pow"] {
        rows.push(complex_binary(op));
    }
    let z = || [between(&[4], 0.2, 0.9), between(&[4], -0.7, 0.8)];
    rows.extend([
        row("Real", z(), |s, x| {
            vec![s.real(s.square(s.complex(x[0], x[1])))]
        }),
        row("Imag", z(), |s, x| {
            vec![s.imag(s.square(s.complex(x[0], x[1])))]
        }),
        row("Angle", z(), |s, x| vec![s.angle(s.complex(x[0], x[1]))]),
        row("ComplexAbs", z(), |s, x| {
            vec![s.complex_abs(s.complex(x[0], x[1]))]
        }),
        row("Polygamma", [between(&[4], 0.5, 3.0)], |s, x| {
            vec![s.polygamma(2, x[0])]
        }),
        row(
            "AddN",
            [between(&[3], -1.0, 1.0), between(&[3], -1.0, 1.0)],
            |s, x| vec![s.add_n([x[0], x[1], x[0]])],
        ),
        row(
            "AccumulateNV2",
            [between(&[3], -1.0, 1.0), between(&[3], -1.0, 1.0)],
            |s, x| vec![s.accumulate_n([x[0], x[1], x[0]], [3])],
        ),
        row("Cast", [between(&[3], -1.0, 1.0)], |s, x| {
            vec![s.cast(x[0], DType::F64)]
        })
        .single(),
        row("Cast", [between(&[3], -1.0, 1.0)], |s, x| {
            vec![s.real(s.cast(x[0], DType::C128))]
        })
        .case("to complex"),
    ]);
    rows.extend(selections());
    rows.extend(reductions());
    rows.extend(along_axes());
    rows
}

fn selections() -> Vec<Row> {
    let two = || [between(&[2, 3], -1.0, 1.0), between(&[2, 3], -1.0, 1.0)];
    vec![
        row("Select", two(), |s, x| {
            let c = s.constant([[true, false, true], [false, false, true]]);
            vec![s.select(c, x[0], x[1])]
        }),
        row("Select", two(), |s, x| {
            vec![s.select(s.constant([true, false]), x[0], x[1])]
        })
        .case("rows"),
        row("Select", two(), |s, x| {
            vec![s.select(s.constant(false), x[0], x[1])]
        })
        .case("scalar"),
        row("SelectV2", two(), |s, x| {
            let c = s.constant([[true, false, true], [false, false, true]]);
            vec![s.select_v2(c, x[0], x[1])]
        }),
        row(
            "SelectV2",
            [between(&[2, 1], -1.0, 1.0), between(&[3], -1.0, 1.0)],
            |s, x| vec![s.select_v2(s.constant([true, false, true]), x[0], x[1])],
        )
        .case("broadcast"),
    ]
}

fn reductions() -> Vec<Row> {
    let mut rows = Vec::new();
    for op in ["Sum", "Mean", "Prod", "Max", "Min"] {
        rows.push(reduction(op, &[0, 1, 2], false));
        rows.push(reduction(op, &[1], false).case("one axis"));
        rows.push(reduction(op, &[-1, 0], true).case("kept axes"));
        rows.push(reduction(op, &[], false).case("no axes"));
        rows.push(
            row(op, [apart(&[2, 3])], move |s, x| {
                node(s, op, &[x[0], s.constant(1i64)], &[])
            })
            .case("scalar axis"),
        );
    }
    rows.push(
        row(
            "Prod",
            [exact(&[2, 3], &[0.0, 2.0, 3.0, 0.0, 0.0, 4.0])],
            |s, x| vec![s.prod(x[0], [1i32], KeepDims::No)],
        )
        .case("zeros"),
    );
    // Ties share the gradient; along the direction in which all of them move, differences exist.
    rows.push(
        row("Max", [between(&[], 1.0, 2.0)], |s, x| {
            let tied = s.add_n([x[0], x[0]]) * s.constant([1.0f64, 1.0, 0.5]);
            vec![s.max(tied, [0i32], KeepDims::No)]
        })
        .case("ties"),
    );
    rows
}

fn along_axes() -> Vec<Row> {
    let mut rows = Vec::new();
    for (exclusive, reverse) in [(false, false), (true, false), (false, true), (true, true)] {
        let running = Running { exclusive, reverse };
        rows.push(row("Cumsum", [between(&[2, 4], -1.0, 1.0)], move |s, x| {
            vec![s.cumsum(x[0], 1i32, running)]
        }));
        rows.push(row("Cumprod", [between(&[4, 2], 0.5, 1.5)], move |s, x| {
            vec![s.cumprod(x[0], -2i32, running)]
        }));
    }
    let data = || [between(&[5, 2], -1.0, 1.0)];
    rows.extend([
        row("SegmentSum", data(), |s, x| {
            vec![s.segment_sum(x[0], [0i32, 0, 2, 2, 2])]
        }),
        row("SegmentMean", data(), |s, x| {
            vec![s.segment_mean(x[0], [0i32, 0, 2, 2, 2])]
        }),
        row("UnsortedSegmentSum", data(), |s, x| {
            vec![s.unsorted_segment_sum(x[0], [2i32, 0, -1, 2, 1], 4)]
        }),
        row("UnsortedSegmentSum", data(), |s, x| {
            let ids = s.constant([[0i64, 1], [1, 0], [2, -3], [0, 0], [1, 2]]);
            vec![s.unsorted_segment_sum(x[0], ids, 3)]
        })
        .case("single elements"),
    ]);
    rows
}
