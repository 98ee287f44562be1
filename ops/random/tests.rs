//! The streams of TensorFlow 2.19.1 for some seeds.

use crate::device::cpu::ThreadPool;
use crate::dtype::DType;
use crate::kernel::{Env, Value};
use crate::op::Attrs;
use crate::registry::Registry;
use crate::resource::Resources;
use crate::runtime::SingleOp;
use crate::tensor::Tensor;
use std::sync::Arc;

/// A random op that is called again and again, so that its stream goes on.
fn op(name: &str, types: &[DType], attrs: &[(&str, crate::AttrValue)], threads: usize) -> SingleOp {
    let env = Arc::new(Env {
        pool: ThreadPool::new(threads),
        resources: Resources::new(),
        device: "/job:localhost/replica:0/task:0/device:CPU:0".into(),
        gpu: None,
    });
    let mut a = Attrs::default();
    for (k, v) in attrs {
        a.0.insert(k.to_string(), v.clone());
    }
    let types: Vec<Vec<DType>> = types.iter().map(|t| vec![*t]).collect();
    SingleOp::new(&Registry::builtin(), &env, name, &types, a).unwrap()
}

fn call(op: &SingleOp, input: Tensor) -> Tensor {
    match op.run(vec![Value::Tensor(input)]).unwrap().remove(0) {
        Value::Tensor(t) => t,
        Value::Ref(_) => panic!("a random op gave a reference"),
    }
}

#[test]
fn uniforms_continue_their_stream() {
    let attrs = [
        ("seed", 87654321i64.into()),
        ("seed2", 7i64.into()),
        ("dtype", DType::F32.into()),
    ];
    let uniform = op("RandomUniform", &[DType::I32], &attrs, 1);
    let first = call(&uniform, Tensor::from([4i32]));
    let expected = [0.483_940_96f32, 0.506_203_06, 0.255_143_76, 0.124_742_27];
    assert_eq!(first.data::<f32>().unwrap(), &expected);
    // The second call of four begins at block 1024, whose first word is 0xcda71dfa.
    let second = call(&uniform, Tensor::from([4i32]));
    let word = f32::from_bits((0xcda7_1dfa & 0x7f_ffff) | 0x3f80_0000) - 1.0;
    assert_eq!(second.data::<f32>().unwrap()[0], word);
}

#[test]
fn half_uniforms() {
    let attrs = [
        ("seed", 3i64.into()),
        ("seed2", 9i64.into()),
        ("dtype", DType::F16.into()),
    ];
    let t = call(
        &op("RandomUniform", &[DType::I64], &attrs, 1),
        Tensor::from([6i64]),
    );
    let values: Vec<f32> = t
        .data::<half::f16>()
        .unwrap()
        .iter()
        .map(|v| v.to_f32())
        .collect();
    assert_eq!(
        values,
        [
            0.798_828_1,
            0.246_093_75,
            0.340_820_3,
            0.497_070_3,
            0.233_398_44,
            0.447_265_63
        ]
    );
}

#[test]
fn shuffles_continue_their_stream() {
    let shuffle = op(
        "RandomShuffle",
        &[DType::I32],
        &[("seed", 12i64.into()), ("seed2", (-3i64).into())],
        1,
    );
    let range = Tensor::from((0..11).collect::<Vec<i32>>());
    for expected in [[1, 4, 9, 2, 6], [3, 10, 7, 0, 6], [10, 2, 4, 0, 8]] {
        let t = call(&shuffle, range.clone());
        assert_eq!(&t.data::<i32>().unwrap()[..5], &expected);
        let mut all = t.data::<i32>().unwrap().to_vec();
        all.sort_unstable();
        assert_eq!(all, (0..11).collect::<Vec<i32>>());
    }
}

#[test]
fn the_number_of_threads_does_not_matter() {
    for name in ["RandomUniform", "RandomStandardNormal", "TruncatedNormal"] {
        let attrs = [
            ("seed", 5i64.into()),
            ("seed2", 6i64.into()),
            ("dtype", DType::F32.into()),
        ];
        let draw = |threads| {
            let t = call(
                &op(name, &[DType::I32], &attrs, threads),
                Tensor::from([70_001i32]),
            );
            t.data::<f32>()
                .unwrap()
                .iter()
                .map(|v| v.to_bits())
                .collect::<Vec<u32>>()
        };
        let one = draw(1);
        assert_eq!(one, draw(3), "{name}");
        assert!(one.iter().collect::<std::collections::HashSet<_>>().len() > 60_000);
    }
}

