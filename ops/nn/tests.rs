//! Tests of activations, losses and top-k: gradients of any order, node names, repeatable results.

use crate::device::cpu::ThreadPool;
use crate::dtype::DType;
use crate::graph::{Graph, Output};
use crate::kernel::{Env, Value};
use crate::op::Attrs;
use crate::ops::math::KeepDims;
use crate::ops::nn::DropoutOptions;
use crate::ops::testing::{check_gradient, eval, run};
use crate::registry::Registry;
use crate::resource::Resources;
use crate::runtime::SingleOp;
use crate::shape::Shape;
use crate::tensor::Tensor;
use std::sync::Arc;

/// Numbers on both sides of 0 and 6, none near a kink.
fn numbers(dims: &[usize]) -> Tensor {
    let n: usize = dims.iter().product();
    let values = (0..n).map(|i| (i as f64 * 1.37).sin() * 4.0 + (i % 3) as f64 * 1.9 - 1.03);
    Tensor::from_vec(dims, values.collect()).unwrap()
}

type F = for<'g> fn(Output<'g>) -> Output<'g>;

const SMOOTH: &[(&str, F)] = &[
    ("Relu", |x| x.relu()),
    ("Relu6", |x| x.relu6()),
    ("Elu", |x| x.elu()),
    ("Selu", |x| x.selu()),
    ("LeakyRelu", |x| x.leaky_relu(0.3)),
    ("Softplus", |x| x.softplus()),
    ("Softsign", |x| x.softsign()),
    ("Softmax", |x| x.softmax()),
    ("LogSoftmax", |x| x.log_softmax()),
    ("softmax_along", |x| x.scope().softmax_along(x, 0)),
    ("softmax_cross_entropy", |x| {
        let labels = Tensor::from([
            [0.2, 0.3, 0.5, 0.0],
            [0.0, 0.1, 0.4, 0.5],
            [1.0, 0.0, 0.0, 0.0],
        ]);
        x.softmax_cross_entropy(labels)
    }),
    ("softmax_cross_entropy of labels", |x| {
        let logits = x.scope().constant([[0.2, -1.3, 0.5, 2.0]; 3]);
        logits.softmax_cross_entropy(x)
    }),
    ("sparse_softmax_cross_entropy", |x| {
        x.sparse_softmax_cross_entropy([3, 0, 1])
    }),
    ("top_k", |x| x.scope().top_k(x, 2)[0]),
    ("nth_element", |x| x.scope().nth_element(x, 1)),
    ("moments", |x| x.scope().moments(x, &[0], KeepDims::No)[1]),
];

#[test]
fn gradients_agree_with_differences() {
    for (name, f) in SMOOTH {
        println!("{name}");
        check_gradient(numbers(&[3, 4]), f);
    }
}

/// The gradient of the sum of squares of f, as a function of x again.
fn slope<'g>(f: F, x: Output<'g>) -> Output<'g> {
    let y = f(x);
    let g = x.graph().gradients(&[y * y], &[x]).unwrap()[0].unwrap();
    g.dense(x.graph().root())
}

#[test]
fn gradients_of_gradients_agree_with_differences() {
    for (name, f) in SMOOTH {
        // Of SoftsignGrad there is none, as in TensorFlow; and moments stop the gradient of the mean, which
        // only of the first order is none.
        if !["Softsign", "moments", "softmax_cross_entropy of labels"].contains(name) {
            println!("{name}");
            check_gradient(numbers(&[3, 4]), &|x| slope(*f, x));
        }
    }
}

#[test]
fn repeated_logits_and_labels_share_their_gradients() {
    check_gradient(numbers(&[1, 4]), &|x| {
        let op = x.scope().op("SoftmaxCrossEntropyWithLogits").input(x);
        op.input(Tensor::from([[0.2, 0.3, 0.5, 0.0], [0.0, 0.1, 0.4, 0.5]]))
            .out()
    });
}

