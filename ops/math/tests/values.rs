//! Values of single ops, on odd numbers too.

use super::run;
use crate::{Registry, Tensor, runtime::run_op};
use half::{bf16, f16};
use num_complex::Complex;

const INF: f32 = f32::INFINITY;
const NAN: f32 = f32::NAN;

/// Runs an op on f32 and compares, NaN equal to NaN, zeros told apart.
#[track_caller]
fn check(op: &str, args: &[&[f32]], want: &[f32]) {
    let args: Vec<Tensor> = args.iter().map(|a| Tensor::from(*a)).collect();
    let out = run(op, &args, &[]).unwrap();
    let got = out.data::<f32>().unwrap();
    let same = |g: f32, w: f32| {
        (g.is_nan() && w.is_nan())
            || (g - w).abs() <= 2e-6 * w.abs() && g.is_sign_negative() == w.is_sign_negative()
            || g == w && g != 0.0
    };
    assert!(
        got.len() == want.len() && got.iter().zip(want).all(|(g, w)| same(*g, *w)),
        "{op}: {got:?}, not {want:?}"
    );
}

#[test]
fn functions_of_one_number() {
    check("Neg", &[&[1.0, -0.0, INF]], &[-1.0, 0.0, -INF]);
    check("Abs", &[&[-1.0, -0.0, -INF, NAN]], &[1.0, 0.0, INF, NAN]);
    check("Sign", &[&[NAN, 0.0, INF, -3.0]], &[NAN, 0.0, 1.0, -1.0]);
    check("Square", &[&[3.0, -2.0]], &[9.0, 4.0]);
    check("Sqrt", &[&[4.0, -1.0, INF]], &[2.0, NAN, INF]);
    check("Rsqrt", &[&[4.0, 0.0, -0.0, INF]], &[0.5, INF, -INF, 0.0]);
    check(
        "Exp",
        &[&[1.0, -INF, INF, NAN, 100.0]],
        &[std::f32::consts::E, 0.0, INF, NAN, INF],
    );
    check("Expm1", &[&[1e-7, -INF]], &[1e-7, -1.0]);
    check("Log", &[&[1.0, 0.0, -1.0, INF]], &[0.0, -INF, NAN, INF]);
    check("Log1p", &[&[1e-7, -1.0]], &[1e-7, -INF]);
    check("Reciprocal", &[&[4.0, -0.0]], &[0.25, -INF]);
    check("Inv", &[&[4.0]], &[0.25]);
    check(
        "Tanh",
        &[&[0.5, -INF, 100.0, 1e-5]],
        &[0.46211717, -1.0, 1.0, 1e-5],
    );
    check(
        "Sigmoid",
        &[&[0.0, -30.0, 100.0, -INF]],
        &[0.5, 9.357623e-14, 1.0, 0.0],
    );
    check("Sin", &[&[0.5]], &[0.47942555]);
    check("Cos", &[&[0.5]], &[0.87758255]);
    check("Tan", &[&[0.5]], &[0.5463025]);
    check("Asin", &[&[0.5, 2.0]], &[0.5235988, NAN]);
    check("Acos", &[&[0.5]], &[1.0471976]);
    check("Atan", &[&[0.5]], &[0.4636476]);
    check("Sinh", &[&[0.5]], &[0.52109534]);
    check("Cosh", &[&[0.5]], &[1.127626]);
    check("Asinh", &[&[0.5]], &[0.4812118]);
    check("Acosh", &[&[1.5]], &[0.9624237]);
    check("Atanh", &[&[0.5]], &[0.54930615]);
    check("Floor", &[&[1.5, -1.5]], &[1.0, -2.0]);
    check("Ceil", &[&[1.5, -1.5, -0.5]], &[2.0, -1.0, -0.0]);
    check("Round", &[&[0.5, 1.5, 2.5, -0.5]], &[0.0, 2.0, 2.0, -0.0]);
    check("Rint", &[&[0.5, 1.5, -2.5]], &[0.0, 2.0, -2.0]);
    check("Erf", &[&[0.5, INF]], &[0.5204999, 1.0]);
    check("Erfc", &[&[0.5]], &[0.47950012]);
    check(
        "Lgamma",
        &[&[0.0, -2.5, 1e-3]],
        &[INF, -0.056243717, 6.9071789],
    );
    check(
        "Digamma",
        &[&[0.0, -2.5, 1e-3, INF]],
        &[NAN, 1.1031566, -1000.5756, INF],
    );
}

