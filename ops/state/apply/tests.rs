//! Update rules against TensorFlow's numbers, on both kinds of variables, and what they refuse.

use crate::def::AttrValue;
use crate::dtype::DType;
use crate::error::{Code, Error, Result};
use crate::kernel::Value;
use crate::op::OpLookup;
use crate::ops::state::tests::{Bench, t};
use crate::registry::Registry;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// One call of an update rule.
struct Case {
    op: String,
    flags: Vec<(String, bool)>,
    scalars: Vec<f32>,
    before: Vec<Vec<f32>>,
    after: Vec<Vec<f32>>,
}

/// The calls whose outcome TensorFlow has told.
fn cases() -> Vec<Case> {
    let numbers = |text: &str| -> Vec<f32> {
        let parts = text.split_whitespace();
        parts.map(|v| v.parse().unwrap()).collect()
    };
    let lists = |text: &str| text.split('/').map(numbers).collect();
    let lines = include_str!("expected.txt")
        .lines()
        .filter(|l| !l.starts_with('#'));
    let cases = lines.map(|line| {
        let fields: Vec<&str> = line.split(';').map(str::trim).collect();
        let flags = fields[1].split_whitespace().map(|f| {
            let (name, value) = f.split_once('=').unwrap();
            (name.to_string(), value == "true")
        });
        Case {
            op: fields[0].to_string(),
            flags: flags.collect(),
            scalars: numbers(fields[2]),
            before: lists(fields[3]),
            after: lists(fields[4]),
        }
    });
    cases.collect()
}

const GRAD: [f32; 6] = [0.5, -0.25, 0.0, 1.5, -2.0, 0.125];

