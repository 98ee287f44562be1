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
