//! Checkpoints of the old format: TensorFlow's own, and damaged ones.

use super::*;
use crate::io::testing::light_damages;
use half::f16;
use num_complex::Complex;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/ckpt_v1")
        .join(name)
}

#[test]
fn every_type_is_read() {
    let r = CheckpointReader::open(fixture("all")).unwrap();
    assert!(r.bundle().is_none());
    let keys = [
        "b", "c128", "c64", "d", "empty", "f", "h", "i16", "i32", "i64", "i8", "s", "u16", "u8",
        "zeros",
    ];
    assert_eq!(r.keys(), keys);
    assert_eq!(r.read("f").unwrap().to_scalar::<f32>().unwrap(), 1.5);
    assert_eq!(r.read("d").unwrap().data::<f64>().unwrap(), [1.0, -2.0]);
    let i = r.read("i32").unwrap();
    assert_eq!(
        (i.shape().dims(), i.data::<i32>().unwrap()),
        (&[2, 3][..], &[-3, -2, -1, 0, 1, 2][..])
    );
    assert_eq!(r.read("i64").unwrap().data::<i64>().unwrap(), [-1, 1 << 40]);
    assert_eq!(r.read("i16").unwrap().data::<i16>().unwrap(), [-5, 6]);
    assert_eq!(r.read("i8").unwrap().data::<i8>().unwrap(), [-7]);
    assert_eq!(r.read("u8").unwrap().data::<u8>().unwrap(), [200]);
    assert_eq!(r.read("u16").unwrap().data::<u16>().unwrap(), [60000]);
    assert_eq!(r.read("b").unwrap().data::<bool>().unwrap(), [true, false]);
    assert_eq!(
        r.read("c64").unwrap().data::<Complex<f32>>().unwrap(),
        [Complex::new(1.0, 2.0)]
    );
    assert_eq!(
        r.read("c128").unwrap().data::<Complex<f64>>().unwrap(),
        [Complex::new(1.0, -2.0)]
    );
    assert_eq!(
        r.read("h").unwrap().data::<f16>().unwrap(),
        [1.5, -2.0].map(f16::from_f32)
    );
    let s = r.read("s").unwrap();
    assert_eq!(
        (&s.strings().unwrap()[0][..], s.strings().unwrap()[1].len()),
        (&b"ab"[..], 0)
    );
    assert_eq!(r.read("empty").unwrap().shape().dims(), [0, 2]);
    assert_eq!(r.read("zeros").unwrap().data::<f32>().unwrap(), [0.0; 3]);
    assert_eq!(
        r.dtype_and_shape("i32").unwrap(),
        (DType::I32, shape(&[2, 3]))
    );
    assert_eq!(
        r.read_slice("i32", &slice("1,1:0,2"))
            .unwrap()
            .data::<i32>()
            .unwrap(),
        [0, 1]
    );
    assert_eq!(
        r.read_slice("s", &slice("0,1"))
            .unwrap()
            .strings()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn shards_are_read_together() {
    let r = CheckpointReader::open(fixture("p-?????-of-00002")).unwrap();
    assert_eq!(r.keys(), ["v", "x0", "x1"]);
    assert_eq!(
        r.read("v").unwrap().data::<f32>().unwrap(),
        v().data::<f32>().unwrap()
    );
    assert_eq!(r.read("x1").unwrap().to_scalar::<i64>().unwrap(), 1);
    let middle = r.restore("v", "4 5 1,2:3,1", DType::F32).unwrap();
    assert_eq!(middle.data::<f32>().unwrap(), [8.0, 13.0]);
    let half = CheckpointReader::open(fixture("p-00000-of-00002")).unwrap();
    assert_eq!(half.read("v").unwrap_err().code(), Code::InvalidArgument);
    assert!(half.read_slice("v", &slice("0,2:-")).is_ok());
}

#[test]
fn what_does_not_fit_is_told_as_tensorflow_tells_it() {
    let all = fixture("all");
    let r = CheckpointReader::open(&all).unwrap();
    let cases = [
        (
            r.restore("nope", "", DType::F32),
            Code::NotFound,
            format!("Tensor name \"nope\" not found in checkpoint files {}", all.display()),
        ),
        (
            r.restore("f", "", DType::F64),
            Code::InvalidArgument,
            "Expected to restore a tensor of type double, got a tensor of type float instead: tensor_name = f".into(),
        ),
        (
            r.restore("i32", "2 4 -:-", DType::I32),
            Code::InvalidArgument,
            "Shape in shape_and_slice spec does not match the shape in the save file: [2,4], save file shape: [2,3]"
                .into(),
        ),
    ];
    for (result, code, message) in cases {
        let e = result.unwrap_err();
        assert_eq!((e.code(), e.message()), (code, &message[..]));
    }
    let e = CheckpointReader::open("/nonexistent/x").err().unwrap();
    let message = "Unsuccessful TensorSliceReader constructor: Failed to find any matching files for /nonexistent/x";
    assert_eq!((e.code(), e.message()), (Code::NotFound, message));
    let e = CheckpointReader::open(super::fixture("checkpoint"))
        .err()
        .unwrap();
    assert_eq!(e.code(), Code::DataLoss);
    assert!(
        e.message()
            .contains(": not an sstable (bad magic number): perhaps your file")
    );
    let dir = TempDir::new("v1-or-v2");
    saved(&dir, "p", 1.0);
    assert!(
        CheckpointReader::open(dir.path("p"))
            .unwrap()
            .bundle()
            .is_some()
    );
}

#[test]
fn damage_never_panics() {
    let dir = TempDir::new("v1-damage");
    let whole = std::fs::read(fixture("all")).unwrap();
    for damaged in light_damages(&whole) {
        std::fs::write(dir.path("d"), damaged).unwrap();
        if let Ok(r) = CheckpointReader::open(dir.path("d")) {
            for name in r.keys() {
                if let Err(e) = r.read(name) {
                    assert!(matches!(e.code(), Code::DataLoss | Code::NotFound), "{e}");
                }
            }
        }
    }
}

#[test]
fn entries_that_lie_are_refused() {
    let dir = TempDir::new("v1-lies");
    let table = crate::io::table::Table::open(&fixture("p-00000-of-00002")).unwrap();
    let entries = table.entries().unwrap();
    for i in 0..entries.len() {
        for damaged in light_damages(&entries[i].1) {
            let mut out = crate::io::table::TableBuilder::new();
            for (j, (key, value)) in entries.iter().enumerate() {
                out.add(key, if i == j { &damaged } else { value }).unwrap();
            }
            std::fs::write(dir.path("d"), out.finish()).unwrap();
            if let Ok(r) = CheckpointReader::open(dir.path("d")) {
                for name in r.keys() {
                    let _ = r.read(name);
                }
            }
        }
    }
}

/// Files that TensorFlow wrote, read and written again in the same order, are the same byte for byte.
#[test]
fn written_files_are_those_of_tensorflow() {
    let dir = TempDir::new("v1-write");
    for name in ["all", "p-00000-of-00002", "p-00001-of-00002"] {
        let theirs = fixture(name);
        let table = crate::io::table::Table::open(&theirs).unwrap();
        let meta = table.get(b"").unwrap().unwrap();
        let meta = crate::proto::SavedTensorSlices::decode(&meta[..]).unwrap();
        let from = CheckpointReader::open(&theirs).unwrap();
        let mut writer = V1Writer::new(dir.path(name));
        for tensor in meta.meta.unwrap().tensor {
            let (_, shape) = from.dtype_and_shape(&tensor.name).unwrap();
            for part in &tensor.slice {
                let part = TensorSlice::from_proto(part).unwrap();
                let values = from.read_slice(&tensor.name, &part).unwrap();
                writer
                    .add_slice(&tensor.name, &shape, &part, &values)
                    .unwrap();
            }
        }
        writer.finish().unwrap();
        let ours = std::fs::read(dir.path(name)).unwrap();
        assert_eq!(ours, std::fs::read(theirs).unwrap(), "{name}");
    }
}

#[test]
fn what_cannot_be_written_is_refused() {
    let mut writer = V1Writer::new("/nonexistent/folder/x");
    writer.add("a", &Tensor::from(1f32)).unwrap();
    let e = writer.add("a", &Tensor::from(2f32)).unwrap_err();
    assert!(e.message().starts_with("Adding duplicate key: a"), "{e}");
    assert_eq!(
        writer.add("b", &Tensor::from(1u32)).unwrap_err().code(),
        Code::Unimplemented
    );
    let part = writer.add_slice("c", &shape(&[4]), &slice("3,2"), &Tensor::from([1f32, 2.0]));
    assert!(part.is_err());
    writer
        .add_slice("d", &shape(&[4]), &slice("0,2"), &Tensor::from([1f32, 2.0]))
        .unwrap();
    let other = writer.add_slice("d", &shape(&[5]), &slice("2,2"), &Tensor::from([1f32, 2.0]));
    assert_eq!(other.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(writer.finish().unwrap_err().code(), Code::NotFound);
}
