//! Safetensors files: round trips, the layout, and files that lie.

use super::*;
use crate::error::Code;
use crate::io::testing::{TempDir, light_damages};
use half::{bf16, f16};
use num_complex::Complex;

fn file(header: &str, data: &[u8]) -> Vec<u8> {
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], header.as_bytes(), data].concat()
}

fn open(dir: &TempDir, bytes: &[u8]) -> Result<SafetensorsReader> {
    let path = dir.path("f.safetensors");
    std::fs::write(&path, bytes).unwrap();
    SafetensorsReader::open(&path)
}

/// A tensor of every type that the format has.
fn samples() -> Vec<(String, Tensor)> {
    let list: Vec<Tensor> = vec![
        Tensor::from([true, false, true]),
        Tensor::from([1u8, 255]),
        Tensor::from([-1i8, 127]),
        Tensor::from([-3i16]),
        Tensor::from([65535u16]),
        Tensor::from_vec(&[2], vec![f16::from_f32(1.5), f16::NAN]).unwrap(),
        Tensor::from_vec(&[1, 1], vec![bf16::from_f32(-2.0)]).unwrap(),
        Tensor::from([[1i32, 2], [3, 4]]),
        Tensor::from([7u32]),
        Tensor::from(3.25f32),
        Tensor::from_vec(&[1], vec![Complex::new(1.0f32, -1.0)]).unwrap(),
        Tensor::from([f64::INFINITY]),
        Tensor::from([i64::MIN]),
        Tensor::from([u64::MAX]),
        Tensor::zeros(DType::F32, Shape::of(&[0, 5]).unwrap()).unwrap(),
    ];
    let name = |(i, t): (usize, Tensor)| (format!("t{i:02}/{}", t.dtype()), t);
    list.into_iter().enumerate().map(name).collect()
}

#[test]
fn every_type_comes_back() {
    let dir = TempDir::new("safetensors");
    let path = dir.path("all.safetensors");
    let tensors = samples();
    let list: Vec<(&String, &Tensor)> = tensors.iter().map(|(n, t)| (n, t)).collect();
    let about = BTreeMap::from([("format".to_string(), "tf".to_string())]);
    write_safetensors(&path, &list, &about).unwrap();
    let reader = SafetensorsReader::open(&path).unwrap();
    assert_eq!(reader.metadata(), &about);
    assert_eq!(reader.names().len(), tensors.len());
    for (name, t) in &tensors {
        let (dtype, shape) = reader.dtype_and_shape(name).unwrap();
        assert_eq!((dtype, &shape), (t.dtype(), t.shape()), "{name}");
        assert_eq!(
            reader.read(name).unwrap().bytes().unwrap(),
            t.bytes().unwrap(),
            "{name}"
        );
    }
    assert_eq!(reader.read("other").unwrap_err().code(), Code::NotFound);
    // The data begins at a multiple of eight, and each tensor at one of its element's size.
    assert_eq!(reader.base % 8, 0);
    for e in &reader.entries {
        let Stored::Known(d) = e.dtype else { panic!() };
        assert_eq!(e.begin % d.size().min(8) as u64, 0, "{}", e.name);
    }
}

#[test]
fn the_bytes_are_the_formats() {
    let dir = TempDir::new("safetensors");
    let path = dir.path("two.safetensors");
    let (a, b) = (Tensor::from([1i32]), Tensor::from([2i64]));
    write_safetensors(&path, &[("a", &a), ("b", &b)], &BTreeMap::new()).unwrap();
    let header = r#"{"a":{"data_offsets":[8,12],"dtype":"I32","shape":[1]},"b":{"data_offsets":[0,8],"dtype":"I64","shape":[1]}}"#;
    let header = format!("{header:<width$}", width = header.len().next_multiple_of(8));
    let data = [2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0];
    assert_eq!(std::fs::read(&path).unwrap(), file(&header, &data));
}

#[test]
fn what_cannot_be_written_leaves_the_old_file() {
    let dir = TempDir::new("safetensors");
    let path = dir.path("f.safetensors");
    let x = Tensor::from(1.0f32);
    let none = BTreeMap::new();
    write_safetensors(&path, &[("x", &x)], &none).unwrap();
    let old = std::fs::read(&path).unwrap();
    let text = Tensor::string("s");
    let wide = Tensor::from_vec(&[1], vec![Complex::new(1.0f64, 0.0)]).unwrap();
    let e = write_safetensors(&path, &[("x", &x), ("s", &text), ("c", &wide)], &none).unwrap_err();
    assert_eq!(e.code(), Code::Unimplemented);
    assert!(e.message().ends_with("s (string), c (complex128)"), "{e}");
    for twice in [[("x", &x), ("x", &x)], [("x", &x), (METADATA, &x)]] {
        let e = write_safetensors(&path, &twice, &none).unwrap_err();
        assert_eq!(e.code(), Code::InvalidArgument);
    }
    assert_eq!(std::fs::read(&path).unwrap(), old);
    assert_eq!(dir.names(), ["f.safetensors"]);
}

