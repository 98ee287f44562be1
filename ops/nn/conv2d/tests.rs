//! Conv2D and its two backward ops as ops: errors, shapes, gradients.

use crate::ops::nn::conv_attrs::ConvAttrs;
use crate::runtime::run_op;
use crate::{
    AttrValue, Attrs, Code, DType, Error, Gradient, Graph, Registry, Session, Shape, Tensor,
};

fn zeros(dims: &[usize]) -> Tensor {
    Tensor::zeros(DType::F32, Shape::of(dims).unwrap()).unwrap()
}

fn ints(v: &[i32]) -> Tensor {
    Tensor::from_vec(&[v.len()], v.to_vec()).unwrap()
}

fn attrs(changes: &[(&str, AttrValue)]) -> Attrs {
    let mut a = Attrs::default();
    a.0.insert("strides".into(), [1i64, 1, 1, 1].into());
    a.0.insert("padding".into(), "SAME".into());
    for (name, value) in changes {
        a.0.insert(name.to_string(), value.clone());
    }
    a
}

fn fails(op: &str, inputs: [Tensor; 3], count: usize, changes: &[(&str, AttrValue)]) -> Error {
    let args = inputs.into_iter().take(count).map(|t| vec![t]).collect();
    run_op(&Registry::builtin(), op, args, attrs(changes)).unwrap_err()
}

#[test]
fn forward_errors_are_tensorflows() {
    let list = |v: &[i64]| AttrValue::from(v);
    let pads = |v: &[i64]| {
        vec![
            ("padding", AttrValue::from("EXPLICIT")),
            ("explicit_paddings", AttrValue::from(v)),
        ]
    };
    let image: &[usize] = &[1, 4, 4, 3];
    let filter: &[usize] = &[3, 3, 3, 2];
    let cases: Vec<(&[usize], &[usize], Vec<(&str, AttrValue)>, Code, &str)> = vec![
        (
            &[4, 4, 3],
            filter,
            vec![],
            Code::InvalidArgument,
            "convolution input must be 4-dimensional: [4,4,3]",
        ),
        (
            image,
            &[3, 3, 2],
            vec![],
            Code::InvalidArgument,
            "convolution filter must be 4-dimensional: [3,3,2]",
        ),
        (
            image,
            &[3, 3, 4, 2],
            vec![],
            Code::InvalidArgument,
            "input depth must be evenly divisible by filter depth: 3 vs 4",
        ),
        (
            image,
            &[3, 3, 0, 2],
            vec![],
            Code::InvalidArgument,
            "filter depth must be stricly positive, got 0",
        ),
        (
            image,
            &[0, 3, 3, 2],
            vec![],
            Code::InvalidArgument,
            "filter must not have zero elements",
        ),
        (
            &[1, 4, 4, 4],
            &[3, 3, 2, 3],
            vec![],
            Code::InvalidArgument,
            "output depth must be evenly divisible by number of groups: 3 vs 2",
        ),
        (
            image,
            &[7, 7, 3, 2],
            vec![("padding", "VALID".into())],
            Code::InvalidArgument,
            "Computed output size would be negative: -2 [input_size: 4, effective_filter_size: 7, stride: 1]",
        ),
        (
            image,
            filter,
            vec![("strides", list(&[1, 0, 1, 1]))],
            Code::InvalidArgument,
            "Row and column strides should be larger than 0.",
        ),
        (
            image,
            filter,
            vec![("strides", list(&[2, 1, 1, 1]))],
            Code::Unimplemented,
            "strides in the batch and depth dimensions.",
        ),
        (
            image,
            filter,
            vec![("strides", list(&[1, 1, 1]))],
            Code::InvalidArgument,
            "Sliding window strides field must specify 4 dimensions",
        ),
        (
            image,
            filter,
            vec![("dilations", list(&[1, 0, 1, 1]))],
            Code::InvalidArgument,
            "Dilated rates should be larger than 0.",
        ),
        (
            image,
            filter,
            vec![("dilations", list(&[1, 1]))],
            Code::InvalidArgument,
            "Sliding window dilations field must specify 4 dimensions",
        ),
        (
            image,
            filter,
            vec![("dilations", list(&[1, 1, 1, 2]))],
            Code::Unimplemented,
            "dilations in the batch and depth dimensions.",
        ),
        (
            image,
            filter,
            vec![("explicit_paddings", list(&[0, 0, 1, 1, 1, 1, 0, 0]))],
            Code::InvalidArgument,
            "explicit_paddings attribute must be empty",
        ),
        (
            image,
            filter,
            pads(&[0, 0, 1]),
            Code::InvalidArgument,
            "explicit_paddings attribute must contain 8 values, but got: 3",
        ),
        (
            image,
            filter,
            pads(&[0, 0, -1, 1, 1, 1, 0, 0]),
            Code::InvalidArgument,
            "All elements of explicit_paddings must be nonnegative",
        ),
        (
            image,
            filter,
            pads(&[1, 0, 1, 1, 1, 1, 0, 0]),
            Code::InvalidArgument,
            "Nonzero explicit padding in the batch or depth",
        ),
        (
            image,
            filter,
            pads(&[0, 0, i64::MAX, 1, 1, 1, 0, 0]),
            Code::InvalidArgument,
            "out of range for an int32",
        ),
        (
            image,
            filter,
            pads(&[0, 0, 1 << 30, 1 << 30, 1, 1, 0, 0]),
            Code::ResourceExhausted,
            "OOM",
        ),
    ];
    for (x, f, changes, code, words) in cases {
        let e = fails("Conv2D", [zeros(x), zeros(f), zeros(&[])], 2, &changes);
        assert_eq!(e.code(), code, "{e}");
        assert!(e.message().contains(words), "{e}");
    }
}

