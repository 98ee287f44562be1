//! Rows of the catalogue of bad inputs that concern graphs, imports, sessions, and ops whose own tests do not hold them:
//! each gives an error of the right code with these words, and none a panic.

mod calls;

use tensorloom::def::{AttrValue, GraphDef, NodeDef};
use tensorloom::{
    Code, DType, Graph, ImportOptions, Output, PartialShape, Result, RunOptions, Session, Tensor,
};

type Case = (u32, Code, &'static str, fn(&Graph) -> Result<()>);

fn fetch(g: &Graph, out: Output<'_>) -> Result<()> {
    Session::new(g)?.fetch(out).map(|_| ())
}

/// Runs an op on tensors that reach it through placeholders of unknown shape, so that no shape function sees them.
fn fed(g: &Graph, op: &str, inputs: &[Tensor], attrs: &[(&str, AttrValue)]) -> Result<()> {
    let s = g.root();
    let places: Vec<Output<'_>> = inputs
        .iter()
        .map(|t| s.placeholder(t.dtype(), PartialShape::unknown()))
        .collect();
    let op = op.to_string();
    let b = places.iter().fold(s.op(&op), |b, p| b.input(*p));
    let node = attrs
        .iter()
        .fold(b, |b, (k, v)| b.attr(k, v.clone()))
        .finish();
    g.check()?;
    let feeds: Vec<(Output<'_>, Tensor)> = places.into_iter().zip(inputs.iter().cloned()).collect();
    Session::new(g)?
        .run(feeds, [node.output(0)], ())
        .map(|_| ())
}

/// A definition of nodes `(name, op, inputs)`, each with type attributes `T` and `dtype` float.
fn import(g: &Graph, nodes: &[(&str, &str, &[&str])]) -> Result<()> {
    let node = nodes
        .iter()
        .map(|(name, op, inputs)| {
            let mut n = NodeDef {
                name: name.to_string(),
                op: op.to_string(),
                ..NodeDef::default()
            };
            n.input = inputs.iter().map(|i| i.to_string()).collect();
            match *op {
                "Const" => {
                    n.attr.insert("dtype".into(), AttrValue::Type(DType::F32));
                    n.attr
                        .insert("value".into(), AttrValue::Tensor(Tensor::from(1.0f32)));
                }
                "NoOp" => {}
                _ => {
                    n.attr.insert("T".into(), AttrValue::Type(DType::F32));
                }
            }
            n
        })
        .collect();
    g.import(
        &GraphDef {
            node,
            ..GraphDef::default()
        },
        &ImportOptions::default(),
    )
    .map(|_| ())
}

/// The signature of a function `f` from float to float.
const ARGUMENT: &str = "signature { name: 'f' input_arg { name: 'x' type: DT_FLOAT } output_arg { name: 'y' type: DT_FLOAT } }";

/// Imports a graph that only holds this function.
fn library(g: &Graph, function: &str) -> Result<()> {
    let def = GraphDef::from_pbtxt(&format!("library {{ function {{ {function} }} }}"))?;
    g.import(&def, &ImportOptions::default()).map(|_| ())
}

fn windows() -> Vec<(&'static str, AttrValue)> {
    vec![
        ("ksize", AttrValue::from([1i64, 2, 2, 1])),
        ("strides", AttrValue::from([1i64, 2, 2, 1])),
        ("padding", AttrValue::from("SAME")),
    ]
}

/// A variable of two elements, initialized, and what an op does to it.
fn on_variable<'g>(g: &'g Graph, op: &'g str, rest: &[Tensor]) -> Result<()> {
    let s = g.root();
    let v = g.get_variable("v", [2], tensorloom::init::ones());
    let places: Vec<Output<'_>> = rest
        .iter()
        .map(|t| s.placeholder(t.dtype(), PartialShape::unknown()))
        .collect();
    let node = places
        .iter()
        .fold(s.op(op).input(v.handle()), |b, p| b.input(*p))
        .finish();
    g.check()?;
    let session = Session::new(g)?;
    session.run_target(g.init_op())?;
    let feeds: Vec<(Output<'_>, Tensor)> = places.into_iter().zip(rest.iter().cloned()).collect();
    session.run(feeds, (), node).map(|_| ())
}

fn floats(dims: &[usize]) -> Tensor {
    Tensor::from_vec(dims, vec![0.0f32; dims.iter().product()]).unwrap()
}

const CASES: &[Case] = &[
    (1, Code::InvalidArgument, "", |g| {
        fed(
            g,
            "Fill",
            &[Tensor::from([1i64 << 40, 1 << 40]), Tensor::from(1.0f32)],
            &[],
        )
    }),
    (
        4,
        Code::ResourceExhausted,
        "OOM when allocating tensor",
        |g| {
            fed(
                g,
                "Fill",
                &[Tensor::from([1i64 << 30, 1 << 20]), Tensor::from(1.0f32)],
                &[],
            )
        },
    ),
    (
        7,
        Code::InvalidArgument,
        "to be float but int32 is provided",
        |g| {
            let x = g.placeholder("x", DType::F32, ());
            Session::new(g)?
                .run([(x, Tensor::from(1i32))], [x], ())
                .map(|_| ())
        },
    ),
    (47, Code::InvalidArgument, "", |g| {
        let inputs = [
            floats(&[1, 4, 4, 1]),
            floats(&[1, 2, 2, 1]),
            Tensor::from(vec![0i64; 3]),
        ];
        fed(g, "MaxPoolGradWithArgmax", &inputs, &windows())
    }),
    (48, Code::InvalidArgument, "", |g| {
        let argmax = Tensor::from_vec(&[1, 2, 2, 1], vec![0i64, 99, -7, 1]).unwrap();
        fed(
            g,
            "MaxPoolGradWithArgmax",
            &[floats(&[1, 4, 4, 1]), floats(&[1, 2, 2, 1]), argmax],
            &windows(),
        )
    }),
    (50, Code::InvalidArgument, "", |g| {
        let inputs = [
            floats(&[1, 4, 4, 1]),
            floats(&[1, 3, 2, 1]),
            floats(&[1, 4, 4, 1]),
        ];
        fed(g, "MaxPoolGradGrad", &inputs, &windows())
    }),
    (95, Code::InvalidArgument, "", |g| {
        on_variable(
            g,
            "ScatterAdd",
            &[Tensor::from([0i32, 1]), Tensor::from([1.0f32, 2.0, 3.0])],
        )
    }),
    (95, Code::InvalidArgument, "is not in [0, 2)", |g| {
        on_variable(
            g,
            "ScatterUpdate",
            &[Tensor::from([5i32]), Tensor::from([1.0f32])],
        )
    }),
    (
        131,
        Code::InvalidArgument,
        "num_classes should be positive",
        |g| {
            fed(
                g,
                "Multinomial",
                &[floats(&[2, 0]), Tensor::from(1i32)],
                &[],
            )
        },
    ),
    (
        131,
        Code::InvalidArgument,
        "num_samples should be non",
        |g| {
            fed(
                g,
                "Multinomial",
                &[floats(&[2, 3]), Tensor::from(-1i32)],
                &[],
            )
        },
    ),
    (166, Code::InvalidArgument, "fed more than once", |g| {
        let x = g.placeholder("x", DType::F32, ());
        let twice = [(x, Tensor::from(1.0f32)), (x, Tensor::from(2.0f32))];
        Session::new(g)?.run(twice, [x], ()).map(|_| ())
    }),
    (166, Code::NotFound, "does not exist", |g| {
        let x = g.placeholder("x", DType::F32, ());
        Session::new(g)?
            .run([("nope:0", Tensor::from(1.0f32))], [x], ())
            .map(|_| ())
    }),
    (166, Code::InvalidArgument, "output index", |g| {
        let x = g.placeholder("x", DType::F32, ());
        Session::new(g)?
            .run([("x:3", Tensor::from(1.0f32))], [x], ())
            .map(|_| ())
    }),
    (
        167,
        Code::InvalidArgument,
        "You must feed a value for placeholder tensor 'x' with dtype float and shape [2]",
        |g| {
            let x = g.placeholder("x", DType::F32, [2]);
            fetch(g, x)
        },
    ),
    (168, Code::InvalidArgument, "Incompatible shapes", |g| {
        // The static shapes promise that this fits.
        let (x, y) = (
            g.placeholder("x", DType::F32, [2]),
            g.placeholder("y", DType::F32, [2]),
        );
        let feeds = [
            (x, Tensor::from([1.0f32, 2.0, 3.0])),
            (y, Tensor::from([1.0f32, 2.0])),
        ];
        Session::new(g)?.run(feeds, [x + y], ()).map(|_| ())
    }),
    (193, Code::InvalidArgument, "Invalid Exit op", |g| {
        fetch(g, g.root().op("Exit").input(1.0f32).out())
    }),
    (196, Code::DeadlineExceeded, "Timed out waiting", |g| {
        let s = g.root();
        let enter = s.op("Enter").input(true).attr("frame_name", "f").out();
        let merge = s.op("Merge").list([enter, enter]).finish();
        let turn = s
            .op("Switch")
            .input(merge.output(0))
            .input(s.op("LoopCond").input(merge.output(0)).out())
            .finish();
        let next = s.op("NextIteration").input(turn.output(1)).out();
        g.set_input(merge.id(), 1, next)?;
        let exit = s.op("Exit").input(turn.output(0)).out();
        let options = RunOptions {
            timeout: Some(std::time::Duration::from_millis(100)),
            ..Default::default()
        };
        Session::new(g)?
            .run_with((), [exit], (), &options)
            .map(|_| ())
    }),
    (197, Code::InvalidArgument, "nodes in a cycle", |g| {
        import(g, &[("a", "Identity", &["b"]), ("b", "Identity", &["a"])])
    }),
    (198, Code::InvalidArgument, "calls itself", |g| {
        let node = "node_def { name: 'c' op: 'f' input: 'x' }";
        library(
            g,
            &format!("{ARGUMENT} {node} ret {{ key: 'y' value: 'c:y:0' }}"),
        )
    }),
    (215, Code::InvalidArgument, "Return 'y' missing", |g| {
        library(g, ARGUMENT)
    }),
    (215, Code::InvalidArgument, "Unknown input", |g| {
        let node = "node_def { name: 'c' op: 'Neg' input: 'gone:z:0' }";
        library(
            g,
            &format!("{ARGUMENT} {node} ret {{ key: 'y' value: 'x' }}"),
        )
    }),
    (199, Code::InvalidArgument, "invalid output 5", |g| {
        import(g, &[("c", "Const", &[]), ("i", "Identity", &["c:5"])])
    }),
    (199, Code::InvalidArgument, "Unknown input node", |g| {
        import(g, &[("c", "Const", &[]), ("i", "Identity", &["c:-1"])])
    }),
    (199, Code::InvalidArgument, "Malformed input name", |g| {
        import(g, &[("i", "Identity", &[""])])
    }),
    (199, Code::InvalidArgument, "Malformed input name", |g| {
        import(g, &[("i", "NoOp", &["^"])])
    }),
    (199, Code::InvalidArgument, "", |g| {
        import(g, &[("i", "Identity", &[":0"])])
    }),
    (200, Code::InvalidArgument, "Unknown input node", |g| {
        import(g, &[("i", "Identity", &["gone"])])
    }),
    (
        200,
        Code::InvalidArgument,
        "Control dependencies must come after regular dependencies",
        |g| import(g, &[("c", "Const", &[]), ("i", "Identity", &["^c", "c"])]),
    ),
    (
        201,
        Code::InvalidArgument,
        "do not match 0 inputs specified",
        |g| import(g, &[("i", "Identity", &[])]),
    ),
    (202, Code::InvalidArgument, "is not unique", |g| {
        import(g, &[("c", "Const", &[]), ("c", "Const", &[])])
    }),
    (202, Code::InvalidArgument, "invalid characters", |g| {
        import(g, &[("a b", "Const", &[])])
    }),
    (
        202,
        Code::InvalidArgument,
        "does not specify an operation",
        |g| import(g, &[("a", "", &[])]),
    ),
    (203, Code::NotFound, "Op type not registered 'Foo'", |g| {
        import(g, &[("a", "Foo", &[])])
    }),
    (
        206,
        Code::InvalidArgument,
        "out of range for an int32",
        |g| {
            let mut attrs = windows();
            attrs[0].1 = AttrValue::from([1i64, 1 << 40, 2, 1]);
            fed(g, "MaxPool", &[floats(&[1, 4, 4, 1])], &attrs)
        },
    ),
    (210, Code::InvalidArgument, "", |g| {
        let x = g.root().constant(1.0f32);
        fetch(
            g,
            g.root().op("Reshape").input(x).input(vec![1i32; 300]).out(),
        )
    }),
    (212, Code::InvalidArgument, "", |g| {
        let x = g.root().constant([1.0f32, 2.0]);
        let empty = g.root().constant(Vec::<i32>::new());
        fetch(g, g.root().op("Reshape").input(x).input(empty).out())
    }),
    (
        230,
        Code::InvalidArgument,
        "Malformed device specification",
        |g| {
            g.device("/device:CPU:-1").constant(1.0f32);
            g.check()
        },
    ),
    (
        230,
        Code::InvalidArgument,
        "Malformed device specification",
        |g| {
            g.device("/gpu:99999999999").constant(1.0f32);
            g.check()
        },
    ),
    (243, Code::OutOfRange, "Reached limit of 1", |g| {
        let s = g.root();
        let v = s.variable(
            0i64,
            &tensorloom::VariableOptions::not_trainable().dtype(DType::I64),
        );
        let next = s
            .op("CountUpTo")
            .input(v.handle())
            .attr("limit", 1i64)
            .out();
        let session = Session::new(g)?;
        session.run_target(g.init_op())?;
        session.fetch(next)?;
        session.fetch(next).map(|_| ())
    }),
];

#[test]
fn each_gives_its_error() {
    let mut wrong = Vec::new();
    for (i, (row, code, words, case)) in CASES.iter().enumerate() {
        let g = Graph::new();
        match case(&g) {
            Ok(()) => wrong.push(format!("row {row} (case {i}): no error")),
            Err(e) if e.code() != *code || !e.message().contains(words) => {
                wrong.push(format!("row {row} (case {i}): {e}"));
            }
            Err(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn harmless_ones_pass() {
    // Row 130: nothing to shuffle. Row 49: no images. Row 13: the quotient wraps.
    for case in [
        (|g: &Graph| fed(g, "RandomShuffle", &[Tensor::from(1.0f32)], &[]))
            as fn(&Graph) -> Result<()>,
        |g| fed(g, "RandomShuffle", &[floats(&[0, 3])], &[]),
        |g| {
            let argmax = Tensor::from_vec(&[0, 2, 2, 1], Vec::<i64>::new()).unwrap();
            fed(
                g,
                "MaxPoolGradWithArgmax",
                &[floats(&[0, 4, 4, 1]), floats(&[0, 2, 2, 1]), argmax],
                &windows(),
            )
        },
        |g| {
            fed(
                g,
                "Div",
                &[Tensor::from([i32::MIN]), Tensor::from([-1i32])],
                &[],
            )
        },
    ] {
        case(&Graph::new()).unwrap();
    }
}
