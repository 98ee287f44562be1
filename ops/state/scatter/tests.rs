//! Scatter ops on both kinds of variables, and what they refuse (rows 94 to 96 of the table of bad inputs).

use crate::def::AttrValue;
use crate::dtype::DType;
use crate::error::{Code, Result};
use crate::kernel::Value;
use crate::ops::state::tests::{Bench, t};
use crate::tensor::Tensor;

fn values(b: &Bench, name: &str) -> Vec<f32> {
    let v = b.variable(name, DType::F32, None).read().unwrap();
    v.data::<f32>().unwrap().to_vec()
}

/// Runs a scatter op on `[[1,2],[3,4],[5,6]]`, on a reference and through a handle, and gives the new value.
fn both(op: &str, indices: Tensor, updates: Tensor) -> Result<Vec<f32>> {
    let b = Bench::new(2);
    let start = Tensor::from_vec(&[3, 2], vec![1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    let v = b.variable("r", DType::F32, Some(start.clone()));
    b.variable("h", DType::F32, Some(start));
    let by_handle = vec![t(b.handle("h")), t(indices.clone()), t(updates.clone())];
    let by_ref = vec![Value::Ref(v), t(indices), t(updates)];
    let first = b.run(op, by_ref, &[]);
    let second = b.run(&format!("Resource{op}"), by_handle, &[]);
    assert_eq!(
        first.as_ref().err().map(|e| e.message()),
        second.as_ref().err().map(|e| e.message())
    );
    first?;
    assert_eq!(values(&b, "r"), values(&b, "h"));
    Ok(values(&b, "r"))
}

#[test]
fn rows_are_combined_in_order() {
    let indices = || Tensor::from([2i32, 0, 2]);
    let updates = || Tensor::from([[10.0f32, 20.0], [30.0, 40.0], [2.0, 4.0]]);
    for (op, expected) in [
        ("ScatterUpdate", [30.0, 40.0, 3.0, 4.0, 2.0, 4.0]),
        ("ScatterAdd", [31.0, 42.0, 3.0, 4.0, 17.0, 30.0]),
        ("ScatterSub", [-29.0, -38.0, 3.0, 4.0, -7.0, -18.0]),
        ("ScatterMul", [30.0, 80.0, 3.0, 4.0, 100.0, 480.0]),
        ("ScatterDiv", [1.0 / 30.0, 0.05, 3.0, 4.0, 0.25, 0.075]),
        ("ScatterMin", [1.0, 2.0, 3.0, 4.0, 2.0, 4.0]),
        ("ScatterMax", [30.0, 40.0, 3.0, 4.0, 10.0, 20.0]),
    ] {
        let out = both(op, indices(), updates()).unwrap();
        for (a, e) in out.iter().zip(expected) {
            assert!((a - e).abs() < 1e-6, "{op}: {out:?}");
        }
    }
    let out = both("ScatterUpdate", Tensor::from(1i64), Tensor::from(7.0f32)).unwrap();
    assert_eq!(out, [1.0, 2.0, 7.0, 7.0, 5.0, 6.0]);
    let empty = Tensor::from_vec(&[0, 2], Vec::<f32>::new()).unwrap();
    let none = Tensor::from(Vec::<i32>::new());
    assert_eq!(both("ScatterAdd", none, empty).unwrap()[0], 1.0);
}

#[test]
fn slices_by_tuples() {
    let updates = Tensor::from([9.0f32, 8.0]);
    let out = both(
        "ScatterNdUpdate",
        [[0i32, 1], [2, 0]].into(),
        updates.clone(),
    )
    .unwrap();
    assert_eq!(out, [1.0, 9.0, 3.0, 4.0, 8.0, 6.0]);
    let out = both("ScatterNdAdd", [[0i64, 0], [0, 0]].into(), updates).unwrap();
    assert_eq!(out[0], 18.0);
    let out = both("ScatterNdSub", [[1i32]].into(), [[1.0f32, 2.0]].into()).unwrap();
    assert_eq!(out, [1.0, 2.0, 2.0, 2.0, 5.0, 6.0]);
}

#[test]
fn bad_updates_are_refused() {
    let one_row = || Tensor::from([[0.0f32, 0.0]]);
    let cases: [(&str, Tensor, Tensor, &str); 7] = [
        (
            "ScatterAdd",
            [3i32].into(),
            one_row(),
            "indices[0] = 3 is not in [0, 3)",
        ),
        (
            "ScatterAdd",
            [-1i32].into(),
            one_row(),
            "indices[0] = -1 is not in [0, 3)",
        ),
        (
            "ScatterUpdate",
            [[0i32, 3]].into(),
            Tensor::from(1.0f32),
            "indices[0,1] = 3 is not in [0, 3)",
        ),
        (
            "ScatterSub",
            [0i32, 1].into(),
            one_row(),
            "Must have updates.shape = indices.shape + params.shape[1:] or updates.shape = [], got updates.shape [1,2], indices.shape [2], params.shape [3,2]",
        ),
        (
            "ScatterNdUpdate",
            [[3i32, 0]].into(),
            [0.0f32].into(),
            "indices[0] = [3, 0] does not index into shape [3,2]",
        ),
        (
            "ScatterNdUpdate",
            [[0i32, 0, 0]].into(),
            [0.0f32].into(),
            "",
        ),
        (
            "ScatterNdUpdate",
            [[0i32, 0]].into(),
            [0.0f32, 1.0].into(),
            "",
        ),
    ];
    for (op, indices, updates, text) in cases {
        let e = both(op, indices, updates).unwrap_err();
        assert_eq!(e.code(), Code::InvalidArgument, "{op}");
        assert!(e.message().starts_with(text), "{op}: {}", e.message());
    }
    let b = Bench::new(1);
    let v = b.variable("i", DType::I32, Some([1i32, 2].into()));
    for zero in [Tensor::from([0i32]), Tensor::from(0i32)] {
        let inputs = vec![Value::Ref(v.clone()), t([0i32]), t(zero)];
        let e = b.run("ScatterDiv", inputs, &[]).err().unwrap();
        assert_eq!(e.message(), "updates must not contain 0");
    }
    let scalar = b.variable("s", DType::F32, Some(1.0f32.into()));
    let inputs = vec![Value::Ref(scalar), t([0i32]), t([1.0f32])];
    assert!(b.run("ScatterAdd", inputs, &[]).is_err());
    let empty = b.variable("e", DType::F32, None);
    let inputs = vec![Value::Ref(empty), t([0i32]), t([1.0f32])];
    let e = b.run("ScatterAdd", inputs, &[]).err().unwrap();
    assert_eq!(e.code(), Code::FailedPrecondition);
}

#[test]
fn bad_indices_may_be_ignored() {
    let b = Bench::new(1);
    let v = b.variable("v", DType::String, Some(["a", "b"].into()));
    let policy = |p: &str| [("bad_indices_policy", AttrValue::from(p))];
    let inputs = || vec![Value::Ref(v.clone()), t([[7i32], [1]]), t(["x", "y"])];
    b.run("ScatterNdUpdate", inputs(), &policy("IGNORE"))
        .unwrap();
    let out = v.read().unwrap();
    assert_eq!(
        out.strings()
            .unwrap()
            .iter()
            .map(|s| s.to_vec())
            .collect::<Vec<_>>(),
        [b"a", b"y"]
    );
    let e = b.run("ScatterNdUpdate", inputs(), &policy("FOO")).err();
    assert_eq!(e.unwrap().code(), Code::InvalidArgument);
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let n = 50_000;
    let run = |threads: usize| {
        let b = Bench::new(threads);
        let v = b.variable("v", DType::F32, Some(vec![0.0f32; 1000].into()));
        let indices: Vec<i32> = (0..n).map(|i| i * 7919 % 1000).collect();
        let updates: Vec<f32> = (0..n).map(|i| (i as f32).sin()).collect();
        let inputs = vec![Value::Ref(v.clone()), t(indices), t(updates)];
        b.run("ScatterAdd", inputs, &[]).unwrap();
        v.read().unwrap().bytes().unwrap().to_vec()
    };
    assert_eq!(run(1), run(4));
}
