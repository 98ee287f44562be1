//! ClipByValue: ranges, shapes, gradient.

use crate::Code;
use crate::ops::testing::{eval, run};
use crate::{Graph, Tensor};
use num_complex::Complex;

fn x() -> Tensor {
    Tensor::from_vec(&[2, 3], vec![0.0f32, 1.0, 2.0, 3.0, 4.0, 5.0]).unwrap()
}

fn all(v: f32) -> Tensor {
    Tensor::from_vec(&[2, 3], vec![v; 6]).unwrap()
}

#[test]
fn values_move_into_the_range() {
    let one = |v: f32| Tensor::from(v);
    for (low, high, expected) in [
        (one(1.0), one(4.0), [1.0f32, 1.0, 2.0, 3.0, 4.0, 4.0]),
        (one(4.0), one(1.0), [4.0; 6]),
        (all(2.0), one(4.0), [2.0, 2.0, 2.0, 3.0, 4.0, 4.0]),
        (all(2.0), all(1.0), [2.0; 6]),
        (one(1.0), all(3.0), [1.0, 1.0, 2.0, 3.0, 3.0, 3.0]),
        (one(f32::NAN), one(4.0), [0.0, 1.0, 2.0, 3.0, 4.0, 4.0]),
        (one(1.0), one(f32::NAN), [1.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
    ] {
        let y = run("ClipByValue", &[x(), low, high], &[]).unwrap();
        assert_eq!(y[0].data::<f32>().unwrap(), expected);
    }
    let nan = run("ClipByValue", &[all(f32::NAN), one(1.0), one(4.0)], &[]).unwrap();
    assert!(nan[0].data::<f32>().unwrap().iter().all(|v| v.is_nan()));
    let c = |re: f32, im: f32| Complex::new(re, im);
    let z = Tensor::from_vec(&[3], vec![c(1.0, 5.0), c(3.0, -2.0), c(-4.0, 0.0)]).unwrap();
    let limits = [Tensor::from(c(1.0, 1.0)), Tensor::from(c(2.0, 2.0))];
    let y = run("ClipByValue", &[&[z][..], &limits].concat(), &[]).unwrap();
    let expected = [c(1.0, 2.0), c(2.0, 1.0), c(1.0, 1.0)];
    assert_eq!(y[0].data::<Complex<f32>>().unwrap(), expected);
}

#[test]
fn limits_of_other_shapes_are_refused() {
    let row = Tensor::from([1.0f32, 2.0, 3.0]);
    let one = Tensor::from(4.0f32);
    for limits in [[row.clone(), one.clone()], [one, row]] {
        let e = run("ClipByValue", &[&[x()][..], &limits].concat(), &[]).unwrap_err();
        assert_eq!(e.code(), Code::InvalidArgument);
        assert!(
            e.message().contains("same shape as input, or a scalar"),
            "{e}"
        );
    }
}

#[test]
fn gradients_go_to_whichever_was_taken() {
    let g = Graph::new();
    let s = g.root();
    let (x, low, high) = (s.constant(x()), s.constant(1.5f32), s.constant(all(3.5)));
    let y = s.op("ClipByValue").input(x).input(low).input(high).out();
    let weights = Tensor::from_vec(&[2, 3], vec![1.0f32, 2.0, 4.0, 8.0, 16.0, 32.0]).unwrap();
    let y = s.mul(y, s.constant(weights));
    let found = g.gradients(&[y], &[x, low, high]).unwrap();
    let found: Vec<_> = found.into_iter().map(|g| g.unwrap().dense(s)).collect();
    let values = eval(&found, &[]).unwrap();
    assert_eq!(
        values[0].data::<f32>().unwrap(),
        [0.0, 0.0, 4.0, 8.0, 0.0, 0.0]
    );
    assert_eq!(values[1].data::<f32>().unwrap(), [3.0]);
    assert_eq!(
        values[2].data::<f32>().unwrap(),
        [0.0, 0.0, 0.0, 0.0, 16.0, 32.0]
    );
}