#[test]
fn backward_errors_are_tensorflows() {
    let (filter, grad) = (&[3, 3, 3, 2][..], &[1, 4, 4, 2][..]);
    let input_cases: &[(&[i32], &[usize], &[usize], &str)] = &[
        (
            &[1, 4, 4],
            filter,
            grad,
            "requires input_sizes to contain 4 values or 2 values, but got: 3",
        ),
        (&[1, -4, 4, 3], filter, grad, "Dimension -4 must be >= 0"),
        (
            &[1, 4, 4, 3],
            filter,
            &[1, 3, 4, 2],
            "Conv2DCustomBackpropInput: Size of out_backprop doesn't match computed: actual = 3, computed = 4 spatial_dim: 1 input: 4 filter: 3 output: 3 stride: 1 dilation: 1",
        ),
        (
            &[1, 4, 4, 4],
            filter,
            grad,
            "Conv2DCustomBackpropInput: input depth must be evenly divisible by filter depth",
        ),
        (
            &[2, 4, 4, 3],
            filter,
            grad,
            "must have the same batch size. Input batch: 2, outbackprop batch: 1, batch_dim: 0",
        ),
        (
            &[1, 4, 4, 3],
            filter,
            &[0, 0, 0, 0],
            "must have the same batch size",
        ),
        (
            &[1, 4, 4, 3],
            &[3, 3, 0, 2],
            grad,
            "filter depth must be strictly greated than zero",
        ),
        (
            &[1, 4, 4, 3],
            &[3, 3, 3],
            grad,
            "filter must be 4-dimensional",
        ),
        (
            &[1, 4, 4, 3],
            filter,
            &[1, 4, 4, 5],
            "must have the same out_depth",
        ),
        (
            &[65534, 65534],
            filter,
            grad,
            "Size of out_backprop doesn't match computed",
        ),
    ];
    for (sizes, f, g, words) in input_cases {
        let e = fails(
            "Conv2DBackpropInput",
            [ints(sizes), zeros(f), zeros(g)],
            3,
            &[],
        );
        assert_eq!(e.code(), Code::InvalidArgument, "{e}");
        assert!(e.message().contains(words), "{e}");
    }
    let image = &[1, 4, 4, 3][..];
    let filter_cases: &[(&[usize], &[i32], &[usize], &str)] = &[
        (
            image,
            &[3, 3, 3],
            grad,
            "Conv2DCustomBackpropFilter: filter must be 4-dimensional",
        ),
        (image, &[3, 3, -3, 2], grad, "Dimension -3 must be >= 0"),
        (image, &[3, 3, 3, 5], grad, "must have the same out_depth"),
        (
            image,
            &[3, 3, 2, 2],
            grad,
            "input depth must be evenly divisible by filter depth",
        ),
        (
            image,
            &[3, 3, 0, 2],
            grad,
            "filter depth must be strictly greated than zero",
        ),
        (
            image,
            &[3, 3, 3, 2],
            &[1, 3, 4, 2],
            "Conv2DCustomBackpropFilter: Size of out_backprop doesn't match computed: actual = 3, computed = 4",
        ),
        (
            &[4, 4, 3],
            &[3, 3, 3, 2],
            grad,
            "input must be 4-dimensional",
        ),
        (
            image,
            &[3, 3, 3, 2],
            &[4, 4, 2],
            "out_backprop must be 4-dimensional",
        ),
    ];
    for (x, sizes, g, words) in filter_cases {
        let e = fails(
            "Conv2DBackpropFilter",
            [zeros(x), ints(sizes), zeros(g)],
            3,
            &[],
        );
        assert_eq!(e.code(), Code::InvalidArgument, "{e}");
        assert!(e.message().contains(words), "{e}");
    }
}

