//! Times of elementwise ops and reductions over shapes that training meets, best of many runs.

use std::sync::Arc;
use std::time::Instant;
use tensorloom::kernel::{Env, Value};
use tensorloom::resource::Resources;
use tensorloom::runtime::SingleOp;
use tensorloom::{AttrValue, Attrs, DType, Registry, Tensor, ThreadPool};

/// A call: op, shapes of float inputs, and the axes of a reduction or the type of a cast.
const CALLS: &[(&str, &[&[usize]], &[i32])] = &[
    ("AddV2", &[&[1 << 22], &[1 << 22]], &[]),
    ("AddV2", &[&[128, 24, 24, 64], &[64]], &[]),
    ("AddV2", &[&[128, 384], &[384]], &[]),
    ("AddV2", &[&[64, 64], &[64, 64]], &[]),
    ("Mul", &[&[1 << 22], &[]], &[]),
    ("Mul", &[&[1 << 20, 3], &[3]], &[]),
    ("Mul", &[&[2048, 2048], &[2048, 1]], &[]),
    ("RealDiv", &[&[1 << 22], &[1 << 22]], &[]),
    ("Maximum", &[&[1 << 22], &[]], &[]),
    ("Less", &[&[1 << 22], &[]], &[]),
    ("Pow", &[&[1 << 20], &[]], &[]),
    ("SquaredDifference", &[&[1 << 22], &[]], &[]),
    ("Square", &[&[1 << 22]], &[]),
    ("Sqrt", &[&[1 << 22]], &[]),
    ("Rsqrt", &[&[1 << 22]], &[]),
    ("Exp", &[&[1 << 22]], &[]),
    ("Log", &[&[1 << 22]], &[]),
    ("Tanh", &[&[1 << 22]], &[]),
    ("Sigmoid", &[&[1 << 22]], &[]),
    ("Sin", &[&[1 << 20]], &[]),
    ("Erf", &[&[1 << 20]], &[]),
    ("Sum", &[&[1 << 22]], &[0]),
    ("Sum", &[&[128 * 24 * 24, 64]], &[0]),
    ("Sum", &[&[1 << 20, 3]], &[0]),
    ("Sum", &[&[1 << 20, 3]], &[1]),
    ("Sum", &[&[2048, 2048]], &[1]),
    ("Sum", &[&[2048, 2048]], &[0]),
    ("Sum", &[&[64, 64, 32, 32]], &[0, 2, 3]),
    ("Sum", &[&[64, 64, 32, 32]], &[1]),
    ("Mean", &[&[128, 10]], &[1]),
    ("Max", &[&[1 << 22]], &[0]),
    ("Max", &[&[2048, 2048]], &[1]),
    ("ArgMax", &[&[2048, 1000]], &[1]),
    ("Cumsum", &[&[2048, 1000]], &[1]),
    ("Cast to bfloat16", &[&[1 << 22]], &[DType::BF16 as i32]),
    ("Cast to half", &[&[1 << 22]], &[DType::F16 as i32]),
    ("Cast to int32", &[&[1 << 22]], &[DType::I32 as i32]),
    (
        "AddN",
        &[&[1 << 20], &[1 << 20], &[1 << 20], &[1 << 20]],
        &[],
    ),
];

fn numbers(dims: &[usize]) -> Tensor {
    let mut state = 1u32;
    let values: Vec<f32> = (0..dims.iter().product())
        .map(|_| {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            (state >> 8) as f32 / (1 << 23) as f32 + 0.1
        })
        .collect();
    Tensor::from_vec(dims, values).unwrap()
}

fn main() {
    let env = Arc::new(Env {
        pool: ThreadPool::new(0),
        resources: Resources::new(),
        device: "/job:localhost/replica:0/task:0/device:CPU:0".into(),
        gpu: None,
    });
    let only = std::env::args()
        .nth(1)
        .filter(|a| !a.starts_with('-'))
        .unwrap_or_default();
    for (name, shapes, extra) in CALLS.iter().filter(|c| c.0.contains(&only)) {
        let op = name.split(' ').next().unwrap_or(name);
        let mut inputs: Vec<Tensor> = shapes.iter().map(|d| numbers(d)).collect();
        let mut attrs = Attrs::default();
        match (op, *extra) {
            ("Cast", [d]) => {
                let to = DType::from_number(*d).unwrap();
                attrs.0.insert("DstT".into(), AttrValue::Type(to));
            }
            ("ArgMax" | "Cumsum", [axis]) => inputs.push(Tensor::from(*axis)),
            (_, []) => {}
            (_, axes) => inputs.push(Tensor::from(axes)),
        }
        let types: Vec<DType> = inputs.iter().map(Tensor::dtype).collect();
        let types = match op {
            "AddN" => vec![types],
            _ => types.into_iter().map(|t| vec![t]).collect(),
        };
        let call = SingleOp::new(&Registry::builtin(), &env, op, &types, attrs).unwrap();
        let mut best = f64::INFINITY;
        let begin = Instant::now();
        while begin.elapsed().as_secs_f64() < 0.4 {
            let values = inputs.iter().cloned().map(Value::Tensor).collect();
            let t = Instant::now();
            call.run(values).unwrap();
            best = best.min(t.elapsed().as_secs_f64());
        }
        println!(
            "{name:<18} {:<28} {:9.1} µs",
            format!("{shapes:?} {extra:?}"),
            best * 1e6
        );
    }
}
