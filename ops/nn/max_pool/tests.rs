//! Max pooling: ties, NaN, places, threads, errors.

use super::cpu::{max_pool, max_pool_grad, max_pool_grad_grad, max_pool_with_argmax};
use crate::ops::nn::pool_attrs::PoolAttrs;
use crate::ops::nn::window::DataFormat;
use crate::runtime::run_op;
use crate::{AttrValue, Attrs, Code, DType, Graph, Registry, Shape, Tensor, ThreadPool};

const NAN: f32 = f32::NAN;

fn attrs(ksize: [i64; 4], strides: [i64; 4], padding: &str) -> Attrs {
    let mut a = Attrs::default();
    a.0.insert("ksize".into(), ksize.into());
    a.0.insert("strides".into(), strides.into());
    a.0.insert("padding".into(), padding.into());
    a
}

fn run(op: &str, inputs: Vec<Tensor>, attrs: Attrs) -> crate::Result<Vec<Tensor>> {
    let args = inputs.into_iter().map(|t| vec![t]).collect();
    run_op(&Registry::builtin(), op, args, attrs)
}

fn row(v: &[f32]) -> Tensor {
    Tensor::from_vec(&[1, 1, v.len(), 1], v.to_vec()).unwrap()
}

fn zeros(dims: &[usize]) -> Tensor {
    Tensor::zeros(DType::F32, Shape::of(dims).unwrap()).unwrap()
}

/// Values that repeat often, so that maxima tie.
fn few(n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * i * 7 + i) % 5) as f32 - 2.0).collect()
}

#[test]
fn the_first_maximum_wins_and_nan_is_skipped_going_forward() {
    let pairs = || attrs([1, 1, 2, 1], [1, 1, 2, 1], "VALID");
    let x = || row(&[NAN, 1.0, 1.0, NAN, 2.0, 2.0, NAN, NAN]);
    let y = run("MaxPool", vec![x()], pairs()).unwrap().remove(0);
    assert_eq!(y.data::<f32>().unwrap(), &[1.0, 1.0, 2.0, f32::MIN]);
    let g = row(&[1.0, 2.0, 3.0, 4.0]);
    let dx = run("MaxPoolGrad", vec![x(), y, g], pairs())
        .unwrap()
        .remove(0);
    // Where NaN comes first, it stays the maximum that the gradient goes to.
    let want = [1.0, 0.0, 2.0, 0.0, 3.0, 0.0, 4.0, 0.0];
    assert_eq!(dx.data::<f32>().unwrap(), &want);
    let both = run("MaxPoolWithArgmax", vec![x()], pairs()).unwrap();
    assert_eq!(both[1].data::<i64>().unwrap(), &[0, 2, 4, 6]);
    assert!(both[0].data::<f32>().unwrap()[0].is_nan());
}

#[test]
fn channels_are_pooled_alone() {
    let x = Tensor::from_vec(
        &[1, 1, 2, 4],
        vec![1.0f32, 3.0, NAN, 2.0, 5.0, 4.0, 0.0, NAN],
    )
    .unwrap();
    let deep = || attrs([1, 1, 1, 2], [1, 1, 1, 2], "SAME");
    let y = run("MaxPool", vec![x], deep()).unwrap().remove(0);
    let y = y.data::<f32>().unwrap();
    assert_eq!((y[0], y[2], y[3]), (3.0, 5.0, 0.0));
    assert!(y[1].is_nan());
    let e = run("MaxPool", vec![zeros(&[1, 4, 4, 3])], deep()).unwrap_err();
    assert_eq!(e.code(), Code::Unimplemented);
    let both = attrs([1, 2, 2, 2], [1, 1, 1, 2], "SAME");
    let e = run("MaxPool", vec![zeros(&[1, 4, 4, 4])], both).unwrap_err();
    assert!(
        e.message().contains("exactly one of pooling across depth"),
        "{e}"
    );
}

