//! Average pooling against the definition, for any number of threads.

use super::cpu::{avg_pool, avg_pool_grad};
use crate::ops::nn::pool_attrs::PoolAttrs;
use crate::runtime::run_op;
use crate::{Attrs, Code, DType, Gradient, Graph, Registry, Shape, Tensor, ThreadPool};

fn wave(n: usize) -> Vec<f64> {
    (0..n).map(|i| (i as f64 * 0.7).sin()).collect()
}

#[test]
fn means_and_their_gradients_follow_the_definition() {
    for ([n, h, w, c], window, stride) in [
        ([3, 7, 9, 5], 3, 2),
        ([1, 12, 5, 130], 2, 3),
        ([2, 4, 4, 8], 5, 1),
        ([4, 1, 1, 1], 3, 2),
    ] {
        for attrs in [
            PoolAttrs::same(window, stride),
            PoolAttrs::valid(window, stride),
        ] {
            let Ok(g) = attrs.geometry(&Shape::of(&[n, h, w, c]).unwrap()) else {
                continue;
            };
            let [_, oh, ow, _] = g.output();
            let (x, dy) = (wave(n * h * w * c), wave(n * oh * ow * c));
            let (mut y, mut dx) = (vec![0.0; dy.len()], vec![0.0; x.len()]);
            for o in 0..dy.len() {
                let (k, j, i, b) = (o % c, o / c % ow, o / (c * ow) % oh, o / (c * ow * oh));
                let (y0, y1) = g.spatial[0].cells(i);
                let (x0, x1) = g.spatial[1].cells(j);
                let count = ((y1 - y0) * (x1 - x0)) as f64;
                for p in y0..y1 {
                    for q in x0..x1 {
                        let at = ((b * h + p) * w + q) * c + k;
                        y[o] += x[at] / count;
                        dx[at] += dy[o] / count;
                    }
                }
            }
            let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
            let mut bits = Vec::new();
            for threads in [1, 2, 3] {
                let pool = ThreadPool::new(threads);
                let mut got = vec![f64::NAN; y.len()];
                avg_pool(&pool, &g, &x, &mut got);
                assert!(close(&got, &y));
                let mut back = vec![f64::NAN; x.len()];
                avg_pool_grad(&pool, &g, &dy, &mut back);
                assert!(close(&back, &dx));
                bits.push((got, back));
            }
            assert!(bits[0] == bits[1] && bits[0] == bits[2]);
        }
    }
}

#[test]
fn gradients_check_their_sizes() {
    let run = |sizes: &[i32], grad: &[usize], ksize: [i64; 4]| {
        let mut a = Attrs::default();
        a.0.insert("ksize".into(), ksize.into());
        a.0.insert("strides".into(), [1i64, 2, 2, 1].into());
        a.0.insert("padding".into(), "SAME".into());
        let sizes = Tensor::from_vec(&[sizes.len()], sizes.to_vec()).unwrap();
        let grad = Tensor::zeros(DType::F32, Shape::of(grad).unwrap()).unwrap();
        run_op(
            &Registry::builtin(),
            "AvgPoolGrad",
            vec![vec![sizes], vec![grad]],
            a,
        )
    };
    let k = [1, 2, 2, 1];
    assert_eq!(
        run(&[0, 4, 4, 3], &[0, 2, 2, 3], k).unwrap()[0].elements(),
        0
    );
    for (sizes, grad, words) in [
        (
            &[1, 4, 4][..],
            &[1, 2, 2, 3][..],
            "out_backprop must be 1-dimensional and 4 elements",
        ),
        (
            &[1, -4, 4, 3],
            &[1, 2, 2, 3],
            "Expected a non-negative size, got -4",
        ),
        (
            &[1, 4, 4, 3],
            &[1, 9, 2, 3],
            "index * stride must be less than or equal to input size",
        ),
        (
            &[1, 4, 4, 3],
            &[1, 1, 2, 3],
            "Expected grad shape to be [1,2,2,3], but got [1,1,2,3]",
        ),
        (
            &[1, 4, 4, 3],
            &[2, 2, 2, 3],
            "Expected grad shape to be [1,2,2,3], but got [2,2,2,3]",
        ),
        (&[1, 4, 4, 3], &[1, 2, 2, 2], "Expected grad shape to be"),
        (
            &[1, 4, 4, 3],
            &[2, 2, 3],
            "out_backprop must be 4-dimensional",
        ),
    ] {
        let e = run(sizes, grad, k).unwrap_err();
        assert_eq!(e.code(), Code::InvalidArgument);
        assert!(e.message().contains(words), "{e}");
    }
    assert_eq!(
        run(&[1, 4, 4, 4], &[1, 4, 4, 2], [1, 1, 1, 2])
            .unwrap_err()
            .code(),
        Code::Unimplemented
    );
}

#[test]
fn gradients_chain() {
    let g = Graph::new();
    let x = g.placeholder("x", DType::F32, [2, 5, 5, 3]);
    let y = x.avg_pool(&PoolAttrs::same(3, 2));
    let [Some(Gradient::Dense(dx))] = g.gradients(&[y], &[x]).unwrap()[..] else {
        panic!()
    };
    assert_eq!(
        (dx.node().op(), dx.shape()),
        ("AvgPoolGrad".into(), x.shape())
    );
    let dy = dx.node().input(1);
    let [Some(Gradient::Dense(second))] = g.gradients(&[dx], &[dy]).unwrap()[..] else {
        panic!()
    };
    assert_eq!(
        (second.node().op(), second.shape()),
        ("AvgPool".into(), y.shape())
    );
}