#[test]
fn gradients_of_functions_of_one_number() {
    check(
        "SqrtGrad",
        &[&[0.0, 0.0, 2.0, INF], &[0.0, 1.0, 0.0, 1.0]],
        &[0.0, INF, 0.0, 0.0],
    );
    check(
        "RsqrtGrad",
        &[&[INF, INF, 2.0], &[0.0, 1.0, 1.0]],
        &[0.0, -INF, -4.0],
    );
    check(
        "ReciprocalGrad",
        &[&[INF, 0.0, 2.0], &[0.0, INF, 3.0]],
        &[0.0, NAN, -12.0],
    );
    check(
        "TanhGrad",
        &[&[INF, 0.0, 2.0], &[0.0, INF, 3.0]],
        &[NAN, INF, -9.0],
    );
    check(
        "SigmoidGrad",
        &[&[INF, 0.0, 2.0], &[0.0, INF, 3.0]],
        &[NAN, NAN, -6.0],
    );
}

#[test]
fn functions_of_two_numbers() {
    check("AddV2", &[&[1.0, INF], &[2.0, -INF]], &[3.0, NAN]);
    check(
        "Maximum",
        &[&[NAN, 1.0, 1.0], &[1.0, NAN, 2.0]],
        &[NAN, NAN, 2.0],
    );
    check(
        "Minimum",
        &[&[NAN, 1.0, 1.0], &[1.0, NAN, 2.0]],
        &[NAN, NAN, 1.0],
    );
    check("RealDiv", &[&[1.0, 7.0], &[0.0, 2.0]], &[INF, 3.5]);
    check("DivNoNan", &[&[1.0, 7.0], &[0.0, 2.0]], &[0.0, 3.5]);
    let x: &[f32] = &[7.0, -7.0, 7.0, -7.0, 1.0, INF, 5.0, -5.0];
    let y: &[f32] = &[2.0, 2.0, -2.0, -2.0, 0.0, 2.0, INF, INF];
    check(
        "FloorDiv",
        &[x, y],
        &[3.0, -4.0, -4.0, 3.0, INF, INF, 0.0, -0.0],
    );
    check(
        "FloorMod",
        &[x, y],
        &[1.0, 1.0, -1.0, -1.0, NAN, NAN, 5.0, INF],
    );
    check(
        "TruncateDiv",
        &[&x[..5], &y[..5]],
        &[3.0, -3.0, -3.0, 3.0, INF],
    );
    check("Mod", &[x, y], &[1.0, -1.0, 1.0, -1.0, NAN, NAN, 5.0, -5.0]);
    check(
        "TruncateMod",
        &[x, y],
        &[1.0, -1.0, 1.0, -1.0, NAN, NAN, 5.0, -5.0],
    );
    check(
        "Pow",
        &[&[NAN, 0.0, -2.0, -2.0, 1.0], &[0.0, -1.0, 0.5, 3.0, NAN]],
        &[1.0, INF, NAN, -8.0, 1.0],
    );
    check("SquaredDifference", &[&[1.0], &[4.0]], &[9.0]);
    check(
        "Atan2",
        &[&[1.0, -1.0], &[-1.0, 0.0]],
        &[2.3561945, -std::f32::consts::FRAC_PI_2],
    );
    check(
        "Polygamma",
        &[&[1.0, 2.0, 1.5], &[0.5, 1.0, 2.0]],
        &[4.934802, -2.4041138, NAN],
    );
}