#[test]
fn lies_are_refused() {
    let dir = TempDir::new("safetensors");
    let x = |dtype: &str, shape: &str, offsets: &str| {
        format!(r#"{{"x":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#)
    };
    let f = |shape: &str, offsets: &str| x("F32", shape, offsets);
    let two = |a: &str, b: &str| {
        format!(
            r#"{{"x":{{"dtype":"U8","shape":[4],"data_offsets":{a}}},"y":{{"dtype":"U8","shape":[4],"data_offsets":{b}}}}}"#
        )
    };
    let rank = format!("[{}]", vec!["1"; 300].join(","));
    let deep = format!("{}{}", "{\"x\":".repeat(5000), "}".repeat(5000));
    let cases: Vec<(&str, String, usize, Code)> = vec![
        ("no object", "[]".into(), 0, Code::InvalidArgument),
        ("blank first", " {}".into(), 0, Code::InvalidArgument),
        ("not JSON", "{".into(), 0, Code::InvalidArgument),
        ("deep", deep, 0, Code::InvalidArgument),
        ("fields", r#"{"x":{"dtype":"F32"}}"#.into(), 0, Code::InvalidArgument),
        ("unknown type", x("F31", "[1]", "[0,4]"), 4, Code::InvalidArgument),
        ("negative", f("[-1]", "[0,4]"), 4, Code::InvalidArgument),
        ("fraction", f("[1.5]", "[0,4]"), 4, Code::InvalidArgument),
        ("too many dimensions", f(&rank, "[0,4]"), 4, Code::InvalidArgument),
        ("product", f("[4294967296,4294967296]", "[0,4]"), 4, Code::InvalidArgument),
        ("dimension", f("[18446744073709551615]", "[0,4]"), 4, Code::InvalidArgument),
        ("bytes overflow", f("[4611686018427387904]", "[0,4]"), 4, Code::DataLoss),
        ("size", f("[2]", "[0,4]"), 4, Code::DataLoss),
        ("backwards", f("[1]", "[8,4]"), 8, Code::DataLoss),
        ("gap at first", f("[1]", "[4,8]"), 8, Code::DataLoss),
        ("gap", two("[0,4]", "[5,9]"), 9, Code::DataLoss),
        ("overlap", two("[0,4]", "[2,6]"), 6, Code::DataLoss),
        ("same place", two("[0,4]", "[0,4]"), 4, Code::DataLoss),
        ("short", f("[1]", "[0,4]"), 3, Code::DataLoss),
        ("long", f("[1]", "[0,4]"), 5, Code::DataLoss),
        ("nothing but bytes", "{}".into(), 5, Code::DataLoss),
        ("half a byte", x("F4", "[1]", "[0,1]"), 1, Code::DataLoss),
        (
            "twice",
            r#"{"x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#
                .into(),
            0,
            Code::InvalidArgument,
        ),
        ("metadata", r#"{"__metadata__":{"a":1}}"#.into(), 0, Code::InvalidArgument),
    ];
    for (what, header, data, code) in cases {
        let e = open(&dir, &file(&header, &vec![0; data]))
            .err()
            .expect(what);
        assert_eq!(e.code(), code, "{what}: {e}");
        assert!(e.message().contains("f.safetensors: "), "{what}: {e}");
    }
    for bytes in [&b""[..], b"1234567"] {
        assert_eq!(
            open(&dir, bytes).err().unwrap().code(),
            Code::InvalidArgument
        );
    }
    let e = open(&dir, &[&200u64.to_le_bytes()[..], b"{}"].concat())
        .err()
        .unwrap();
    assert_eq!(e.code(), Code::DataLoss);
    let e = open(&dir, &[&u64::MAX.to_le_bytes()[..], b"{}"].concat())
        .err()
        .unwrap();
    assert!(e.message().contains("longer than"), "{e}");
    assert_eq!(open(&dir, &file("{}", b"")).unwrap().names().len(), 0);
}

#[test]
fn foreign_types_and_bad_booleans_are_found_when_read() {
    let dir = TempDir::new("safetensors");
    let header = r#"{"x":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"BOOL","shape":[1],"data_offsets":[2,3]},"u":{"dtype":"U8","shape":[1],"data_offsets":[3,4]}}"#;
    let reader = open(&dir, &file(header, &[1, 2, 3, 4])).unwrap();
    assert_eq!(reader.read("u").unwrap().data::<u8>().unwrap(), [4]);
    assert_eq!(reader.read("x").unwrap_err().code(), Code::Unimplemented);
    assert_eq!(reader.read("b").unwrap_err().code(), Code::DataLoss);
}

#[test]
fn damage_never_panics() {
    let dir = TempDir::new("safetensors");
    let path = dir.path("w.safetensors");
    let w = Tensor::from([[1.0f32, 2.0], [3.0, 4.0]]);
    let b = Tensor::from([true]);
    write_safetensors(&path, &[("w", &w), ("b", &b)], &BTreeMap::new()).unwrap();
    let sound = std::fs::read(&path).unwrap();
    for bytes in light_damages(&sound) {
        if let Ok(reader) = open(&dir, &bytes) {
            let names: Vec<String> = reader.names().map(str::to_string).collect();
            names.iter().for_each(|n| drop(reader.read(n)));
        }
    }
}
