//! Tests of NumPy files: NumPy's own, round trips, and damage.

use super::*;
use crate::io::testing::{TempDir, damages, light_damages};
use crate::{Code, Shape};
use half::bf16;
use num_complex::Complex;
use std::path::PathBuf;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/npy")
        .join(name)
}

fn strings(tensor: &Tensor) -> Vec<String> {
    let strings = tensor.strings().unwrap().iter();
    strings
        .map(|s| String::from_utf8(s.to_vec()).unwrap())
        .collect()
}

#[test]
fn numpys_arrays_are_read() {
    let f = read_npy(fixture("f.npy")).unwrap();
    assert_eq!(f.shape().dims(), [2, 3]);
    assert_eq!(f.data::<f32>().unwrap(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    let t = read_npy(fixture("fortran.npy")).unwrap();
    assert_eq!(t.shape().dims(), [2, 3, 4]);
    assert!(t.data::<i16>().unwrap().iter().copied().eq(0..24));
    assert_eq!(
        strings(&read_npy(fixture("text.npy")).unwrap()),
        ["a", "é€", ""]
    );
}

#[test]
fn our_bytes_are_numpys() {
    let t = Tensor::from([[0f32, 1.0, 2.0], [3.0, 4.0, 5.0]]);
    assert_eq!(
        encode_npy(&t).unwrap(),
        std::fs::read(fixture("f.npy")).unwrap()
    );
}

#[test]
fn numpys_archives_are_read() {
    let plain = read_npz(fixture("plain.npz")).unwrap();
    let names: Vec<&str> = plain.iter().map(|(n, _)| n.as_str()).collect();
    assert_eq!(names, ["x", "s", "arr_0"]);
    assert_eq!(plain[0].1.data::<bool>().unwrap(), [true, false]);
    assert_eq!(strings(&plain[1].1), ["ab", ""]);
    assert_eq!(plain[2].1.to_scalar::<f32>().unwrap(), 1.5);
    let packed = read_npz(fixture("packed.npz")).unwrap();
    assert_eq!(packed[0].1.data::<i64>().unwrap(), [0; 100]);
    assert_eq!(
        packed[1].1.data::<Complex<f64>>().unwrap(),
        [Complex::new(1.0, 2.0)]
    );
}

#[test]
fn every_type_and_shape_round_trips() {
    let dir = TempDir::new("npy");
    let types = DType::all().filter(|d| d.is_pod() && *d != DType::BF16);
    for dtype in types {
        for dims in [&[][..], &[3], &[2, 0, 4], &[2, 3, 4]] {
            let mut t = Tensor::alloc(dtype, Shape::of(dims).unwrap()).unwrap();
            let bytes = t.bytes_mut().unwrap().iter_mut().enumerate();
            bytes.for_each(|(i, b)| *b = (i % 2) as u8);
            let back = decode_npy(&encode_npy(&t).unwrap()).unwrap();
            assert_eq!(
                (back.shape(), back.bytes().unwrap()),
                (t.shape(), t.bytes().unwrap())
            );
            assert_eq!(encode_npy(&t).unwrap().len() % 64, t.byte_size() % 64);
        }
    }
    let b = Tensor::from([bf16::from_f32(1.5), bf16::from_f32(-2.0)]);
    let back = decode_npy(&encode_npy(&b).unwrap()).unwrap();
    assert_eq!(back.data::<f32>().unwrap(), [1.5, -2.0]);
    let s = Tensor::from(["", "abc", "é"]);
    assert_eq!(
        strings(&decode_npy(&encode_npy(&s).unwrap()).unwrap()),
        ["", "abc", "é"]
    );
    assert!(encode_npy(&Tensor::from("a\0")).is_err());
    for compress in [false, true] {
        let path = dir.path("a.npz");
        let zeros = Tensor::zeros(DType::F64, Shape::of(&[500]).unwrap()).unwrap();
        write_npz(
            &path,
            &[("a/b:0", &zeros), ("s", &s)],
            NpzOptions { compress },
        )
        .unwrap();
        let size = std::fs::metadata(&path).unwrap().len();
        assert_eq!(size < 2000, compress);
        let back = read_npz(&path).unwrap();
        assert_eq!((back[0].0.as_str(), back[1].0.as_str()), ("a/b:0", "s"));
        assert_eq!(
            back[0].1.data::<f64>().unwrap(),
            zeros.data::<f64>().unwrap()
        );
        write_npz(&path, &[("", &s); 0], NpzOptions { compress }).unwrap();
        assert!(read_npz(&path).unwrap().is_empty());
        let twice = write_npz(&path, &[("a", &s), ("a", &s)], NpzOptions { compress });
        assert_eq!(twice.unwrap_err().code(), Code::InvalidArgument);
        assert_eq!(dir.names(), ["a.npz"]);
    }
}

fn array(version: u8, header: &str, data: usize) -> Vec<u8> {
    let mut out = b"\x93NUMPY".to_vec();
    out.extend([version, 0]);
    match version {
        1 => out.extend((header.len() as u16).to_le_bytes()),
        _ => out.extend((header.len() as u32).to_le_bytes()),
    }
    out.extend(header.as_bytes());
    out.resize(out.len() + data, 0);
    out
}

#[test]
fn headers_of_other_writers() {
    let accepted = [
        (
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2L,), }",
            8,
        ),
        (
            "{\"shape\":(2,1),\"descr\":\"=f4\",\"fortran_order\":True}\n",
            8,
        ),
        (
            "  {'descr': 'f4', 'shape': (), 'fortran_order': False}  \n",
            4,
        ),
        (
            "{'descr': '|S0', 'fortran_order': False, 'shape': (3,), }",
            0,
        ),
        (
            "{'descr': '<U2', 'fortran_order': False, 'shape': (1,), }",
            8,
        ),
    ];
    for (header, data) in accepted {
        for version in 1..=3 {
            decode_npy(&array(version, header, data)).expect(header);
        }
    }
}