#[test]
fn whole_numbers() {
    let pair = |op: &str, x: [i32; 5], y: [i32; 5]| {
        let out = run(op, &[Tensor::from(x), Tensor::from(y)], &[]).unwrap();
        out.data::<i32>().unwrap().to_vec()
    };
    let (x, y) = ([7, -7, 7, -7, i32::MIN], [2, 2, -2, -2, -1]);
    assert_eq!(pair("FloorDiv", x, y), [3, -4, -4, 3, i32::MIN]);
    assert_eq!(pair("Div", x, y), [3, -3, -3, 3, i32::MIN]);
    assert_eq!(pair("TruncateDiv", x, y), [3, -3, -3, 3, i32::MIN]);
    assert_eq!(pair("FloorMod", x, y), [1, 1, -1, -1, 0]);
    assert_eq!(pair("TruncateMod", x, y), [1, -1, 1, -1, 0]);
    assert_eq!(
        pair("Pow", [2, -2, 0, 1, -1], [3, 7, 0, 100, 101]),
        [8, -128, 1, 1, -1]
    );
    assert_eq!(pair("AddV2", [i32::MAX; 5], [1; 5]), [i32::MIN; 5]);
    let e = run("Pow", &[Tensor::from([2i32]), Tensor::from([-1i32])], &[]).unwrap_err();
    assert_eq!(
        e.message(),
        "Integers to negative integer powers are not allowed"
    );
    let abs = run("Abs", &[Tensor::from([i64::MIN, -3])], &[]).unwrap();
    assert_eq!(abs.data::<i64>().unwrap(), &[i64::MIN, 3]);
    let round = run("Round", &[Tensor::from([5i32])], &[]).unwrap();
    assert_eq!(round.data::<i32>().unwrap(), &[5]);
}

#[test]
fn halves() {
    let x = [0.5f32, -2.0, 3.0].map(f16::from_f32);
    let out = run("Tanh", &[Tensor::from(x)], &[]).unwrap();
    let want = x.map(|v| f16::from_f32(v.to_f32().tanh()));
    assert_eq!(out.data::<f16>().unwrap(), &want);
    let x = [1.5f32, 2.5].map(bf16::from_f32);
    let out = run("Mul", &[Tensor::from(x), Tensor::from(x)], &[]).unwrap();
    assert_eq!(
        out.data::<bf16>().unwrap(),
        &[2.25f32, 6.25].map(bf16::from_f32)
    );
}

#[test]
fn complex_numbers() {
    type C = Complex<f32>;
    let one = |op: &str, z: C| {
        let out = run(op, &[Tensor::from([z])], &[]).unwrap();
        out.data::<C>().unwrap()[0]
    };
    let z = C::new(0.3, -0.4);
    let near = |a: C, b: C| assert!((a - b).norm() < 1e-6, "{a} {b}");
    near(one("Exp", z), z.exp());
    near(one("Expm1", z), z.exp() - 1.0);
    near(one("Log1p", z), (z + 1.0).ln());
    near(one("Sigmoid", z), 1.0 / (1.0 + (-z).exp()));
    near(one("Rsqrt", z), 1.0 / z.sqrt());
    near(one("Sign", z), C::new(0.6, -0.8));
    near(one("Conj", z), z.conj());
    let part = |op: &str| {
        let out = run(op, &[Tensor::from([z])], &[]).unwrap();
        out.data::<f32>().unwrap()[0]
    };
    assert_eq!(
        (part("Real"), part("Imag"), part("ComplexAbs")),
        (0.3, -0.4, 0.5)
    );
    assert!((part("Angle") - (-0.4f32).atan2(0.3)).abs() < 1e-6);
    let made = run(
        "Complex",
        &[Tensor::from([0.3f32]), Tensor::from([-0.4f32])],
        &[],
    )
    .unwrap();
    assert_eq!(made.data::<C>().unwrap(), &[z]);
}