#[test]
fn losses_are_right_for_extreme_logits() {
    let logits = Tensor::from([[1000.0f32, 0.0, -1000.0], [-1e30, -1e30, -1e30]]);
    let labels = Tensor::from([1i32, 2]);
    let out = run(
        "SparseSoftmaxCrossEntropyWithLogits",
        &[logits, labels],
        &[],
    )
    .unwrap();
    let loss = out[0].data::<f32>().unwrap();
    assert_eq!(loss[0], 1000.0);
    assert!((loss[1] - 3f32.ln()).abs() < 1e-6);
    assert_eq!(&out[1].data::<f32>().unwrap()[..3], &[1.0, -1.0, 0.0]);
}

#[test]
fn equal_elements_come_in_the_order_of_their_places() {
    let x = Tensor::from([3.0f32, f32::NAN, 7.0, 3.0, 7.0, 1.0]);
    let out = run("TopKV2", &[x, Tensor::from(5i32)], &[]).unwrap();
    assert_eq!(out[1].data::<i32>().unwrap(), [2, 4, 0, 3, 5]);
}

/// Runs an op on a pool of that many threads.
fn on_threads(threads: usize, op: &str, args: &[Tensor]) -> Vec<Tensor> {
    let env = Arc::new(Env {
        pool: ThreadPool::new(threads),
        resources: Resources::new(),
        device: "/job:localhost/replica:0/task:0/device:CPU:0".into(),
        gpu: None,
    });
    let types: Vec<Vec<DType>> = args.iter().map(|t| vec![t.dtype()]).collect();
    let op = SingleOp::new(&Registry::builtin(), &env, op, &types, Attrs::default()).unwrap();
    let made = op
        .run(args.iter().cloned().map(Value::Tensor).collect())
        .unwrap();
    made.into_iter()
        .map(|v| match v {
            Value::Tensor(t) => t,
            Value::Ref(v) => v.read().unwrap(),
        })
        .collect()
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let wide = numbers(&[300, 131]);
    let values: Vec<f32> = wide
        .data::<f64>()
        .unwrap()
        .iter()
        .map(|v| *v as f32)
        .collect();
    let x = Tensor::from_slice(&Shape::of(&[300, 131]).unwrap(), &values).unwrap();
    let labels = Tensor::from((0..300).map(|i| i % 131).collect::<Vec<i32>>());
    let calls: &[(&str, Vec<Tensor>)] = &[
        ("Relu", vec![x.clone()]),
        ("Elu", vec![x.clone()]),
        ("Softmax", vec![x.clone()]),
        ("LogSoftmax", vec![x.clone()]),
        ("SoftmaxCrossEntropyWithLogits", vec![x.clone(), x.clone()]),
        (
            "SparseSoftmaxCrossEntropyWithLogits",
            vec![x.clone(), labels],
        ),
        ("TopKV2", vec![x.clone(), Tensor::from(7i32)]),
    ];
    for (op, args) in calls {
        let one = on_threads(1, op, args);
        for threads in [2, 5] {
            for (a, b) in one.iter().zip(on_threads(threads, op, args)) {
                assert_eq!(a.bytes().unwrap(), b.bytes().unwrap(), "{op}");
            }
        }
    }
}

fn names(f: impl for<'g> Fn(Output<'g>)) -> Vec<String> {
    let g = Graph::new();
    let x = g.placeholder("x", DType::F32, [None, Some(3)]);
    f(x);
    g.check().unwrap();
    g.nodes()[1..]
        .iter()
        .map(|n| format!("{} {}", n.name, n.op.name))
        .collect()
}