#[test]
fn all_passes_agree_with_the_definition_for_any_number_of_threads() {
    for (sizes, window, stride) in [
        ([3, 7, 9, 5], 3, 2),
        ([1, 12, 5, 130], 2, 3),
        ([2, 4, 4, 64], 5, 1),
        ([4, 1, 1, 1], 3, 2),
    ] {
        for padding in ["SAME", "VALID"] {
            let a = PoolAttrs::of(&attrs(
                [1, window, window, 1],
                [1, stride, stride, 1],
                padding,
            ))
            .unwrap();
            let Ok(g) = a.geometry(&Shape::of(&sizes).unwrap()) else {
                continue;
            };
            let [n, h, w, c] = sizes;
            let [_, oh, ow, _] = g.output();
            let x = few(n * h * w * c);
            let dy: Vec<f32> = (0..n * oh * ow * c).map(|i| i as f32 + 1.0).collect();
            let mut y = vec![f32::MIN; dy.len()];
            let mut place = vec![usize::MAX; dy.len()];
            let mut dx = vec![0.0; x.len()];
            for o in 0..dy.len() {
                let (k, j, i, b) = (o % c, o / c % ow, o / (c * ow) % oh, o / (c * ow * oh));
                let (y0, y1) = g.spatial[0].cells(i);
                let (x0, x1) = g.spatial[1].cells(j);
                for p in y0..y1 {
                    for q in x0..x1 {
                        let at = ((b * h + p) * w + q) * c + k;
                        if x[at] > y[o] {
                            y[o] = x[at];
                            place[o] = at;
                        }
                    }
                }
                if place[o] != usize::MAX {
                    dx[place[o]] += dy[o];
                }
            }
            let back: Vec<f32> = (0..x.len()).map(|i| i as f32).collect();
            for threads in [1, 2, 3] {
                let pool = ThreadPool::new(threads);
                let mut got = vec![NAN; y.len()];
                max_pool(&pool, &g, &x, &mut got);
                assert_eq!(got, y);
                let mut got = vec![NAN; x.len()];
                max_pool_grad(&pool, &g, &x, &dy, &mut got);
                assert_eq!(got, dx);
                let (mut got, mut places) = (vec![NAN; y.len()], vec![0; y.len()]);
                max_pool_with_argmax(&pool, &g, true, &x, &mut got, &mut places);
                assert_eq!(got, y);
                assert!(places.iter().zip(&place).all(|(a, b)| *a as usize == *b));
                max_pool_grad_grad(&pool, &g, &x, &y, &back, &mut got);
                assert!(got.iter().zip(&place).all(|(a, b)| *a == back[*b]));
            }
        }
    }
}

#[test]
fn nchw_is_nhwc_transposed() {
    let (n, c, h, w) = (2, 3, 5, 4);
    let x = few(n * c * h * w);
    let turned: Vec<f32> = (0..x.len())
        .map(|i| {
            let (k, q, p, b) = (i % c, i / c % w, i / (c * w) % h, i / (c * w * h));
            x[((b * c + k) * h + p) * w + q]
        })
        .collect();
    let nhwc = Tensor::from_vec(&[n, h, w, c], turned).unwrap();
    let nchw = Tensor::from_vec(&[n, c, h, w], x).unwrap();
    let a = attrs([1, 3, 2, 1], [1, 2, 1, 1], "SAME");
    let want = run("MaxPool", vec![nhwc], a).unwrap().remove(0);
    let mut a = attrs([1, 1, 3, 2], [1, 1, 2, 1], "SAME");
    a.0.insert("data_format".into(), "NCHW".into());
    let got = run("MaxPool", vec![nchw], a).unwrap().remove(0);
    assert_eq!(got.shape().to_string(), "[2,3,3,4]");
    let (want, got) = (want.data::<f32>().unwrap(), got.data::<f32>().unwrap());
    for (i, v) in want.iter().enumerate() {
        let (k, q, p, b) = (i % c, i / c % 4, i / (c * 4) % 3, i / (c * 4 * 3));
        assert_eq!(*v, got[((b * c + k) * 3 + p) * 4 + q]);
    }
}

