//! Places of extremes, running sums, segments, counts.

use super::{Noise, run};
use crate::{AttrValue, DType, Tensor};

fn attrs(exclusive: bool, reverse: bool) -> [(&'static str, AttrValue); 2] {
    [
        ("exclusive", AttrValue::Bool(exclusive)),
        ("reverse", AttrValue::Bool(reverse)),
    ]
}

#[test]
fn places_of_extremes() {
    let place = |op: &str, x: Tensor, axis: i32| {
        let out = run(op, &[x, Tensor::from(axis)], &[]).unwrap();
        out.data::<i64>().unwrap().to_vec()
    };
    let x = Tensor::from([[1.0f32, 5.0, 5.0], [4.0, 0.0, 9.0]]);
    assert_eq!(place("ArgMax", x.clone(), 1), [1, 2]);
    assert_eq!(place("ArgMax", x.clone(), -2), [1, 0, 1]);
    assert_eq!(place("ArgMin", x.clone(), 0), [0, 1, 0]);
    let nan = f32::NAN;
    assert_eq!(place("ArgMax", Tensor::from([1.0, nan, 3.0]), 0), [2]);
    assert_eq!(place("ArgMax", Tensor::from([nan, 1.0, 3.0]), 0), [2]);
    assert_eq!(place("ArgMin", Tensor::from([nan, 1.0, 3.0]), 0), [1]);
    assert_eq!(place("ArgMax", Tensor::from([nan, nan]), 0), [0]);
    assert_eq!(place("ArgMax", Tensor::from([false, true, true]), 0), [1]);
    assert_eq!(place("ArgMin", Tensor::from([3i8, -128, -128]), 0), [1]);
    let as_int = [("output_type", AttrValue::Type(DType::I32))];
    let out = run("ArgMax", &[x, Tensor::from(1i64)], &as_int).unwrap();
    assert_eq!(out.data::<i32>().unwrap(), &[1, 2]);
}

#[test]
fn places_of_extremes_in_wide_and_long_tensors() {
    let mut noise = Noise(4);
    for dims in [[3, 50, 700], [200, 300, 1], [2, 40_000, 1], [70, 9, 131]] {
        let x = noise.tensor(&dims);
        let got = run("ArgMax", &[x.clone(), Tensor::from(1i32)], &[]).unwrap();
        let (values, [a, n, b]) = (x.data::<f32>().unwrap(), dims);
        for i in 0..a {
            for j in 0..b {
                let at = |k: usize| values[(i * n + k) * b + j];
                let want = (0..n).fold(0, |best, k| if at(k) > at(best) { k } else { best });
                assert_eq!(got.data::<i64>().unwrap()[i * b + j], want as i64);
            }
        }
    }
}

#[test]
fn bad_axes_of_extremes() {
    let x = Tensor::from([[1.0f32, 2.0, 3.0], [1.0, 2.0, 3.0]]);
    let text = |x: &Tensor, axis: Tensor| {
        let e = run("ArgMax", &[x.clone(), axis], &[]).unwrap_err();
        e.message().to_string()
    };
    assert_eq!(
        text(&x, Tensor::from(2i32)),
        "Expected dimension in the range [-2, 2), but got 2"
    );
    assert_eq!(
        text(&x, Tensor::from([0i32, 1])),
        "dim must be a scalar, but received tensor of shape: [2]"
    );
    assert_eq!(
        text(&Tensor::from(1.0f32), Tensor::from(0i32)),
        "Expected dimension in the range [0, 0), but got 0"
    );
    let none = Tensor::from_vec(&[0, 3], Vec::<f32>::new()).unwrap();
    assert_eq!(
        text(&none, Tensor::from(0i32)),
        "Reduction axis 0 is empty in shape [0,3]"
    );
    let out = run("ArgMax", &[none, Tensor::from(1i32)], &[]).unwrap();
    assert_eq!(out.shape().dims(), &[0]);
}

#[test]
fn running_sums_and_products() {
    let x = Tensor::from([1i32, 2, 3]);
    let get = |op: &str, exclusive, reverse| {
        let out = run(
            op,
            &[x.clone(), Tensor::from(0i32)],
            &attrs(exclusive, reverse),
        )
        .unwrap();
        out.data::<i32>().unwrap().to_vec()
    };
    assert_eq!(get("Cumsum", false, false), [1, 3, 6]);
    assert_eq!(get("Cumsum", true, false), [0, 1, 3]);
    assert_eq!(get("Cumsum", false, true), [6, 5, 3]);
    assert_eq!(get("Cumsum", true, true), [5, 3, 0]);
    assert_eq!(get("Cumprod", false, false), [1, 2, 6]);
    assert_eq!(get("Cumprod", true, true), [6, 3, 1]);
    let mut noise = Noise(8);
    for (dims, axis) in [
        ([4, 30, 600], 1),
        ([300, 20, 10], 2),
        ([100, 1, 700], 0),
        ([3, 5, 0], 1),
    ] {
        let x = noise.tensor(&dims);
        for (exclusive, reverse) in [(false, false), (true, false), (false, true), (true, true)] {
            let axis_tensor = Tensor::from(axis as i32 - 3);
            let out = run(
                "Cumsum",
                &[x.clone(), axis_tensor],
                &attrs(exclusive, reverse),
            )
            .unwrap();
            let stride: usize = dims[axis + 1..].iter().product();
            let n = dims[axis];
            for (i, got) in out.data::<f32>().unwrap().iter().enumerate() {
                let k = i / stride % n;
                let others: Vec<usize> = match (exclusive, reverse) {
                    (false, false) => (0..=k).collect(),
                    (true, false) => (0..k).collect(),
                    (false, true) => (k..n).rev().collect(),
                    (true, true) => (k + 1..n).rev().collect(),
                };
                let first = i - k * stride;
                let data = x.data::<f32>().unwrap();
                let want = others
                    .iter()
                    .fold(0.0, |sum, j| sum + data[first + j * stride]);
                assert_eq!(*got, want);
            }
        }
    }
    let text = |axis: Tensor| {
        let x = Tensor::from([[1.0f32, 2.0]]);
        let e = run("Cumsum", &[x, axis], &attrs(false, false)).unwrap_err();
        e.message().to_string()
    };
    assert_eq!(
        text(Tensor::from(2i32)),
        "ScanOp: Expected scan axis in the range [-2, 2), but got 2"
    );
    assert_eq!(
        text(Tensor::from([0i32])),
        "ScanOp: axis must be a scalar, not [1]"
    );
}

#[test]
fn sorted_segments() {
    let x = Tensor::from([[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]]);
    let get = |op: &str, ids: &[i32]| {
        run(op, &[x.clone(), Tensor::from(ids)], &[])
            .map(|t| (t.shape().dims()[0], t.data::<f32>().unwrap().to_vec()))
            .map_err(|e| e.message().to_string())
    };
    assert_eq!(
        get("SegmentSum", &[0, 0, 1]).unwrap(),
        (2, vec![4.0, 6.0, 5.0, 6.0])
    );
    let gaps = vec![0.0, 0.0, 2.0, 3.0, 0.0, 0.0, 5.0, 6.0];
    assert_eq!(get("SegmentMean", &[1, 1, 3]).unwrap(), (4, gaps));
    for (ids, text) in [
        (vec![0, 2, 1], "segment ids are not increasing"),
        (
            vec![-1, 0, 1],
            "Segment id -1 out of range [0, 2), possibly because 'segment_ids' input is not sorted.",
        ),
        (
            vec![0, 0],
            "segment_ids should be the same size as dimension 0 of input.",
        ),
    ] {
        assert_eq!(get("SegmentSum", &ids).unwrap_err(), text);
    }
    let ints = Tensor::from([1i32, 2, 4]);
    let out = run("SegmentMean", &[ints, Tensor::from([1i64, 1, 3])], &[]).unwrap();
    assert_eq!(out.data::<i32>().unwrap(), &[0, 1, 0, 4]);
    let e = run(
        "SegmentSum",
        &[Tensor::from(1.0f32), Tensor::from([0i32])],
        &[],
    )
    .unwrap_err();
    assert_eq!(e.message(), "input must be at least rank 1");
    let none = Tensor::from_vec(&[0, 2], Vec::<f32>::new()).unwrap();
    let ids = Tensor::from(Vec::<i32>::new());
    let out = run("SegmentSum", &[none, ids], &[]).unwrap();
    assert_eq!(out.shape().dims(), &[0, 2]);
}

#[test]
fn unsorted_segments() {
    let x = Tensor::from([[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]]);
    let get = |x: &Tensor, ids: Tensor, n: Tensor| {
        run("UnsortedSegmentSum", &[x.clone(), ids, n], &[])
            .map(|t| (t.shape().dims().to_vec(), t.data::<f32>().unwrap().to_vec()))
            .map_err(|e| e.message().to_string())
    };
    let two = || Tensor::from(2i32);
    assert_eq!(
        get(&x, Tensor::from([1i32, -7, 1]), two()).unwrap(),
        (vec![2, 2], vec![0.0, 0.0, 6.0, 8.0])
    );
    let each = Tensor::from([[0i64, 1], [1, 1], [0, 1]]);
    assert_eq!(get(&x, each, two()).unwrap(), (vec![2], vec![6.0, 15.0]));
    let whole = get(&x, Tensor::from(1i32), two()).unwrap();
    assert_eq!((whole.0, whole.1[6]), (vec![2, 3, 2], 1.0));
    for (ids, n, text) in [
        (
            Tensor::from([0i32, 0, 5]),
            two(),
            "segment_ids[2] = 5 is out of range [0, 2)",
        ),
        (
            Tensor::from([0i32, 0]),
            two(),
            "data.shape = [3,2] does not start with segment_ids.shape = [2]",
        ),
        (
            Tensor::from([0i32, 0, 0]),
            Tensor::from(-1i32),
            "Input num_segments == -1 must not be negative.",
        ),
        (
            Tensor::from([0i32, 0, 0]),
            Tensor::from([2i32]),
            "num_segments should be a scalar, not shape [1]",
        ),
    ] {
        assert_eq!(get(&x, ids, n).unwrap_err(), text);
    }
    // Enough columns for several jobs.
    let mut noise = Noise(6);
    let x = noise.tensor(&[40, 2000]);
    let ids: Vec<i32> = (0..40).map(|_| noise.below(5) as i32 - 1).collect();
    let (_, got) = get(&x, Tensor::from(ids.clone()), Tensor::from(4i32)).unwrap();
    for (i, v) in got.iter().enumerate() {
        let rows = (0..40).filter(|r| ids[*r] == (i / 2000) as i32);
        let want = rows.fold(0.0, |s, r| {
            s + x.data::<f32>().unwrap()[r * 2000 + i % 2000]
        });
        assert_eq!(*v, want);
    }
}

#[test]
fn counts() {
    let get = |values: &[i32], size: Tensor, weights: Vec<f32>| {
        run(
            "Bincount",
            &[Tensor::from(values), size, Tensor::from(weights)],
            &[],
        )
        .map(|t| t.data::<f32>().unwrap().to_vec())
        .map_err(|e| e.message().to_string())
    };
    let three = || Tensor::from(3i32);
    assert_eq!(
        get(&[0, 1, 1, 5], three(), vec![]).unwrap(),
        [1.0, 2.0, 0.0]
    );
    assert_eq!(
        get(&[0, 1, 1], three(), vec![1.0, 2.0, 3.0]).unwrap(),
        [1.0, 5.0, 0.0]
    );
    assert_eq!(
        get(&[0, -1], three(), vec![]).unwrap_err(),
        "Input arr must be non-negative!"
    );
    assert_eq!(
        get(&[0], Tensor::from(-1i32), vec![]).unwrap_err(),
        "size (-1) must be non-negative"
    );
    assert_eq!(
        get(&[0, 1], three(), vec![1.0]).unwrap_err(),
        "Input indices and weights must have the same size."
    );
    assert!(get(&[0], Tensor::from([3i32]), vec![]).is_err());
}
