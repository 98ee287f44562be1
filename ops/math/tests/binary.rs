//! Broadcasting against a plain loop, in-place results, determinism, and shapes that do not fit.

use super::{Noise, run};
use crate::device::cpu::ThreadPool;
use crate::kernel::{Env, Value};
use crate::resource::Resources;
use crate::runtime::SingleOp;
use crate::{AttrValue, Attrs, Code, DType, Registry, Tensor};
use std::sync::Arc;

/// `a - b` element by element, in f32, by index arithmetic.
fn plain(a: &Tensor, b: &Tensor) -> (Vec<usize>, Vec<f32>) {
    let rank = a.shape().rank().max(b.shape().rank());
    let padded = |t: &Tensor| {
        let mut d = vec![1; rank - t.shape().rank()];
        d.extend_from_slice(t.shape().dims());
        d
    };
    let (x, y) = (padded(a), padded(b));
    let dims: Vec<usize> = x
        .iter()
        .zip(&y)
        .map(|(m, n)| if *m == 1 { *n } else { *m })
        .collect();
    let total: usize = dims.iter().product();
    let at = |t: &Tensor, d: &[usize], mut i: usize| {
        let (mut position, mut stride) = (0, 1);
        for k in (0..rank).rev() {
            let index = i % dims[k];
            i /= dims[k];
            if d[k] != 1 {
                position += index * stride;
            }
            stride *= d[k];
        }
        t.data::<f32>().unwrap()[position]
    };
    let values = (0..total).map(|i| at(a, &x, i) - at(b, &y, i)).collect();
    (dims, values)
}

#[test]
fn broadcasting_agrees_with_a_plain_loop() {
    let mut noise = Noise(1);
    let sizes = [1, 1, 2, 3, 5, 17, 64, 70, 600];
    for _ in 0..300 {
        let rank = noise.below(4);
        let mut whole: Vec<usize> = (0..rank).map(|_| sizes[noise.below(sizes.len())]).collect();
        while whole.iter().product::<usize>() > 200_000 {
            let i = noise.below(rank);
            whole[i] = 1;
        }
        let mut side = || -> Vec<usize> {
            let mut d: Vec<usize> = whole
                .iter()
                .map(|n| if noise.below(3) == 0 { 1 } else { *n })
                .collect();
            if noise.below(4) == 0 && !d.is_empty() {
                d.remove(0);
            }
            d
        };
        let (da, db) = (side(), side());
        let (a, b) = (noise.tensor(&da), noise.tensor(&db));
        let got = run("Sub", &[a.clone(), b.clone()], &[]).unwrap();
        let (dims, want) = plain(&a, &b);
        assert_eq!(got.shape().dims(), dims, "{da:?} {db:?}");
        assert_eq!(got.data::<f32>().unwrap(), want, "{da:?} {db:?}");
    }
}

#[test]
fn the_buffer_of_an_input_that_nobody_else_holds_is_reused() {
    let env = Arc::new(Env {
        pool: ThreadPool::new(3),
        resources: Resources::new(),
        device: "/device:CPU:0".into(),
        gpu: None,
    });
    let types = [vec![DType::F32], vec![DType::F32]];
    let op = SingleOp::new(&Registry::builtin(), &env, "Sub", &types, Attrs::default()).unwrap();
    let mut noise = Noise(2);
    for (da, db) in [
        (vec![1000], vec![1000]),
        (vec![300, 200], vec![200]),
        (vec![7], vec![90, 7]),
        (vec![5000, 20], vec![]),
        (vec![2, 1], vec![2, 3]),
    ] {
        let (a, b) = (noise.tensor(&da), noise.tensor(&db));
        let (dims, want) = plain(&a, &b);
        let address = |t: &Tensor| t.data::<f32>().unwrap().as_ptr();
        let reusable: Vec<*const f32> = [&a, &b]
            .into_iter()
            .filter(|t| t.shape().dims() == dims)
            .map(address)
            .collect();
        let out = op.run(vec![Value::Tensor(a), Value::Tensor(b)]).unwrap();
        let Value::Tensor(out) = &out[0] else {
            panic!("a tensor")
        };
        assert!(reusable.is_empty() || reusable.contains(&address(out)));
        assert_eq!(out.data::<f32>().unwrap(), want);
        // A tensor that is held elsewhere must keep its values.
        let x = noise.tensor(&da);
        let before = x.data::<f32>().unwrap().to_vec();
        op.run(vec![Value::Tensor(x.clone()), Value::Tensor(x.clone())])
            .unwrap();
        assert_eq!(x.data::<f32>().unwrap(), before);
    }
}

#[test]
fn shapes_that_do_not_fit() {
    let (a, b) = (Tensor::from([0.0f32; 2]), Tensor::from([0.0f32; 3]));
    for op in [
        "AddV2", "Sub", "Mul", "RealDiv", "Maximum", "Less", "Equal", "Pow", "FloorMod",
    ] {
        let e = run(op, &[a.clone(), b.clone()], &[]).unwrap_err();
        assert_eq!(e.code(), Code::InvalidArgument);
        assert_eq!(e.message(), "Incompatible shapes: [2] vs. [3]", "{op}");
    }
    for op in [
        "SqrtGrad",
        "RsqrtGrad",
        "TanhGrad",
        "SigmoidGrad",
        "ReciprocalGrad",
        "InvGrad",
    ] {
        let e = run(op, &[a.clone(), b.clone()], &[]).unwrap_err();
        assert_eq!(
            e.message(),
            "The two arguments to a cwise op must have same number of elements, got 2 and 3"
        );
    }
    let lenient = [("incompatible_shape_error", AttrValue::Bool(false))];
    let equal = run("Equal", &[a.clone(), b.clone()], &lenient).unwrap();
    assert_eq!(
        (equal.shape().rank(), equal.to_scalar::<bool>().unwrap()),
        (0, false)
    );
    let different = run("NotEqual", &[a.clone(), b], &lenient).unwrap();
    assert!(different.to_scalar::<bool>().unwrap());
    let same = run("Equal", &[a.clone(), a], &lenient).unwrap();
    assert_eq!(same.data::<bool>().unwrap(), &[true, true]);
}

#[test]
fn empty_tensors_have_nothing_to_divide_by() {
    let none = Tensor::from_vec(&[0, 1], Vec::<i32>::new()).unwrap();
    let out = run("FloorDiv", &[none, Tensor::from([0i32; 3])], &[]).unwrap();
    assert_eq!(out.shape().dims(), &[0, 3]);
    for op in [
        "Div",
        "FloorDiv",
        "TruncateDiv",
        "FloorMod",
        "Mod",
        "TruncateMod",
    ] {
        let e = run(op, &[Tensor::from([1i32]), Tensor::from([0i32])], &[]).unwrap_err();
        assert_eq!(e.message(), "Integer division by zero", "{op}");
    }
}

#[test]
fn strings_are_joined_and_compared() {
    let a = Tensor::from(["a", "b"]);
    let joined = run("Add", &[a.clone(), Tensor::from("x")], &[]).unwrap();
    let text: Vec<&[u8]> = joined.strings().unwrap().iter().map(|s| &s[..]).collect();
    assert_eq!(text, [b"ax", b"bx"]);
    let equal = run("Equal", &[a, Tensor::from("b")], &[]).unwrap();
    assert_eq!(equal.data::<bool>().unwrap(), &[false, true]);
}
