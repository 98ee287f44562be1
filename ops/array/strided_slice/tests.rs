//! Tests of strided slices.

use super::*;
use crate::graph::Graph;
use crate::ops::array::SliceSpec;
use crate::ops::testing::{eval, run};
use crate::tensor::Tensor;
use proptest::prelude::*;

fn iota(dims: &[usize]) -> Tensor {
    let n: usize = dims.iter().product();
    Tensor::from_vec(dims, (0..n as i32).collect()).unwrap()
}

/// What Python's `range(n)[begin:end:step]` gives.
fn python(n: i64, begin: Option<i64>, end: Option<i64>, step: i64) -> Vec<i64> {
    let fix = |v: i64| {
        let v = if v < 0 { v + n } else { v };
        if step > 0 {
            v.clamp(0, n)
        } else {
            v.clamp(-1, n - 1)
        }
    };
    let begin = begin.map_or(if step > 0 { 0 } else { n - 1 }, fix);
    let end = end.map_or(if step > 0 { n } else { -1 }, fix);
    let (mut out, mut i) = (Vec::new(), begin);
    while step > 0 && i < end || step < 0 && i > end {
        out.push(i);
        i += step;
    }
    out
}

proptest! {
    #[test]
    fn slices_as_python_does(
        rows in 0i64..6, columns in 1i64..6,
        b in prop::option::of(-8i64..8), e in prop::option::of(-8i64..8), s in prop_oneof![-3i64..0, 1i64..4],
        at in -1i64..1,
    ) {
        let x = iota(&[rows as usize, columns as usize]);
        let graph = Graph::new();
        let input = graph.placeholder("x", DType::I32, crate::shape::PartialShape::unknown());
        let spec = SliceSpec::new().range(b, e, s).new_axis().at(at);
        let y = input.strided_slice(&spec);
        let got = eval(&[y], &[(input, x.clone())]).unwrap();
        let column = if at < 0 { columns + at } else { at };
        let expected: Vec<i32> = python(rows, b, e, s).iter().map(|r| (r * columns + column) as i32).collect();
        prop_assert_eq!(got[0].data::<i32>().unwrap(), &expected[..]);
        prop_assert_eq!(got[0].shape().dims(), &[expected.len(), 1]);
        // The shape is known as soon as the input's is.
        let constant = graph.root().constant(x).strided_slice(&spec);
        prop_assert_eq!(constant.shape(), crate::PartialShape::from([expected.len(), 1]));
    }
}

#[test]
fn the_gradient_lies_where_the_slice_was_taken() {
    let graph = Graph::new();
    let x = graph.placeholder("x", DType::F32, [None, Some(3)]);
    let y = x.strided_slice(&SliceSpec::new().range(None, None, -2).from(1));
    let g = graph.gradients(&[y], &[x]).unwrap()[0]
        .unwrap()
        .dense(graph.root());
    let ones = Tensor::from([[1.0f32; 3]; 3]);
    let got = eval(&[g], &[(x, ones.clone())]).unwrap();
    assert_eq!(
        got[0].data::<f32>().unwrap(),
        [0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0]
    );
    // Of a gradient that is differentiated again, the slice.
    let seed = graph.placeholder("seed", DType::F32, crate::shape::PartialShape::unknown());
    let options = crate::GradientOptions {
        grad_ys: vec![Some(seed)],
        ..Default::default()
    };
    let first = graph.root().gradients(&[y], &[x], &options).unwrap()[0].unwrap();
    let second = graph
        .gradients(&[first.dense(graph.root())], &[seed])
        .unwrap()[0]
        .unwrap();
    let fed = [(x, ones), (seed, Tensor::from([[1.0f32, 2.0], [3.0, 4.0]]))];
    let got = eval(&[second.dense(graph.root())], &fed).unwrap();
    assert_eq!(got[0].data::<f32>().unwrap(), [1.0; 4]);
}

#[test]
fn rows_share_the_buffer() {
    let x = iota(&[4, 2, 3]);
    let v = |v: &[i32]| Tensor::from(v);
    let args = [x.clone(), v(&[1]), v(&[3]), v(&[1])];
    let y = run("StridedSlice", &args, &[]).unwrap();
    assert!(y[0].shares_buffer(&x));
    assert_eq!(y[0].data::<i32>().unwrap()[0], 6);
    let args = [x.clone(), v(&[2, 1]), v(&[0, 0]), v(&[1, 1])];
    let y = run("StridedSlice", &args, &[("shrink_axis_mask", 3i64.into())]).unwrap();
    assert!(y[0].shares_buffer(&x));
    assert_eq!(y[0].data::<i32>().unwrap(), [15, 16, 17]);
}