#[test]
fn losses_are_named_as_in_python() {
    let got = names(|x| {
        let labels = x.graph().placeholder("labels", DType::I32, [4usize]);
        let s = x.scope().named("loss");
        let loss = s.sparse_softmax_cross_entropy(x, labels);
        // What follows stands outside of the composite.
        loss.relu();
    });
    assert_eq!(
        got,
        [
            "labels Placeholder",
            "loss/Shape Const",
            "loss/loss SparseSoftmaxCrossEntropyWithLogits",
            "Relu Relu",
        ]
    );
    let got = names(|x| {
        let labels = x.graph().placeholder("labels", DType::F32, [2usize, 3]);
        x.softmax_cross_entropy(labels);
    });
    let inside: Vec<&str> = got[1..]
        .iter()
        .map(|n| {
            n.strip_prefix("softmax_cross_entropy_with_logits")
                .unwrap_or(n)
        })
        .collect();
    assert_eq!(
        inside,
        [
            "/Rank Const",
            "/Shape Shape",
            "/Rank_1 Const",
            "/Shape_1 Shape",
            "/Sub/y Const",
            "/Sub Sub",
            "/Slice/begin Pack",
            "/Slice/size Const",
            "/Slice Slice",
            "/concat/values_0 Const",
            "/concat/axis Const",
            "/concat ConcatV2",
            "/Reshape Reshape",
            "/Rank_2 Const",
            "/Shape_2 Const",
            "/Sub_1/y Const",
            "/Sub_1 Sub",
            "/Slice_1/begin Pack",
            "/Slice_1/size Const",
            "/Slice_1 Slice",
            "/concat_1/values_0 Const",
            "/concat_1/axis Const",
            "/concat_1 ConcatV2",
            "/Reshape_1 Reshape",
            " SoftmaxCrossEntropyWithLogits",
            "/Sub_2/y Const",
            "/Sub_2 Sub",
            "/Slice_2/begin Const",
            "/Slice_2/size Pack",
            "/Slice_2 Slice",
            "/Reshape_2 Reshape",
        ]
    );
}

#[test]
fn composites_are_named_as_in_python() {
    assert_eq!(
        names(|x| {
            x.scope().moments(x, &[0], KeepDims::No);
        }),
        [
            "moments/mean/reduction_indices Const",
            "moments/mean Mean",
            "moments/StopGradient StopGradient",
            "moments/SquaredDifference SquaredDifference",
            "moments/variance/reduction_indices Const",
            "moments/variance Mean",
            "moments/Squeeze Squeeze",
            "moments/Squeeze_1 Squeeze",
        ]
    );
    assert_eq!(
        names(|x| {
            x.dropout(0.5, DropoutOptions::default());
        }),
        [
            "dropout/Const Const",
            "dropout/Mul Mul",
            "dropout/Shape Shape",
            "dropout/random_uniform/RandomUniform RandomUniform",
            "dropout/GreaterEqual/y Const",
            "dropout/GreaterEqual GreaterEqual",
            "dropout/Const_1 Const",
            "dropout/SelectV2 SelectV2",
        ]
    );
    assert_eq!(
        names(|x| {
            x.zero_fraction();
        }),
        [
            "zero_fraction/zero Const",
            "zero_fraction/Equal Equal",
            "zero_fraction/Cast Cast",
            "zero_fraction/Const Const",
            "zero_fraction/Mean Mean",
        ]
    );
}

#[test]
fn dropout_keeps_the_mean_and_the_noise_shape() {
    let g = Graph::new();
    let x = g.root().ones([200, 50], DType::F32);
    let noise_shape = Some(g.root().constant([200, 1]));
    let options = DropoutOptions {
        noise_shape,
        seed: Some(3),
    };
    let y = x.dropout(0.8, options);
    let got = eval(&[y, y.mean(), y.zero_fraction()], &[]).unwrap();
    let (mean, zeros) = (
        got[1].to_scalar::<f32>().unwrap(),
        got[2].to_scalar::<f32>().unwrap(),
    );
    assert!(
        (mean - 1.0).abs() < 0.15 && (zeros - 0.2).abs() < 0.12,
        "{mean} {zeros}"
    );
    for row in got[0].data::<f32>().unwrap().chunks(50) {
        assert!(row.iter().all(|v| v == &row[0]) && (row[0] == 0.0 || row[0] == 1.25));
    }
}

#[test]
fn wrong_axes_and_types_are_refused_with_the_line() {
    let calls: [F; 4] = [
        |x| x.scope().softmax_along(x, i64::MAX),
        |x| x.scope().softmax_along(x, -3),
        |x| x.dropout(0.0, DropoutOptions::default()),
        |x| x.dropout(f32::NAN, DropoutOptions::default()),
    ];
    for wrong in calls {
        let g = Graph::new();
        let x = g.placeholder("x", DType::F32, [2usize, 3]);
        assert!(!wrong(x).is_valid());
        let e = g.check().unwrap_err();
        assert_eq!(e.code(), crate::Code::InvalidArgument);
        assert!(
            e.location().unwrap().file().ends_with("ops/nn/tests.rs"),
            "{e}"
        );
    }
}