/// Replacements of inputs by name, for bad calls.
type Bad<'a> = &'a [(&'a str, Option<Tensor>)];

/// Runs a case on fresh variables and gives their values; a replaced variable of `None` has no value.
fn run(case: &Case, resource: bool, bad: Bad<'_>) -> Result<Vec<Vec<f32>>> {
    let b = Bench::new(2);
    let registry = Registry::builtin();
    let name = match resource {
        true => format!("Resource{}", case.op),
        false => case.op.clone(),
    };
    let schema = registry
        .schema(&name)
        .ok_or_else(|| Error::unimplemented(name.clone()))?;
    let sparse = case.op.starts_with("Sparse");
    let dims: &[usize] = if sparse { &[3, 2] } else { &[6] };
    let shaped = |v: &[f32]| Tensor::from_vec(dims, v.to_vec()).unwrap();
    let mut scalars = case.scalars.iter();
    let mut variables = Vec::new();
    let mut inputs = Vec::new();
    for (i, arg) in schema.inputs.iter().enumerate() {
        let replaced = bad
            .iter()
            .find(|(n, _)| *n == arg.name)
            .map(|(_, t)| t.clone());
        if let Some(start) = case.before.get(i) {
            let value = replaced.unwrap_or_else(|| Some(shaped(start)));
            let v = b.variable(&arg.name, DType::F32, value);
            inputs.push(match resource {
                true => t(b.handle(&arg.name)),
                false => Value::Ref(v.clone()),
            });
            variables.push(v);
            continue;
        }
        let value = match arg.name.as_str() {
            "grad" | "delta" => shaped(&GRAD),
            "indices" => Tensor::from([2i32, 0, 2]),
            _ => Tensor::from(*scalars.next().unwrap()),
        };
        inputs.push(t(replaced.flatten().unwrap_or(value)));
    }
    let flags: Vec<_> = case
        .flags
        .iter()
        .map(|(k, v)| (k.as_str(), AttrValue::from(*v)))
        .collect();
    b.run(&name, inputs, &flags)?;
    let values = variables
        .iter()
        .map(|v| Ok(v.read()?.data::<f32>()?.to_vec()));
    values.collect()
}

#[test]
fn rules_agree_with_tensorflow() {
    for case in &cases() {
        for resource in [true, false] {
            if !resource && Registry::builtin().schema(&case.op).is_none() {
                continue; // Rules that exist for resource variables only.
            }
            let got = run(case, resource, &[]).unwrap();
            for (g, e) in got.iter().flatten().zip(case.after.iter().flatten()) {
                let close = (g - e).abs() <= 2e-6 * e.abs().max(0.1);
                assert!(close, "{} {:?}: {g} is not {e}", case.op, case.flags);
            }
        }
    }
}

fn case(op: &str) -> Case {
    cases().into_iter().find(|c| c.op == op).unwrap()
}

#[test]
fn bad_calls_are_refused() {
    let two = || Some(Tensor::from([1.0f32, 2.0]));
    let minus = || Some(Tensor::from(-1.0f32));
    let cases: &[(u32, &str, Bad<'_>, &str)] = &[
        (
            239,
            "ApplyGradientDescent",
            &[("delta", two())],
            "var and delta do not have the same shape[6] [2]",
        ),
        (
            239,
            "ApplyGradientDescent",
            &[("alpha", two())],
            "alpha is not a scalar: [2]",
        ),
        (
            239,
            "ApplyMomentum",
            &[("accum", two())],
            "var and accum do not have the same shape[6] [2]",
        ),
        (
            239,
            "ApplyAdam",
            &[("v", two())],
            "var and v do not have the same shape[6] [2]",
        ),
        (
            239,
            "ApplyAdam",
            &[("beta1_power", two())],
            "beta1_power is not a scalar: [2]",
        ),
        (
            239,
            "SparseApplyAdagrad",
            &[("accum", two())],
            "var and accum do not have the same shape[3,2] [2]",
        ),
        (
            241,
            "SparseApplyMomentum",
            &[("indices", Some([0i32, 3, 1].into()))],
            "Index 3 at offset 1 in indices is out of range",
        ),
        (
            241,
            "SparseApplyMomentum",
            &[("indices", Some([0i32, -1, 1].into()))],
            "Index -1 at offset 1 in indices is out of range",
        ),
        (
            241,
            "SparseApplyFtrl",
            &[("indices", Some([0i32, 1].into()))],
            "grad must be the same size as indices in the first dimension.",
        ),
        (
            241,
            "SparseApplyRMSProp",
            &[("indices", Some([[0i32, 1, 2]].into()))],
            "indices must be one-dimensional",
        ),
        (
            241,
            "SparseApplyAdadelta",
            &[("grad", Some([[0.0f32], [1.0], [2.0]].into()))],
            "var and grad must match in dimension 1",
        ),
        (
            242,
            "ApplyFtrl",
            &[("lr", Some(0.0f32.into()))],
            "lr is not a positive scalar",
        ),
        (
            242,
            "ApplyFtrl",
            &[("l1", minus())],
            "l1 regularization strength is not a non-negative scalar",
        ),
        (
            242,
            "SparseApplyFtrl",
            &[("l2", minus())],
            "l2 regularization strength is not a non-negative scalar",
        ),
        (
            242,
            "ApplyFtrlV2",
            &[("l2_shrinkage", minus())],
            "l2 shrinkage regularization strength is not a non-negative scalar",
        ),
        (
            242,
            "ApplyFtrl",
            &[("lr_power", Some(0.5f32.into()))],
            "lr_power is not a non-positive scalar",
        ),
    ];
    for (row, op, bad, text) in cases {
        for resource in [false, true] {
            let e = run(&case(op), resource, bad).unwrap_err();
            assert_eq!(e.code(), Code::InvalidArgument, "row {row}, {op}");
            assert!(
                e.message().starts_with(text),
                "row {row}, {op}: {}",
                e.message()
            );
        }
    }
    // Row 240: what has no value yet.
    for (op, name) in [
        ("ApplyMomentum", "var"),
        ("ApplyMomentum", "accum"),
        ("SparseApplyAdagrad", "accum"),
    ] {
        for resource in [false, true] {
            let e = run(&case(op), resource, &[(name, None)]).unwrap_err();
            assert_eq!(e.code(), Code::FailedPrecondition, "{op}");
            assert_eq!(
                e.message(),
                format!("Attempting to use uninitialized value {name}")
            );
        }
    }
    let b = Bench::new(1);
    let inputs = vec![t(b.handle("none")), t(0.1f32), t([1.0f32])];
    let e = b
        .run("ResourceApplyGradientDescent", inputs, &[])
        .err()
        .unwrap();
    assert_eq!(e.code(), Code::FailedPrecondition);
}

#[test]
fn a_variable_is_not_its_own_slot() {
    let b = Bench::new(1);
    let v = b.variable("v", DType::F32, Some([1.0f32].into()));
    let inputs = vec![
        Value::Ref(v.clone()),
        Value::Ref(v),
        t(0.1f32),
        t([1.0f32]),
        t(0.9f32),
    ];
    assert!(b.run("ApplyMomentum", inputs, &[]).is_err());
}

#[test]
fn all_types_take_a_step() {
    for dtype in super::super::number::FLOATS_AND_COMPLEX {
        let b = Bench::new(1);
        let zeros = Tensor::zeros(*dtype, Shape::of(&[3]).unwrap()).unwrap();
        let scalar = || Tensor::zeros(*dtype, Shape::scalar()).unwrap();
        let v = b.variable("v", *dtype, Some(zeros.clone()));
        let inputs = vec![Value::Ref(v.clone()), t(scalar()), t(zeros.clone())];
        b.run("ApplyGradientDescent", inputs, &[]).unwrap();
        assert_eq!(v.read().unwrap().bytes().unwrap(), zeros.bytes().unwrap());
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let n = 100_000;
    let run = |threads: usize| {
        let b = Bench::new(threads);
        let start: Vec<f32> = (0..n).map(|i| (i as f32).cos()).collect();
        let v = b.variable("v", DType::F32, Some(start.into()));
        let m = b.variable("m", DType::F32, Some(vec![0.1f32; n].into()));
        let grad: Vec<f32> = (0..n).map(|i| (i as f32).sin()).collect();
        let inputs = vec![
            Value::Ref(v.clone()),
            Value::Ref(m),
            t(0.1f32),
            t(grad),
            t(0.9f32),
        ];
        b.run("ApplyMomentum", inputs, &[]).unwrap();
        v.read().unwrap().bytes().unwrap().to_vec()
    };
    assert_eq!(run(1), run(4));
}