#[test]
fn empty_operands_give_empty_or_zero_results() {
    let run = |op: &str, args: Vec<Tensor>, changes: &[(&str, AttrValue)]| {
        let args = args.into_iter().map(|t| vec![t]).collect();
        let out = run_op(&Registry::builtin(), op, args, attrs(changes)).unwrap();
        assert!(out[0].data::<f32>().unwrap().iter().all(|v| *v == 0.0));
        out[0].shape().to_string()
    };
    let f = || zeros(&[3, 3, 3, 2]);
    assert_eq!(
        run("Conv2D", vec![zeros(&[0, 4, 4, 3]), f()], &[]),
        "[0,4,4,2]"
    );
    assert_eq!(
        run("Conv2D", vec![zeros(&[1, 4, 4, 0]), f()], &[]),
        "[1,4,4,2]"
    );
    assert_eq!(
        run(
            "Conv2D",
            vec![zeros(&[1, 4, 4, 3]), zeros(&[3, 3, 3, 0])],
            &[]
        ),
        "[1,4,4,0]"
    );
    let explicit = [
        ("padding", AttrValue::from("EXPLICIT")),
        (
            "explicit_paddings",
            AttrValue::from([0i64, 0, 1, 1, 1, 1, 0, 0]),
        ),
    ];
    let one = zeros(&[1, 1, 1, 1]);
    assert_eq!(
        run("Conv2D", vec![zeros(&[1, 0, 2, 1]), one], &explicit),
        "[1,2,4,1]"
    );
    let input = |sizes: &[i32], f: Tensor, g: &[usize]| {
        run("Conv2DBackpropInput", vec![ints(sizes), f, zeros(g)], &[])
    };
    assert_eq!(
        input(&[1, 4, 4, 3], zeros(&[0, 3, 3, 2]), &[1, 4, 4, 2]),
        "[1,4,4,3]"
    );
    assert_eq!(
        input(&[1, 4, 4, 3], zeros(&[3, 3, 3, 0]), &[1, 4, 4, 0]),
        "[1,4,4,3]"
    );
    assert_eq!(input(&[0, 4, 4, 3], f(), &[0, 4, 4, 2]), "[0,4,4,3]");
    assert_eq!(input(&[4, 4], f(), &[2, 4, 4, 2]), "[2,4,4,3]");
    let filter = |x: &[usize], sizes: &[i32], g: &[usize]| {
        run(
            "Conv2DBackpropFilter",
            vec![zeros(x), ints(sizes), zeros(g)],
            &[],
        )
    };
    assert_eq!(
        filter(&[0, 4, 4, 3], &[3, 3, 3, 2], &[0, 4, 4, 2]),
        "[3,3,3,2]"
    );
    assert_eq!(
        filter(&[0, 0, 1, 1], &[1, 1, 1, 1], &[0, 0, 1, 1]),
        "[1,1,1,1]"
    );
    assert_eq!(
        filter(&[1, 4, 4, 3], &[3, 3, 3, 0], &[1, 4, 4, 0]),
        "[3,3,3,0]"
    );
}

