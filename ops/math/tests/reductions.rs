//! Reductions over all kinds of axes against plain loops, their accuracy, and bad axes.

use super::{Noise, run};
use crate::device::cpu::ThreadPool;
use crate::kernel::{Env, Value};
use crate::resource::Resources;
use crate::runtime::SingleOp;
use crate::{AttrValue, Attrs, Code, DType, Registry, Tensor};
use half::f16;
use std::sync::Arc;

fn keep(keep: bool) -> [(&'static str, AttrValue); 1] {
    [("keep_dims", AttrValue::Bool(keep))]
}

fn axes(a: &[i32]) -> Tensor {
    Tensor::from(a)
}

/// The sums in f64 by index arithmetic.
fn plain(x: &Tensor, reduced: &[bool]) -> Vec<f64> {
    let dims = x.shape().dims();
    let total: usize = dims
        .iter()
        .zip(reduced)
        .filter(|(_, r)| !**r)
        .map(|(n, _)| n)
        .product();
    let mut out = vec![0.0; total];
    for (i, v) in x.data::<f32>().unwrap().iter().enumerate() {
        let (mut rest, mut position, mut stride) = (i, 0, 1);
        for k in (0..dims.len()).rev() {
            let index = rest % dims[k];
            rest /= dims[k];
            if !reduced[k] {
                position += index * stride;
                stride *= dims[k];
            }
        }
        out[position] += f64::from(*v);
    }
    out
}

#[test]
fn any_axes_agree_with_a_plain_loop() {
    let mut noise = Noise(5);
    let sizes = [1, 2, 3, 7, 31, 40, 130, 700];
    for round in 0..300 {
        let rank = noise.below(5);
        let mut dims: Vec<usize> = (0..rank).map(|_| sizes[noise.below(sizes.len())]).collect();
        while dims.iter().product::<usize>() > 300_000 {
            let i = noise.below(rank);
            dims[i] = 1;
        }
        let x = noise.tensor(&dims);
        let reduced: Vec<bool> = dims.iter().map(|_| noise.below(2) == 0).collect();
        let list: Vec<i32> = (0..rank as i32)
            .filter(|i| reduced[*i as usize])
            .map(|i| if round % 2 == 0 { i } else { i - rank as i32 })
            .collect();
        let want = plain(&x, &reduced);
        let sum = run("Sum", &[x.clone(), axes(&list)], &keep(false)).unwrap();
        let mean = run("Mean", &[x.clone(), axes(&list)], &keep(true)).unwrap();
        assert_eq!(mean.shape().rank(), rank);
        let count = (x.elements() / want.len().max(1)) as f64;
        for ((s, m), w) in sum
            .data::<f32>()
            .unwrap()
            .iter()
            .zip(mean.data::<f32>().unwrap())
            .zip(&want)
        {
            let tolerance = 1e-6 * count.sqrt().max(1.0);
            assert!(
                (f64::from(*s) - w).abs() < tolerance,
                "{dims:?} {list:?} {s} {w}"
            );
            assert!(
                (f64::from(*m) - w / count).abs() < 1e-6,
                "{dims:?} {list:?}"
            );
        }
    }
}

#[test]
fn large_sums_stay_accurate() {
    // Added up one after the other, ten million times 0.1 would give 1087937 in f32.
    let x = Tensor::from(vec![0.1f32; 10_000_000]);
    let sum = run("Sum", &[x.clone(), axes(&[0])], &keep(false)).unwrap();
    assert!((sum.to_scalar::<f32>().unwrap() - 1_000_000.0).abs() < 3.0);
    for dims in [[1_000_000usize, 10], [10, 1_000_000]] {
        let x = x.reshaped(crate::Shape::of(&dims).unwrap()).unwrap();
        for axis in [0, 1] {
            let sum = run("Sum", &[x.clone(), axes(&[axis])], &keep(false)).unwrap();
            let want = dims[axis as usize] as f32 / 10.0;
            let worst = sum
                .data::<f32>()
                .unwrap()
                .iter()
                .map(|v| (v / want - 1.0).abs());
            assert!(worst.fold(0.0, f32::max) < 5e-6, "{dims:?} {axis}");
        }
    }
    let halves = Tensor::from(vec![f16::from_f32(0.5); 4000]);
    let sum = run("Sum", &[halves, axes(&[0])], &keep(false)).unwrap();
    assert_eq!(sum.to_scalar::<f16>().unwrap(), f16::from_f32(2000.0));
}

/// What TensorFlow gives on any number of threads.
#[test]
fn rows_of_one_piece_have_the_bits_of_tensorflow() {
    for (n, sum, mean) in [
        (5, 0xc0000004u32, 0xbeccccd3u32),
        (75, 0x42d7fffd, 0x3fb851e9),
        (100, 0x42832494, 0x3f27dce6),
        (1728, 0xc2636df8, 0xbd06c5e8),
        (1736, 0x41b5b658, 0x3c565ec9),
        (4096, 0xc2524982, 0xbc524982),
    ] {
        let x: Vec<f32> = (0..n)
            .map(|i| (i * 7919 % 1009 - 504) as f32 / 7.0)
            .collect();
        let x = Tensor::from(x);
        for (op, bits) in [("Sum", sum), ("Mean", mean)] {
            let got = run(op, &[x.clone(), axes(&[0])], &keep(false)).unwrap();
            let got = got.to_scalar::<f32>().unwrap().to_bits();
            assert_eq!(got, bits, "{op} of {n}: {got:#x}");
        }
    }
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    let mut noise = Noise(9);
    for (dims, list) in [
        (vec![1_000_003], vec![0]),
        (vec![20_000, 64], vec![0]),
        (vec![64, 20_000], vec![1]),
        (vec![128, 24, 24, 64], vec![0, 1, 2]),
        (vec![100, 30, 20, 30], vec![1, 3]),
    ] {
        let x = noise.tensor(&dims);
        let results: Vec<Vec<f32>> = [1, 2, 5]
            .into_iter()
            .map(|threads| {
                let env = Arc::new(Env {
                    pool: ThreadPool::new(threads),
                    resources: Resources::new(),
                    device: "/device:CPU:0".into(),
                    gpu: None,
                });
                let types = [vec![DType::F32], vec![DType::I32]];
                let attrs = Attrs::default();
                let op = SingleOp::new(&Registry::builtin(), &env, "Sum", &types, attrs).unwrap();
                let args = vec![Value::Tensor(x.clone()), Value::Tensor(axes(&list))];
                let Value::Tensor(out) = &op.run(args).unwrap()[0] else {
                    panic!("a tensor")
                };
                out.data::<f32>().unwrap().to_vec()
            })
            .collect();
        assert_eq!(results[0], results[1]);
        assert_eq!(results[0], results[2]);
    }
}

#[test]
fn other_reductions() {
    let x = Tensor::from([[1.0f32, -2.0, 3.0], [f32::NAN, 5.0, -6.0]]);
    let get = |op: &str, list: &[i32]| {
        let out = run(op, &[x.clone(), axes(list)], &keep(false)).unwrap();
        out.data::<f32>().unwrap().to_vec()
    };
    let max = get("Max", &[0]);
    assert!(max[0].is_nan() && max[1..] == [5.0, 3.0]);
    let min = get("Min", &[1]);
    assert!(min[0] == -2.0 && min[1].is_nan());
    assert_eq!(get("Prod", &[0])[1..], [-10.0, -18.0]);
    assert_eq!(get("Sum", &[])[1], -2.0);
    let b = Tensor::from([[true, false], [true, true]]);
    let all = run("All", &[b.clone(), axes(&[0])], &keep(false)).unwrap();
    assert_eq!(all.data::<bool>().unwrap(), &[true, false]);
    let any = run("Any", &[b, axes(&[1])], &keep(true)).unwrap();
    assert_eq!(
        (any.shape().dims(), any.data::<bool>().unwrap()),
        (&[2, 1][..], &[true, true][..])
    );
}

#[test]
fn integers_wrap_in_sums_but_not_in_means() {
    let x = Tensor::from([i32::MAX, i32::MAX, 1]);
    let sum = run("Sum", &[x.clone(), axes(&[0])], &keep(false)).unwrap();
    assert_eq!(sum.to_scalar::<i32>().unwrap(), -1);
    let mean = run("Mean", &[x, axes(&[0])], &keep(false)).unwrap();
    assert_eq!(mean.to_scalar::<i32>().unwrap(), 1431655765);
    let mean = run(
        "Mean",
        &[Tensor::from([-128i8, -128, 1]), axes(&[0])],
        &keep(false),
    )
    .unwrap();
    assert_eq!(mean.to_scalar::<i8>().unwrap(), -85);
}

#[test]
fn nothing_to_reduce() {
    let none = Tensor::from_vec(&[0, 2], Vec::<f32>::new()).unwrap();
    let get = |op: &str| {
        let out = run(op, &[none.clone(), axes(&[0])], &keep(false)).unwrap();
        out.data::<f32>().unwrap()[0]
    };
    assert_eq!((get("Sum"), get("Prod")), (0.0, 1.0));
    assert_eq!((get("Max"), get("Min")), (f32::NEG_INFINITY, f32::INFINITY));
    assert!(get("Mean").is_nan());
    let out = run("Mean", &[none.clone(), axes(&[1])], &keep(false)).unwrap();
    assert_eq!(out.shape().dims(), &[0]);
    let ints = Tensor::from_vec(&[0], Vec::<i32>::new()).unwrap();
    let max = run("Max", &[ints.clone(), axes(&[0])], &keep(false)).unwrap();
    assert_eq!(max.to_scalar::<i32>().unwrap(), i32::MIN);
    let mean = run("Mean", &[ints, axes(&[0])], &keep(false)).unwrap();
    assert_eq!(mean.to_scalar::<i32>().unwrap(), 0);
}

#[test]
fn bad_axes() {
    let x = Tensor::from([[1.0f32, 2.0, 3.0]]);
    for (list, text) in [
        (
            vec![2],
            "Invalid reduction dimension (2 for input with 2 dimension(s)",
        ),
        (
            vec![-3],
            "Invalid reduction dimension (-3 for input with 2 dimension(s)",
        ),
        (
            vec![0, -2],
            "Invalid reduction arguments: Axes contains duplicate dimension: 0",
        ),
    ] {
        let e = run("Sum", &[x.clone(), axes(&list)], &keep(false)).unwrap_err();
        assert_eq!((e.code(), e.message()), (Code::InvalidArgument, text));
    }
    // A scalar and a matrix list axes as well as a vector.
    let out = run("Sum", &[x.clone(), Tensor::from(1i64)], &keep(false)).unwrap();
    assert_eq!(out.data::<f32>().unwrap(), &[6.0]);
    let out = run("Sum", &[x, Tensor::from([[0i32, 1]])], &keep(false)).unwrap();
    assert_eq!(out.to_scalar::<f32>().unwrap(), 6.0);
}