#[test]
fn sums_of_many_tensors_in_tensorflow_order() {
    let mut noise = super::Noise(3);
    for n in [1usize, 2, 3, 7, 8, 9, 10, 16, 17, 20] {
        let xs: Vec<Tensor> = (0..n).map(|_| noise.tensor(&[700])).collect();
        let at = |k: usize, i: usize| xs[k].data::<f32>().unwrap()[i];
        let first = match n % 8 {
            0 => 8,
            1 if n > 1 => 9,
            r => r,
        };
        let want: Vec<f32> = (0..700)
            .map(|i| {
                let sum =
                    |from: usize, to: usize| (from + 1..to).fold(at(from, i), |s, k| s + at(k, i));
                let mut total = sum(0, first);
                for from in (first..n).step_by(8) {
                    total += sum(from, from + 8);
                }
                total
            })
            .collect();
        // Once with buffers that cannot be reused, once with buffers that can.
        let kept = run_op(
            &Registry::builtin(),
            "AddN",
            vec![xs.clone()],
            Default::default(),
        )
        .unwrap();
        assert_eq!(kept[0].data::<f32>().unwrap(), want);
        let given = run_op(&Registry::builtin(), "AddN", vec![xs], Default::default()).unwrap();
        assert_eq!(given[0].data::<f32>().unwrap(), want);
    }
    let bad = vec![vec![Tensor::from([1.0f32]), Tensor::from([1.0f32, 2.0])]];
    let e = run_op(&Registry::builtin(), "AddN", bad, Default::default()).unwrap_err();
    assert_eq!(
        e.message(),
        "Inputs to operation AddN of type AddN must have the same size and shape.  Input 0: [1] != input 1: [2]"
    );
}

#[test]
fn selections() {
    let c = Tensor::from([true, false]);
    let pick = |op: &str, args: [Tensor; 3]| {
        run(op, &args, &[]).map(|t| (t.shape().dims().to_vec(), t.data::<f32>().unwrap().to_vec()))
    };
    let (a, b) = (Tensor::from([1.0f32, 2.0]), Tensor::from([3.0f32, 4.0]));
    assert_eq!(
        pick("Select", [c.clone(), a.clone(), b.clone()]).unwrap().1,
        [1.0, 4.0]
    );
    let (m, n) = (
        Tensor::from([[1.0f32, 2.0], [3.0, 4.0]]),
        Tensor::from([[5.0f32, 6.0], [7.0, 8.0]]),
    );
    let rows = pick("Select", [c.clone(), m.clone(), n.clone()]).unwrap();
    assert_eq!(rows, (vec![2, 2], vec![1.0, 2.0, 7.0, 8.0]));
    let whole = pick("Select", [Tensor::from(false), m.clone(), n.clone()]).unwrap();
    assert_eq!(whole.1, [5.0, 6.0, 7.0, 8.0]);
    let columns = pick("SelectV2", [c.clone(), m.clone(), Tensor::from(0.0f32)]).unwrap();
    assert_eq!(columns, (vec![2, 2], vec![1.0, 0.0, 3.0, 0.0]));
    let down = Tensor::from([[true], [false]]);
    let wide = pick("SelectV2", [down, a.clone(), Tensor::from([[9.0f32, 8.0]])]).unwrap();
    assert_eq!(wide, (vec![2, 2], vec![1.0, 2.0, 9.0, 8.0]));
    let three = Tensor::from([true, false, true]);
    let text = |op: &str, args: [Tensor; 3]| pick(op, args).unwrap_err().message().to_string();
    assert_eq!(
        text("Select", [three.clone(), a.clone(), b.clone()]),
        "Inputs to operation Select of type Select must have the same size and shape.  Input 0: [3] != input 1: [2]"
    );
    assert_eq!(
        text("Select", [three.clone(), m.clone(), n.clone()]),
        "Number of batches of 'then' must match size of 'cond', but saw: 2 vs. 3"
    );
    assert_eq!(
        text(
            "Select",
            [c.clone(), Tensor::from(1.0f32), Tensor::from(1.0f32)]
        ),
        "'then' must be at least a vector, but saw shape: []"
    );
    assert_eq!(
        text("Select", [Tensor::from(true), m, a.clone()]),
        "'then' and 'else' must have the same size.  but received: [2,2] vs. [2]"
    );
    assert_eq!(
        text("SelectV2", [three, a, b]),
        "condition [3], then [2], and else [2] must be broadcastable"
    );
    let words = run(
        "Select",
        &[c, Tensor::from(["a", "b"]), Tensor::from(["c", "d"])],
        &[],
    )
    .unwrap();
    assert_eq!(
        (
            &words.strings().unwrap()[0][..],
            &words.strings().unwrap()[1][..]
        ),
        (&b"a"[..], &b"d"[..])
    );
}