#[test]
fn shapes_are_inferred_as_far_as_known() {
    let g = Graph::new();
    let s = g.root();
    let x = g.placeholder("x", DType::F32, [None, Some(7), None, Some(6)]);
    let w = g.placeholder("w", DType::F32, [Some(3), None, Some(3), Some(8)]);
    let shape = |y: crate::Output<'_>| y.shape().to_string();
    assert_eq!(shape(s.conv2d(x, w, &ConvAttrs::same(2))), "[?,4,?,8]");
    assert_eq!(shape(s.conv2d(x, w, &ConvAttrs::valid(2))), "[?,3,?,8]");
    let dy = g.placeholder("dy", DType::F32, [Some(5), None, None, None]);
    let attrs = ConvAttrs::same(1);
    assert_eq!(
        shape(s.conv2d_backprop_input(ints(&[5, 7, 9, 6]), w, dy, &attrs)),
        "[5,7,9,6]"
    );
    assert_eq!(
        shape(s.conv2d_backprop_input(ints(&[7, 9]), w, dy, &attrs)),
        "[5,7,9,3]"
    );
    assert_eq!(
        shape(s.conv2d_backprop_filter(x, ints(&[3, 2, 3, 8]), dy, &attrs)),
        "[3,2,3,8]"
    );
    g.check().unwrap();
    let bad = g.placeholder("bad", DType::F32, [3, 3, 4, 8]);
    s.conv2d(x, bad, &ConvAttrs::same(2));
    let e = g.check().unwrap_err();
    assert!(
        e.message()
            .contains("not a multiple of input depth of filter (4)"),
        "{e}"
    );
}

/// The derivative of `f` in the direction `d`, by differences, against `gradient . d`.
#[test]
fn second_derivatives_agree_with_differences() {
    let g = Graph::new();
    let s = g.root();
    let attrs = ConvAttrs {
        strides: [2, 1],
        ..ConvAttrs::same(1)
    };
    let x = g.placeholder("x", DType::F64, [2, 5, 4, 2]);
    let w = g.placeholder("w", DType::F64, [3, 2, 2, 3]);
    let v = g.placeholder("v", DType::F64, [2, 3, 4, 3]);
    let y = s.conv2d(x, w, &attrs);
    let seeded = crate::GradientOptions {
        grad_ys: vec![Some(v)],
        ..Default::default()
    };
    let first = s.gradients(&[y], &[x, w], &seeded).unwrap();
    let [Some(Gradient::Dense(dx)), Some(Gradient::Dense(dw))] = first[..] else {
        panic!("no gradient")
    };
    let numbers = |n: usize, seed: f64| -> Vec<f64> {
        (0..n).map(|i| ((i as f64 + seed) * 1.7).sin()).collect()
    };
    let at = |t: f64| {
        let value = |dims: &[usize], seed: f64| {
            let n = dims.iter().product();
            let moved = numbers(n, seed)
                .iter()
                .zip(numbers(n, seed + 50.0))
                .map(|(a, b)| a + t * b)
                .collect();
            Tensor::from_vec::<f64>(dims, moved).unwrap()
        };
        vec![
            (x, value(&[2, 5, 4, 2], 1.0)),
            (w, value(&[3, 2, 2, 3], 2.0)),
            (v, value(&[2, 3, 4, 3], 3.0)),
        ]
    };
    let session = Session::new(&g).unwrap();
    for first in [dx, dw] {
        let n = first.shape().elements().unwrap();
        let seed = numbers(n, 9.0);
        let u = s.constant(
            Tensor::from_vec(first.shape().to_shape().unwrap().dims(), seed.clone()).unwrap(),
        );
        let options = crate::GradientOptions {
            grad_ys: vec![Some(u)],
            ..Default::default()
        };
        let second = s.gradients(&[first], &[x, w, v], &options).unwrap();
        let project = |t: f64| -> f64 {
            let [out] = &session.run(at(t), [first], ()).unwrap()[..] else {
                panic!()
            };
            out.data::<f64>()
                .unwrap()
                .iter()
                .zip(&seed)
                .map(|(a, b)| a * b)
                .sum()
        };
        let by_differences = (project(1e-4) - project(-1e-4)) / 2e-4;
        let mut by_gradients = 0.0;
        for (i, d) in second.iter().enumerate() {
            let Some(Gradient::Dense(d)) = d else {
                continue;
            };
            let [out] = &session.run(at(0.0), [*d], ()).unwrap()[..] else {
                panic!()
            };
            let out = out.data::<f64>().unwrap();
            let direction = numbers(out.len(), i as f64 + 51.0);
            by_gradients += out.iter().zip(direction).map(|(a, b)| a * b).sum::<f64>();
        }
        assert!(
            (by_differences - by_gradients).abs() < 1e-6,
            "{by_differences} {by_gradients}"
        );
    }
}