#[test]
fn bad_inputs_are_refused() {
    use crate::Shape;
    use crate::ops::testing::{Bad, refuse};
    let ints = |v: &[i32]| Tensor::from(v.to_vec());
    let none = |dtype| Tensor::zeros(dtype, Shape::of(&[0]).unwrap()).unwrap();
    let (seed, two) = (ints(&[1, 2]), ints(&[2]));
    let (key, counter) = (Tensor::from([1u64]), Tensor::from([1u64, 2]));
    let (one, minus) = (Tensor::from(1.0f32), Tensor::from(-1.0f32));
    let infinite = [f32::NEG_INFINITY, f32::INFINITY].map(Tensor::from);
    let uniform_v2 = |key: &Tensor, counter: &Tensor, alg: i32, message| {
        let args = [two.clone(), key.clone(), counter.clone(), alg.into()];
        Bad::new(0, "StatelessRandomUniformV2", &args, message)
    };
    let bounded = |shape: &Tensor, parameters: [&Tensor; 4], message| {
        let mut args = vec![shape.clone()];
        args.extend(parameters.map(Tensor::clone));
        Bad::new(0, "ParameterizedTruncatedNormal", &args, message).attr("seed", 1i64)
    };
    let rate = |v: f32| [two.clone(), Tensor::from([v])];
    refuse(vec![
        Bad::new(
            0,
            "StatelessRandomUniform",
            &[two.clone(), ints(&[1, 2, 3])],
            "seed must have shape [2], not [3]",
        ),
        Bad::new(
            0,
            "StatelessRandomNormal",
            &[ints(&[-2]), seed.clone()],
            "must be >= 0",
        ),
        Bad::new(
            0,
            "StatelessRandomGetKeyCounter",
            &[ints(&[1])],
            "seed must have shape [2], not [1]",
        ),
        uniform_v2(&counter, &counter, 1, "key must have shape [1], not [2]"),
        uniform_v2(
            &key,
            &key,
            1,
            "counter must be a vector with length at least 2",
        ),
        uniform_v2(&key, &counter, 2, "Unsupported algorithm id: 2"),
        Bad::new(
            0,
            "StatelessRandomUniformInt",
            &[two.clone(), seed.clone(), 3i32.into(), 2i32.into()],
            "Need minval < maxval, got 3 >= 2",
        ),
        bounded(&two, [&one, &minus, &minus, &one], "Invalid parameters"),
        bounded(
            &two,
            [&one, &one, &infinite[0], &infinite[1]],
            "Invalid parameters",
        ),
        bounded(
            &none(DType::I32),
            [&one, &one, &minus, &one],
            "Shape tensor must not be empty",
        ),
        bounded(
            &two,
            [&Tensor::from([1.0f32; 3]), &one, &minus, &one],
            "Input means should have length 1 or shape[0]",
        ),
        Bad::new(134, "RandomPoissonV2", &rate(f32::NAN), "must not be NaN"),
        Bad::new(
            134,
            "RandomGamma",
            &[2i32.into(), one.clone()],
            "shape must be a vector",
        ),
        Bad::new(
            134,
            "StatelessRandomGammaV2",
            &[two.clone(), seed.clone(), Tensor::from([1.0f32; 3])],
            "must end with broadcasted shape",
        ),
    ]);
    // Nothing is drawn for no parameters.
    let none = crate::ops::testing::run("RandomGamma", &[two, none(DType::F32)], &[]).unwrap();
    assert_eq!(none[0].shape().dims(), [2, 0]);
}

#[test]
fn crops_lie_within_the_image() {
    let image = Tensor::from_vec(&[3, 4, 1], (0..12u8).collect()).unwrap();
    let crop = op(
        "RandomCrop",
        &[DType::U8, DType::I64],
        &[("seed", 1i64.into())],
        1,
    );
    let mut seen = std::collections::HashSet::new();
    for _ in 0..50 {
        let args = vec![
            Value::Tensor(image.clone()),
            Value::Tensor(Tensor::from([2i64, 3])),
        ];
        let Value::Tensor(part) = crop.run(args).unwrap().remove(0) else {
            panic!("a random op gave a reference")
        };
        let part = part.data::<u8>().unwrap().to_vec();
        let first = part[0];
        assert_eq!(part, [0, 1, 2, 4, 5, 6].map(|x| first + x));
        seen.insert(first);
    }
    assert_eq!(seen, [0, 1, 4, 5].into());
    let large = vec![Value::Tensor(image), Value::Tensor(Tensor::from([4i64, 3]))];
    let e = crop.run(large).err().unwrap();
    assert_eq!(e.code(), crate::Code::FailedPrecondition);
}
