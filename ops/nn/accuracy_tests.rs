//! How near the sums of the heavy kernels come to sums in double precision: about as near as TensorFlow's, or nearer.

use super::conv_attrs::ConvAttrs;
use super::conv_geometry::ConvGeometry;
use super::conv_tests::{Draw, products};
use super::conv2d::cpu::conv2d;
use super::conv2d_backprop_filter::cpu::conv2d_backprop_filter;
use super::conv2d_backprop_input::cpu::conv2d_backprop_input;
use super::direct_conv::Finish;
use super::window::DataFormat;
use crate::device::cpu::gemm::{Matrix, Sizes, Write, gemm};
use crate::ops::testing::run;
use crate::{Tensor, ThreadPool};

/// The root of the mean square of the errors over that of the values, in units of 2^-24 (the most that rounding to
/// float changes, relatively).
fn error(got: &[f32], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    let square = |(x, y): (&f32, &f64)| (f64::from(*x) - y).powi(2);
    let errors: f64 = got.iter().zip(want).map(square).sum();
    let values: f64 = want.iter().map(|y| y * y).sum();
    (errors / values).sqrt() * (1u64 << 24) as f64
}

fn floats(n: usize) -> Vec<f32> {
    let mut draw = Draw(n as u64);
    draw.floats(n).into_iter().map(|v| v as f32).collect()
}

fn product(a: f32, b: f32) -> f64 {
    f64::from(a) * f64::from(b)
}

/// TensorFlow 2.19: 5.5.
#[test]
fn long_matrix_products() {
    let s = Sizes {
        m: 16,
        n: 32,
        k: 2304,
    };
    let (a, b) = (floats(s.m * s.k), floats(s.k * s.n));
    let mut got = vec![0.0f32; s.m * s.n];
    let (left, right) = (Matrix::new(&a, s.k, false), Matrix::new(&b, s.n, false));
    gemm(
        &ThreadPool::new(2),
        s,
        left,
        right,
        &mut got,
        Write::Replace,
    )
    .unwrap();
    let sum = |i: usize| {
        let (row, col) = (i / s.n, i % s.n);
        (0..s.k)
            .map(|k| product(a[row * s.k + k], b[k * s.n + col]))
            .sum()
    };
    let want: Vec<f64> = (0..got.len()).map(sum).collect();
    let e = error(&got, &want);
    assert!(e < 5.0, "{e}");
}

/// The errors of the three passes of a convolution that keeps the size of its images.
fn convolution_errors(input: [usize; 4], filter: [usize; 4]) -> [f64; 3] {
    let pool = ThreadPool::new(2);
    let attrs = ConvAttrs::new(&[1; 4], &[1; 4], "SAME", &[], "NHWC").unwrap();
    let g = ConvGeometry::new(&attrs, input, filter).unwrap();
    let size = |v: [usize; 4]| v.iter().product::<usize>();
    let (x, f, d) = (
        floats(size(input)),
        floats(size(filter)),
        floats(size(g.output())),
    );
    let nhwc = DataFormat::Nhwc;
    let mut got = [&d, &x, &f].map(|v| vec![0.0f32; v.len()]);
    let [y, dx, df] = &mut got;
    conv2d(&pool, &g, nhwc, &x, &f, y, Finish::NONE).unwrap();
    conv2d_backprop_input(&pool, &g, nhwc, &f, &d, dx).unwrap();
    conv2d_backprop_filter(&pool, &g, nhwc, &x, &d, df).unwrap();
    let mut want = [&d, &x, &f].map(|v| vec![0.0f64; v.len()]);
    products(&g, |i, k, o| {
        want[0][o] += product(x[i], f[k]);
        want[1][i] += product(d[o], f[k]);
        want[2][k] += product(d[o], x[i]);
    });
    [0, 1, 2].map(|i| error(&got[i], &want[i]))
}

/// TensorFlow 2.19: 4.7 for 64 channels in; 2.8 back from 64 channels, where it sums each tap by itself; 4.9 for the
/// filter.
#[test]
fn convolutions_and_their_gradients() {
    let [forward, ..] = convolution_errors([1, 12, 12, 64], [5, 5, 64, 16]);
    let [_, back, _] = convolution_errors([1, 12, 12, 16], [5, 5, 16, 64]);
    let [.., filter] = convolution_errors([32, 12, 12, 4], [5, 5, 4, 8]);
    let [.., large] = convolution_errors([8, 24, 24, 3], [5, 5, 3, 8]);
    assert!(forward < 4.0 && back < 4.0, "{forward} {back}");
    assert!(filter < 4.5 && large < 4.5, "{filter} {large}");
}

/// TensorFlow 2.19: 1.9 for 128 rows, 2.6 for rows of 1728, 42 for the gradient of a bias.
#[test]
fn sums_over_either_side() {
    let sums = |op: &str, dims: [usize; 2], axis: Option<i32>| {
        let values = floats(dims[0] * dims[1]);
        let x = Tensor::from_vec(&dims, values.clone()).unwrap();
        let axes = axis.map(|a| Tensor::from(vec![a]));
        let args: Vec<Tensor> = std::iter::once(x).chain(axes).collect();
        let got = run(op, &args, &[]).unwrap();
        let mut want = vec![0.0f64; if axis == Some(1) { dims[0] } else { dims[1] }];
        for (i, v) in values.iter().enumerate() {
            let at = if axis == Some(1) {
                i / dims[1]
            } else {
                i % dims[1]
            };
            want[at] += f64::from(*v);
        }
        error(got[0].data::<f32>().unwrap(), &want)
    };
    let columns = sums("Sum", [128, 384], Some(0));
    let rows = sums("Sum", [384, 1728], Some(1));
    let bias = sums("BiasAddGrad", [128 * 144, 64], None);
    assert!(columns < 1.9, "{columns}");
    assert!(rows < 2.8, "{rows}");
    assert!(bias < 10.0, "{bias}");
}
