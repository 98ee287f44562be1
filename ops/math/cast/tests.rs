//! Casts between all types, also of numbers out of range.

use crate::runtime::run_op;
use crate::{AttrValue, Attrs, DType, Registry, Result, Tensor};
use half::{bf16, f16};
use num_complex::Complex;

fn cast(x: impl Into<Tensor>, to: DType, truncate: bool) -> Result<Tensor> {
    let mut attrs = Attrs::default();
    attrs.0.insert("DstT".into(), AttrValue::Type(to));
    attrs.0.insert("Truncate".into(), AttrValue::Bool(truncate));
    let out = run_op(&Registry::builtin(), "Cast", vec![vec![x.into()]], attrs)?;
    Ok(out[0].clone())
}

#[test]
fn numbers_out_of_range_become_what_x86_makes_of_them() {
    let x = [
        1.9f32,
        -1.9,
        300.0,
        -300.0,
        1e20,
        f32::NAN,
        -1e20,
        70000.0,
        -70000.0,
        3e9,
        5e9,
        1e19,
        2e19,
    ];
    let got = cast(x, DType::I32, false).unwrap();
    let min = i32::MIN;
    assert_eq!(
        got.data::<i32>().unwrap(),
        &[
            1, -1, 300, -300, min, min, min, 70000, -70000, min, min, min, min
        ]
    );
    let got = cast(x, DType::U8, false).unwrap();
    assert_eq!(
        got.data::<u8>().unwrap(),
        &[1, 255, 44, 212, 0, 0, 0, 112, 144, 0, 0, 0, 0]
    );
    let got = cast(x, DType::I16, false).unwrap();
    assert_eq!(
        got.data::<i16>().unwrap(),
        &[1, -1, 300, -300, 0, 0, 0, 4464, -4464, 0, 0, 0, 0]
    );
    let got = cast(x, DType::U32, false).unwrap();
    assert_eq!(
        got.data::<u32>().unwrap()[4..],
        [0, 0, 0, 70000, 4294897296, 3000000000, 705032704, 0, 0]
    );
    let got = cast(x, DType::U64, false).unwrap();
    let top = 1u64 << 63;
    assert_eq!(
        got.data::<u64>().unwrap()[4..],
        [
            top,
            top,
            top,
            70000,
            (-70000i64) as u64,
            3_000_000_000,
            5_000_000_000,
            9_999_999_980_506_447_872,
            top
        ]
    );
}

#[test]
fn every_pair_of_types_keeps_small_whole_numbers() {
    let types: Vec<DType> = crate::dtype::sets::PODS
        .iter()
        .copied()
        .filter(|d| *d != DType::Bool)
        .collect();
    let x = Tensor::from([0i32, 1, 7, 100]);
    for from in &types {
        let source = cast(x.clone(), *from, false).unwrap();
        for to in &types {
            let there = cast(source.clone(), *to, false).unwrap();
            assert_eq!(there.dtype(), *to);
            let back = cast(there, DType::I32, false).unwrap();
            assert_eq!(
                back.data::<i32>().unwrap(),
                x.data::<i32>().unwrap(),
                "{from} {to}"
            );
        }
        let bits = cast(source, DType::Bool, false).unwrap();
        assert_eq!(bits.data::<bool>().unwrap(), &[false, true, true, true]);
        let ones = cast(bits, *from, false).unwrap();
        let ones = cast(ones, DType::I32, false).unwrap();
        assert_eq!(ones.data::<i32>().unwrap(), &[0, 1, 1, 1]);
    }
}

#[test]
fn complex_numbers_keep_their_parts_among_themselves() {
    let z = Tensor::from([Complex::new(1.5f32, -2.0)]);
    let wide = cast(z, DType::C128, false).unwrap();
    assert_eq!(
        wide.data::<Complex<f64>>().unwrap(),
        &[Complex::new(1.5, -2.0)]
    );
    let real = cast(wide, DType::F32, false).unwrap();
    assert_eq!(real.data::<f32>().unwrap(), &[1.5]);
    let bits = cast(
        Tensor::from([Complex::new(0.0f32, 1.0), Complex::new(0.5, 0.0)]),
        DType::Bool,
        false,
    )
    .unwrap();
    assert_eq!(bits.data::<bool>().unwrap(), &[false, true]);
}

#[test]
fn halves_round_or_are_cut() {
    let x = [1.00390625f32, 1.005859375, 3.999, -1.0078125];
    let b = |v: [f32; 4]| v.map(bf16::from_f32);
    let got = cast(x, DType::BF16, false).unwrap();
    assert_eq!(
        got.data::<bf16>().unwrap(),
        &b([1.0, 1.0078125, 4.0, -1.0078125])
    );
    let got = cast(x, DType::BF16, true).unwrap();
    assert_eq!(
        got.data::<bf16>().unwrap(),
        &b([1.0, 1.0, 3.984375, -1.0078125])
    );
    let got = cast([1.0009765f32, 3.9999], DType::F16, true).unwrap();
    assert_eq!(
        got.data::<f16>().unwrap(),
        &[1.0f32, 3.9980469].map(f16::from_f32)
    );
    let got = cast([3.999999999f64], DType::F32, true).unwrap();
    assert_eq!(got.data::<f32>().unwrap(), &[3.9999998]);
}

#[test]
fn strings_do_not_cast() {
    let e = cast("a", DType::I32, false).unwrap_err();
    assert_eq!(e.code(), crate::Code::Unimplemented);
    assert_eq!(e.message(), "Cast string to int32 is not supported");
}
