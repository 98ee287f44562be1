//! Bad inputs of activations, losses and top-k that once crashed TensorFlow: each gives an error with its words.

use crate::dtype::DType;
use crate::ops::testing::{Bad, refuse, run};
use crate::shape::Shape;
use crate::tensor::Tensor;

fn z(dims: &[usize]) -> Tensor {
    Tensor::zeros(DType::F32, Shape::of(dims).unwrap()).unwrap()
}
fn v(values: &[i32]) -> Tensor {
    Tensor::from(values)
}
fn s(value: i32) -> Tensor {
    Tensor::from(value)
}

#[test]
fn activations() {
    let gradients = [
        "ReluGrad",
        "Relu6Grad",
        "EluGrad",
        "SeluGrad",
        "LeakyReluGrad",
        "SoftplusGrad",
        "SoftsignGrad",
    ];
    for op in gradients {
        refuse(vec![
            Bad::new(
                10,
                op,
                &[z(&[2]), z(&[3])],
                "must have the same size and shape.  Input 0: [2] != input 1: [3]",
            ),
            Bad::new(
                10,
                op,
                &[z(&[0]), z(&[3])],
                "must have the same size and shape.  Input 0: [0] != input 1: [3]",
            ),
            Bad::new(
                10,
                op,
                &[z(&[3, 1]), z(&[1, 3])],
                "must have the same size and shape.",
            ),
        ]);
    }
    refuse(vec![
        Bad::new(
            67,
            "Softmax",
            &[z(&[])],
            "logits must have >= 1 dimension, got []",
        ),
        Bad::new(
            67,
            "LogSoftmax",
            &[z(&[])],
            "logits must have >= 1 dimension, got []",
        ),
    ]);
}

#[test]
fn losses() {
    let sparse = |row, logits: Tensor, labels: Tensor, message| {
        Bad::new(
            row,
            "SparseSoftmaxCrossEntropyWithLogits",
            &[logits, labels],
            message,
        )
    };
    let dense = |row, logits: Tensor, labels: Tensor, message| {
        Bad::new(
            row,
            "SoftmaxCrossEntropyWithLogits",
            &[logits, labels],
            message,
        )
    };
    refuse(vec![
        sparse(
            64,
            z(&[2, 3]),
            v(&[1, 10]),
            "Received a label value of 10 which is outside the valid range of [0, 3).  Label values: 1 10",
        ),
        sparse(
            64,
            z(&[2, 3]),
            v(&[1, -1]),
            "Received a label value of -1 which is outside the valid range of [0, 3).  Label values: 1 -1",
        ),
        sparse(
            64,
            z(&[1, 3]),
            Tensor::from([i64::MIN]),
            "Received a label value of -9223372036854775808",
        ),
        sparse(
            65,
            z(&[2, 3]),
            v(&[1, 1, 1]),
            "logits and labels must have the same first dimension, got logits shape [2,3] and labels shape [3]",
        ),
        sparse(
            65,
            z(&[2]),
            v(&[1, 1]),
            "logits must be 2-D, but got shape [2]",
        ),
        sparse(
            65,
            z(&[2, 3]),
            Tensor::from([[1i32, 1]]),
            "labels must be 1-D, but got shape [1,2]",
        ),
        sparse(
            65,
            z(&[2, 0]),
            v(&[0, 0]),
            "Must have at least one class, but got logits shape [2,0]",
        ),
        dense(
            66,
            z(&[2, 3]),
            z(&[2, 4]),
            "logits and labels must be broadcastable: logits_size=[2,3] labels_size=[2,4]",
        ),
        dense(
            66,
            z(&[3]),
            z(&[3]),
            "logits and labels must be either 2-dimensional, or broadcasted to be 2-dimensional",
        ),
    ]);
    // No rows, or no classes, are no mistake of the dense one.
    let out = run(
        "SoftmaxCrossEntropyWithLogits",
        &[z(&[2, 0]), z(&[2, 0])],
        &[],
    )
    .unwrap();
    assert_eq!(out[0].data::<f32>().unwrap(), [0.0, 0.0]);
    let out = run(
        "SparseSoftmaxCrossEntropyWithLogits",
        &[z(&[0, 3]), v(&[])],
        &[],
    )
    .unwrap();
    assert_eq!(
        (out[0].elements(), out[1].shape().dims()),
        (0, &[0usize, 3][..])
    );
}

#[test]
fn among_the_largest() {
    let top = |predictions: Tensor, targets: Tensor, k: Tensor, message| {
        Bad::new(68, "InTopKV2", &[predictions, targets, k], message)
    };
    refuse(vec![
        top(
            z(&[2, 3]),
            v(&[1]),
            s(1),
            "First dimension of predictions 2 must match length of targets 1",
        ),
        top(
            z(&[2]),
            v(&[1, 1]),
            s(1),
            "predictions must be 2-dimensional",
        ),
        top(
            z(&[2, 3]),
            Tensor::from([[1i32, 1]]),
            s(1),
            "targets must be 1-dimensional",
        ),
        top(
            z(&[2, 3]),
            v(&[1, 1]),
            v(&[1]),
            "k must be 0-D, got shape [1]",
        ),
        Bad::new(
            122,
            "TopKV2",
            &[z(&[2]), s(3)],
            "input must have at least k columns. Had 2, needed 3",
        ),
        Bad::new(122, "TopKV2", &[z(&[2]), s(-1)], "Need k >= 0, got -1"),
        Bad::new(
            122,
            "TopKV2",
            &[z(&[]), s(1)],
            "input must be >= 1-D, got shape []",
        ),
        Bad::new(
            122,
            "TopKV2",
            &[z(&[2]), v(&[1])],
            "k must be scalar, got shape [1]",
        ),
        Bad::new(122, "TopK", &[z(&[2])], "must be at least minimum 0").attr("k", -1i64),
        Bad::new(
            122,
            "NthElement",
            &[z(&[2]), s(2)],
            "Input must have last dimension > n = 2",
        ),
        Bad::new(
            122,
            "NthElement",
            &[z(&[2]), s(-1)],
            "n must be non-negative",
        ),
    ]);
    // Targets out of range, predictions that are no numbers, and k below 1 are simply not among the largest.
    let nan = Tensor::from([
        [1.0f32, f32::NAN],
        [1.0, 2.0],
        [1.0, 2.0],
        [f32::INFINITY, 0.0],
    ]);
    for (k, expected) in [
        (1, [false; 4]),
        (2, [false, false, true, false]),
        (0, [false; 4]),
        (-5, [false; 4]),
    ] {
        let args = [nan.clone(), v(&[0, 7, 0, 1]), s(k)];
        let out = run("InTopKV2", &args, &[]).unwrap();
        assert_eq!(out[0].data::<bool>().unwrap(), expected, "k = {k}");
    }
}