#[test]
fn row_244_arrays_that_are_refused() {
    let with = |descr: &str, shape: &str| {
        format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}")
    };
    let invalid = [
        with("'|O'", "(2,)"),
        with("[('a', '<f4')]", "(2,)"),
        with("'<M8[s]'", "(2,)"),
        with("'<f16'", "(2,)"),
        with("'<f4'", "(-2,)"),
        with("'<f4'", "(2)"),
        with("'<f4'", "2"),
        with("'<f4'", "(4611686018427387904, 4)"),
        with("'<f4'", "(99999999999999999999,)"),
        with("'<U4611686018427387904'", "(1,)"),
        with("'|S99999999999999999999'", "(1,)"),
        with("'<f4'", &format!("({})", "1, ".repeat(255))),
        "{'descr': '<f4', 'fortran_order': False}".to_string(),
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}".to_string(),
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': (1,)}".to_string(),
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}".to_string(),
        "{".to_string(),
        String::new(),
    ];
    for header in invalid {
        let e = decode_npy(&array(1, &header, 64)).expect_err(&header);
        assert_eq!(e.code(), Code::InvalidArgument, "{header}");
    }
    for (descr, shape) in [
        ("'<f4'", "(17,)"),
        ("'<f8'", "(1099511627776,)"),
        ("'|S70'", "(1,)"),
    ] {
        let e = decode_npy(&array(1, &with(descr, shape), 64)).unwrap_err();
        assert_eq!(e.code(), Code::DataLoss);
    }
    assert!(decode_npy(&array(4, &with("'<f4'", "(1,)"), 4)).is_err());
    let mut huge = array(2, &with("'<f4'", "(1,)"), 4);
    huge[8..12].fill(0xff);
    assert_eq!(decode_npy(&huge).unwrap_err().code(), Code::InvalidArgument);
    let text = array(1, &with("'<U1'", "(1,)"), 0);
    assert!(decode_npy(&[&text[..], &[0, 0, 0x11, 0xff]].concat()).is_err());
}

#[test]
fn damaged_arrays_never_panic() {
    for name in ["f.npy", "fortran.npy", "text.npy"] {
        for damaged in damages(&std::fs::read(fixture(name)).unwrap()) {
            let _ = decode_npy(&damaged);
        }
    }
}

#[test]
fn damaged_archives_give_errors_or_the_truth() {
    let dir = TempDir::new("npz-damage");
    for name in ["plain.npz", "packed.npz"] {
        let whole = std::fs::read(fixture(name)).unwrap();
        let truth = read_npz(fixture(name)).unwrap();
        for damaged in light_damages(&whole) {
            let path = dir.path("d.npz");
            std::fs::write(&path, damaged).unwrap();
            if let Ok(arrays) = read_npz(&path) {
                for ((_, a), (_, b)) in arrays.iter().zip(&truth) {
                    assert_eq!((a.dtype(), a.shape()), (b.dtype(), b.shape()));
                    match a.dtype() {
                        DType::String => assert_eq!(a.strings().unwrap(), b.strings().unwrap()),
                        _ => assert_eq!(a.bytes().unwrap(), b.bytes().unwrap()),
                    }
                }
            }
        }
    }
}

#[test]
fn row_244_a_zip_bomb_is_refused_before_it_is_unpacked() {
    let dir = TempDir::new("npz-bomb");
    let path = dir.path("b.npz");
    let zeros = Tensor::zeros(DType::U8, Shape::of(&[1 << 20]).unwrap()).unwrap();
    write_npz(&path, &[("z", &zeros)], NpzOptions { compress: true }).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let central = whole
        .windows(4)
        .rposition(|w| w == [0x50, 0x4b, 1, 2])
        .unwrap();
    for claim in [0u32, 100, u32::MAX - 1] {
        let mut lie = whole.clone();
        lie[central + 24..central + 28].copy_from_slice(&claim.to_le_bytes());
        std::fs::write(&path, lie).unwrap();
        assert_eq!(read_npz(&path).unwrap_err().code(), Code::DataLoss);
    }
}