#[test]
fn bad_windows_and_sizes_are_errors() {
    let s = [1, 2, 2, 1];
    let image = || zeros(&[1, 4, 4, 3]);
    for (k, st, code, words) in [
        (
            [1, 0, 2, 1],
            s,
            Code::InvalidArgument,
            "Sliding window ksize must be positive. The specified or inferred ksize is: 1,0,2,1",
        ),
        (
            s,
            [1, 0, 2, 1],
            Code::InvalidArgument,
            "Stride must be > 0, but got 0",
        ),
        (
            [2, 2, 2, 1],
            s,
            Code::Unimplemented,
            "Pooling is not yet supported on the batch dimension.",
        ),
        (
            [1, 1 << 31, 2, 1],
            s,
            Code::InvalidArgument,
            "out of range for an int32",
        ),
    ] {
        let e = run("MaxPool", vec![image()], attrs(k, st, "SAME")).unwrap_err();
        assert_eq!(e.code(), code);
        assert!(e.message().contains(words), "{e}");
    }
    let e = run("MaxPool", vec![image()], attrs([1, 9, 9, 1], s, "VALID")).unwrap_err();
    assert!(
        e.message()
            .contains("Computed output size would be negative"),
        "{e}"
    );
    let mut pads = attrs(s, s, "EXPLICIT");
    pads.0.insert(
        "explicit_paddings".into(),
        AttrValue::from([0i64, 0, 3, 1, 1, 1, 0, 0]),
    );
    let e = run("MaxPool", vec![image()], pads).unwrap_err();
    assert_eq!(
        e.message(),
        "Top padding 3 needs to be smaller than the window size 2"
    );
    let out = || zeros(&[1, 2, 2, 3]);
    for (x, y, g, words) in [
        (
            image(),
            zeros(&[1, 3, 2, 3]),
            out(),
            "Expected orig_output shape to be [1,2,2,3], but got [1,3,2,3]",
        ),
        (
            image(),
            out(),
            zeros(&[1, 1, 2, 3]),
            "Expected grad shape to be [1,2,2,3], but got [1,1,2,3]",
        ),
        (
            image(),
            out(),
            zeros(&[0, 0, 0, 0]),
            "Expected grad shape to be [1,2,2,3], but got [0,0,0,0]",
        ),
        (
            zeros(&[4, 4, 3]),
            out(),
            out(),
            "tensor_in must be 4-dimensional",
        ),
    ] {
        let e = run("MaxPoolGrad", vec![x, y, g], attrs(s, s, "SAME")).unwrap_err();
        assert!(e.message().contains(words), "{e}");
    }
    for (x, y, g, words) in [
        (
            image(),
            out(),
            out(),
            "Expected grad shape to be [1,4,4,3], but got [1,2,2,3]",
        ),
        (
            image(),
            zeros(&[2, 2, 3]),
            image(),
            "tensor_out must be 4-dimensional",
        ),
    ] {
        let e = run("MaxPoolGradGrad", vec![x, y, g], attrs(s, s, "SAME")).unwrap_err();
        assert!(e.message().contains(words), "{e}");
    }
}

#[test]
fn places_are_checked() {
    let s = [1, 2, 2, 1];
    let grad = |sizes: &[usize], places: &[i64], with_batch: bool| {
        let n = sizes[0];
        let mut a = attrs(s, s, "SAME");
        a.0.insert("include_batch_in_index".into(), with_batch.into());
        let shape = [n, places.len() / n.max(1), 1, 1];
        let ones = Tensor::from_vec(&shape, vec![1.0f32; places.len()]).unwrap();
        let places = Tensor::from_vec(&shape, places.to_vec()).unwrap();
        run("MaxPoolGradWithArgmax", vec![zeros(sizes), ones, places], a)
    };
    let values = |r: crate::Result<Vec<Tensor>>| r.unwrap()[0].data::<f32>().unwrap().to_vec();
    let two = [2, 2, 2, 1];
    let want = [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0];
    assert_eq!(values(grad(&two, &[1, 2], false)), want);
    assert_eq!(values(grad(&two, &[1, 6], true)), want);
    assert_eq!(values(grad(&[1, 4, 2, 1], &[3, 3], false))[3], 2.0);
    for bad in [[1, 6], [-1, 0], [i64::MIN, 0], [i64::MAX, 0]] {
        assert_eq!(
            grad(&two, &bad, false).unwrap_err().code(),
            Code::InvalidArgument
        );
    }
    let e = run(
        "MaxPoolWithArgmax",
        vec![zeros(&[0, 4, 4, 1])],
        attrs(s, s, "SAME"),
    )
    .unwrap_err();
    assert_eq!(e.message(), "tensor_in must not be empty (2)");
}

#[test]
fn gradients_chain_through_the_pooling_ops() {
    let g = Graph::new();
    let x = g.placeholder("x", DType::F32, [2, 4, 4, 3]);
    let a = PoolAttrs::valid(2, 2);
    let y = x.max_pool(&a);
    let dx = g.gradients(&[y], &[x]).unwrap()[0].unwrap().dense(g.root());
    assert_eq!(
        (dx.node().op(), dx.shape().to_string()),
        ("MaxPoolGrad".into(), "[2,4,4,3]".into())
    );
    let dy = dx.node().input(2);
    let second = g.gradients(&[dx], &[dy]).unwrap()[0]
        .unwrap()
        .dense(g.root());
    assert_eq!(
        (second.node().op(), second.shape()),
        ("MaxPoolGradGrad".into(), y.shape())
    );
    assert_eq!(a.format, DataFormat::Nhwc);
    let both = g.root().max_pool_with_argmax(x, &a);
    let dx = g.gradients(&[both.output(0)], &[x]).unwrap()[0]
        .unwrap()
        .dense(g.root());
    assert_eq!(dx.node().op(), "MaxPoolGradWithArgmax");
}
