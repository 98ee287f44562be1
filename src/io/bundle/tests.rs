//! Tests of bundles: TensorFlow's own files, round trips, and damage of every kind.

use super::*;
use crate::io::testing::{TempDir, damages, light_damages};
use crate::proto::{BundleEntryProto, BundleHeaderProto};
use crate::{Code, DType, Shape, Tensor};
use prost::Message;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/ckpt")
        .join(name)
}

fn slice(text: &str) -> TensorSlice {
    TensorSlice::parse(text).unwrap()
}

fn shape(dims: &[usize]) -> Shape {
    Shape::of(dims).unwrap()
}

/// The 4 by 5 tensor 0, 1 … 19 and its rows.
fn v() -> Tensor {
    let values: Vec<f32> = (0..20).map(|i| i as f32).collect();
    Tensor::from_vec(&[4, 5], values).unwrap()
}

/// Writes what the fixture `m.ckpt-2` holds, in the order in which TensorFlow wrote it.
fn write_like_fixture(prefix: &Path) {
    let mut w = BundleWriter::new(prefix).unwrap();
    let long = "x".repeat(200);
    w.add("a", &Tensor::from(1.5f32)).unwrap();
    w.add("bo", &Tensor::from([true, false])).unwrap();
    w.add("global_step", &Tensor::from(0i64)).unwrap();
    w.add("scope/w", &Tensor::from([[0i32, 1, 2], [3, 4, 5]]))
        .unwrap();
    w.add("str", &Tensor::from(["hello", "", &long])).unwrap();
    for (text, rows) in [("0,2:0,5", 0..2), ("2,2:0,5", 2..4)] {
        let part = v().rows(rows.start, rows.end).unwrap();
        w.add_slice("v", &shape(&[4, 5]), &slice(text), &part)
            .unwrap();
    }
    w.finish().unwrap();
}

#[test]
fn files_are_byte_identical_to_tensorflows() {
    let dir = TempDir::new("bundle-golden");
    let mut w = BundleWriter::new(dir.path("z")).unwrap();
    w.add("q", &Tensor::from([1.0f32, 2.0, 3.0, 4.0])).unwrap();
    w.finish().unwrap();
    write_like_fixture(&dir.path("m.ckpt-2"));
    for name in dir.names() {
        let ours = std::fs::read(dir.path(&name)).unwrap();
        assert_eq!(ours, std::fs::read(fixture(&name)).unwrap(), "{name}");
    }
    assert_eq!(dir.names().len(), 4);
}

#[test]
fn tensorflows_files_are_read() {
    let r = BundleReader::open(fixture("m.ckpt-2")).unwrap();
    let keys: Vec<&str> = r.keys().collect();
    assert_eq!(keys, ["a", "bo", "global_step", "scope/w", "str", "v"]);
    assert_eq!(r.read("a").unwrap().to_scalar::<f32>().unwrap(), 1.5);
    assert_eq!(r.read("bo").unwrap().data::<bool>().unwrap(), [true, false]);
    assert_eq!(
        r.read("global_step").unwrap().to_scalar::<i64>().unwrap(),
        0
    );
    let w = r.read("scope/w").unwrap();
    assert_eq!(
        (w.shape().dims(), w.data::<i32>().unwrap()),
        (&[2, 3][..], &[0, 1, 2, 3, 4, 5][..])
    );
    let s = r.read("str").unwrap();
    let lengths: Vec<usize> = s.strings().unwrap().iter().map(|s| s.len()).collect();
    assert_eq!(lengths, [5, 0, 200]);
    let whole = r.read("v").unwrap();
    assert_eq!(whole.data::<f32>().unwrap(), v().data::<f32>().unwrap());
    assert_eq!(r.entry("v").unwrap().slices.len(), 2);
    assert!(r.verify().iter().all(|(_, ok)| ok.is_ok()));
    let bytes: u64 = r.verify().into_iter().map(|(_, n)| n.unwrap()).sum();
    assert_eq!(bytes, 331);
}

#[test]
fn a_tensor_stored_whole_or_in_slices_is_read_in_any_slices() {
    let dir = TempDir::new("bundle-slices");
    let full = shape(&[4, 5]);
    let stored = [
        vec!["-:-"],
        vec!["0,2:-", "2,2:-"],
        vec!["-:0,1", "-:1,4"],
        vec!["0,1:0,5", "1,3:0,2", "1,3:2,3"],
        vec!["0,2:0,3", "2,2:0,3", "0,2:3,2", "2,2:3,2"],
    ];
    let wanted = ["-:-", "0,4:0,5", "1,2:-", "-:2,2", "3,1:4,1", "1,2:1,3"];
    for (i, parts) in stored.iter().enumerate() {
        let prefix = dir.path(&format!("p{i}"));
        let mut whole = BundleWriter::new(dir.path("whole")).unwrap();
        whole.add("v", &v()).unwrap();
        whole.finish().unwrap();
        let whole = BundleReader::open(dir.path("whole")).unwrap();
        let mut w = BundleWriter::new(&prefix).unwrap();
        for part in parts {
            let part = slice(part);
            w.add_slice("v", &full, &part, &whole.read_slice("v", &part).unwrap())
                .unwrap();
        }
        w.finish().unwrap();
        let r = BundleReader::open(&prefix).unwrap();
        for want in wanted {
            let got = r.read_slice("v", &slice(want)).unwrap();
            let spec = SliceSpec::parse(&format!("4 5 {want}")).unwrap();
            assert_eq!(got.shape(), &spec.shape);
            let direct = whole.read_slice("v", &spec.slice).unwrap();
            assert_eq!(
                got.bytes().unwrap(),
                direct.bytes().unwrap(),
                "{parts:?} {want}"
            );
        }
        assert!(r.verify().iter().all(|(_, ok)| ok.is_ok()));
    }
    let r = BundleReader::open(dir.path("p1")).unwrap();
    assert_eq!(
        r.read_slice("v", &slice("1,2:3,2"))
            .unwrap()
            .data::<f32>()
            .unwrap(),
        [8.0, 9.0, 13.0, 14.0]
    );
}

#[test]
fn strings_are_read_in_slices() {
    let dir = TempDir::new("bundle-strings");
    let names =
        |r: std::ops::Range<usize>| Tensor::from(r.map(|i| format!("s{i}")).collect::<Vec<_>>());
    let mut w = BundleWriter::new(dir.path("p")).unwrap();
    w.add("whole", &names(0..6)).unwrap();
    w.add_slice("parts", &shape(&[6]), &slice("0,2"), &names(0..2))
        .unwrap();
    w.add_slice("parts", &shape(&[6]), &slice("2,4"), &names(2..6))
        .unwrap();
    w.finish().unwrap();
    let r = BundleReader::open(dir.path("p")).unwrap();
    for key in ["whole", "parts"] {
        let got = r.read_slice(key, &slice("1,3")).unwrap();
        assert_eq!(got.strings().unwrap(), names(1..4).strings().unwrap());
        assert_eq!(
            r.read(key).unwrap().strings().unwrap(),
            names(0..6).strings().unwrap()
        );
    }
}

#[test]
fn every_type_comes_back() {
    let dir = TempDir::new("bundle-types");
    let types: Vec<DType> = DType::all()
        .filter(|d| !matches!(d, DType::Resource | DType::Variant))
        .collect();
    let shapes = [shape(&[]), shape(&[3, 2]), shape(&[0, 4])];
    let mut w = BundleWriter::new(dir.path("p")).unwrap();
    let mut made: BTreeMap<String, Tensor> = BTreeMap::new();
    for dtype in &types {
        for shape in &shapes {
            let mut t = Tensor::zeros(*dtype, shape.clone()).unwrap();
            if dtype.is_pod() {
                let bytes = t.bytes_mut().unwrap().iter_mut().enumerate();
                bytes.for_each(|(i, b)| {
                    *b = if *dtype == DType::Bool {
                        i as u8 % 2
                    } else {
                        i as u8
                    }
                });
            }
            let name = format!("{dtype}{shape}");
            w.add(&name, &t).unwrap();
            made.insert(name, t);
        }
    }
    w.finish().unwrap();
    let r = BundleReader::open(dir.path("p")).unwrap();
    assert!(r.keys().eq(made.keys().map(String::as_str)));
    for (name, t) in &made {
        let got = r.read(name).unwrap();
        assert_eq!((got.dtype(), got.shape()), (t.dtype(), t.shape()));
        match t.dtype().is_pod() {
            true => assert_eq!(got.bytes().unwrap(), t.bytes().unwrap()),
            false => assert_eq!(got.strings().unwrap(), t.strings().unwrap()),
        }
    }
}

/// Rewrites the index of `prefix`, each entry through `change`.
fn forge(prefix: &Path, mut change: impl FnMut(&[u8], &mut BundleEntryProto)) {
    let table = crate::io::table::Table::open(&index_path(prefix)).unwrap();
    let mut out = crate::io::table::TableBuilder::new();
    for (key, value) in table.entries().unwrap() {
        if key.is_empty() {
            out.add(&key, &value).unwrap();
            continue;
        }
        let mut entry = BundleEntryProto::decode(&value[..]).unwrap();
        change(&key, &mut entry);
        out.add(&key, &entry.encode_to_vec()).unwrap();
    }
    std::fs::write(index_path(prefix), out.finish()).unwrap();
}

#[test]
fn files_of_big_endian_machines_are_read() {
    let dir = TempDir::new("bundle-big");
    let prefix = dir.path("p");
    let mut w = BundleWriter::new(&prefix).unwrap();
    // What such a machine would have written for these values.
    w.add("f", &Tensor::from([1.5f32.to_bits().swap_bytes()]))
        .unwrap();
    w.add("b", &Tensor::from([true, false])).unwrap();
    let parts = [1.0f32, -2.0].map(|x| x.to_bits().swap_bytes());
    w.add("c", &Tensor::from(parts)).unwrap();
    w.finish().unwrap();
    let index = std::fs::read(index_path(&prefix)).unwrap();
    let table = crate::io::table::Table::open(&index_path(&prefix)).unwrap();
    assert_eq!(table.entries().unwrap().len(), 4);
    let mut out = crate::io::table::TableBuilder::new();
    for (key, value) in table.entries().unwrap() {
        if key.is_empty() {
            let mut header = BundleHeaderProto::decode(&value[..]).unwrap();
            header.endianness = 1;
            out.add(&key, &header.encode_to_vec()).unwrap();
            continue;
        }
        let mut e = BundleEntryProto::decode(&value[..]).unwrap();
        match &key[..] {
            b"f" => e.dtype = DType::F32 as i32,
            b"c" => {
                e.dtype = DType::C64 as i32;
                e.shape = None;
            }
            _ => {}
        }
        out.add(&key, &e.encode_to_vec()).unwrap();
    }
    std::fs::write(index_path(&prefix), out.finish()).unwrap();
    assert_ne!(index, std::fs::read(index_path(&prefix)).unwrap());
    let r = BundleReader::open(&prefix).unwrap();
    assert_eq!(r.read("f").unwrap().data::<f32>().unwrap(), [1.5]);
    assert_eq!(r.read("b").unwrap().data::<bool>().unwrap(), [true, false]);
    let c = r
        .read("c")
        .unwrap()
        .to_scalar::<num_complex::Complex<f32>>()
        .unwrap();
    assert_eq!((c.re, c.im), (1.0, -2.0));
}

#[test]
fn damaged_indexes_give_errors_or_the_truth() {
    let dir = TempDir::new("bundle-index-damage");
    let prefix = dir.path("p");
    write_like_fixture(&prefix);
    let index = std::fs::read(index_path(&prefix)).unwrap();
    for damaged in damages(&index) {
        std::fs::write(index_path(&prefix), damaged).unwrap();
        match BundleReader::open(&prefix) {
            Ok(r) => assert!(r.verify().iter().all(|(_, ok)| ok.is_ok())),
            Err(e) => assert_eq!(e.code(), Code::DataLoss, "{e}"),
        }
    }
}

#[test]
fn damaged_entries_under_sound_checksums_never_panic() {
    let dir = TempDir::new("bundle-entry-damage");
    let prefix = dir.path("p");
    write_like_fixture(&prefix);
    let table = crate::io::table::Table::open(&index_path(&prefix)).unwrap();
    let entries = table.entries().unwrap();
    for i in 0..entries.len() {
        for damaged in damages(&entries[i].1) {
            let mut out = crate::io::table::TableBuilder::new();
            for (j, (key, value)) in entries.iter().enumerate() {
                out.add(key, if i == j { &damaged } else { value }).unwrap();
            }
            std::fs::write(index_path(&prefix), out.finish()).unwrap();
            if let Ok(r) = BundleReader::open(&prefix) {
                for (_, result) in r.verify() {
                    if let Err(e) = result {
                        let known = [
                            Code::DataLoss,
                            Code::InvalidArgument,
                            Code::NotFound,
                            Code::OutOfRange,
                        ];
                        assert!(known.contains(&e.code()), "{e}");
                    }
                }
            }
        }
    }
}

#[test]
fn row_183_every_damaged_data_byte_is_found() {
    let dir = TempDir::new("bundle-data-damage");
    let prefix = dir.path("p");
    write_like_fixture(&prefix);
    let path = dir.path("p.data-00000-of-00001");
    let data = std::fs::read(&path).unwrap();
    for damaged in light_damages(&data) {
        std::fs::write(&path, &damaged).unwrap();
        let r = BundleReader::open(&prefix).unwrap();
        let faults: Vec<_> = r
            .verify()
            .into_iter()
            .filter_map(|(_, ok)| ok.err())
            .collect();
        let code = match damaged.len() < data.len() {
            true => Code::OutOfRange,
            false => Code::DataLoss,
        };
        assert!(!faults.is_empty() && faults.iter().all(|e| e.code() == code));
    }
    let mut flipped = data.clone();
    flipped[0] ^= 1;
    std::fs::write(&path, flipped).unwrap();
    let e = BundleReader::open(&prefix).unwrap().read("a").unwrap_err();
    let start = format!(
        "TensorBundle at {} shard 0 (4 bytes): Checksum does not match: stored ",
        prefix.display()
    );
    assert!(e.message().starts_with(&start), "{e}");
    std::fs::write(&path, &data[..data.len() - 1]).unwrap();
    let r = BundleReader::open(&prefix).unwrap();
    assert!(r.read("a").is_ok());
    assert_eq!(
        r.read("v").unwrap_err().message(),
        "Read less bytes than requested"
    );
    std::fs::remove_file(&path).unwrap();
    let e = BundleReader::open(&prefix).unwrap().read("a").unwrap_err();
    assert_eq!(e.code(), Code::NotFound);
}

#[test]
fn row_177_short_and_foreign_indexes() {
    let dir = TempDir::new("bundle-foreign");
    let prefix = dir.path("p");
    assert_eq!(
        BundleReader::open(&prefix).err().unwrap().code(),
        Code::NotFound
    );
    let cases: [(&[u8], &str); 2] = [
        (b"short", "file is too short to be an sstable"),
        (&[7; 100], "not an sstable (bad magic number)"),
    ];
    for (bytes, message) in cases {
        std::fs::write(index_path(&prefix), bytes).unwrap();
        let e = BundleReader::open(&prefix).err().unwrap();
        assert_eq!((e.code(), e.message()), (Code::DataLoss, message));
    }
    write_like_fixture(&dir.path("q"));
    let mut index = std::fs::read(dir.path("q.index")).unwrap();
    index[5] ^= 1;
    std::fs::write(index_path(&prefix), index).unwrap();
    let e = BundleReader::open(&prefix).err().unwrap();
    assert_eq!(
        e.message(),
        format!(
            "Unable to read file ({}). Perhaps the file is corrupt or was produced by a newer version of TensorFlow \
             with format changes (failed to seek to header entry): block checksum mismatch",
            index_path(&prefix).display()
        )
    );
}

#[test]
fn row_181_sizes_and_places_that_do_not_fit() {
    let dir = TempDir::new("bundle-sizes");
    let prefix = dir.path("p");
    type Change = fn(&mut BundleEntryProto);
    let cases: [(&str, Change, Code); 6] = [
        ("a", |e| e.size = 5, Code::DataLoss),
        ("a", |e| e.offset = 1 << 40, Code::OutOfRange),
        ("a", |e| e.offset = i64::MAX, Code::OutOfRange),
        ("str", |e| e.size = 2, Code::DataLoss),
        ("str", |e| e.size = i64::MAX, Code::OutOfRange),
        ("str", |e| e.size -= 1, Code::DataLoss),
    ];
    for (name, change, code) in cases {
        write_like_fixture(&prefix);
        forge(&prefix, |key, e| {
            if key == name.as_bytes() {
                change(e);
            }
        });
        let e = BundleReader::open(&prefix).unwrap().read(name).unwrap_err();
        assert_eq!(e.code(), code, "{e}");
    }
    write_like_fixture(&prefix);
    forge(&prefix, |key, e| {
        if key == b"a" {
            e.dtype = DType::F64 as i32;
        }
    });
    let e = BundleReader::open(&prefix).unwrap().read("a").unwrap_err();
    assert_eq!(
        e.message(),
        "Invalid size in bundle entry: key a; stored size 4; expected size 8"
    );
}

#[test]
fn row_182_string_lengths_that_lie() {
    let dir = TempDir::new("bundle-string-lies");
    let prefix = dir.path("p");
    let lies: [&[u64]; 4] = [&[1, 1 << 63], &[u64::MAX, 2], &[5, 5], &[0, 0]];
    for lengths in lies {
        let mut w = BundleWriter::new(&prefix).unwrap();
        w.add("s", &Tensor::from(["ab", "c"])).unwrap();
        w.finish().unwrap();
        // The same data with other lengths under a checksum that fits them.
        let mut bytes = Vec::new();
        let mut sum = 0;
        for l in lengths {
            crate::io::varint::put(&mut bytes, *l);
            sum = match u32::try_from(*l) {
                Ok(n) => crate::io::crc::extend(sum, &n.to_le_bytes()),
                Err(_) => crate::io::crc::extend(sum, &l.to_le_bytes()),
            };
        }
        bytes.extend(crate::io::crc::mask(sum).to_le_bytes());
        bytes.extend(b"abc");
        std::fs::write(dir.path("p.data-00000-of-00001"), &bytes).unwrap();
        forge(&prefix, |_, e| e.size = bytes.len() as i64);
        let e = BundleReader::open(&prefix).unwrap().read("s").unwrap_err();
        let want = format!("String lengths longer than expected offset {}", bytes.len());
        assert_eq!((e.code(), e.message()), (Code::DataLoss, &want[..]));
    }
}

#[test]
fn row_184_slices_that_do_not_make_up_the_tensor() {
    let dir = TempDir::new("bundle-slice-lies");
    let prefix = dir.path("p");
    let protos =
        |slices: &[&str]| -> Vec<_> { slices.iter().map(|s| slice(s).to_proto()).collect() };
    let cases: [(&[&str], Code); 7] = [
        (&["0,2:0,5"], Code::InvalidArgument),
        (&["0,2:0,5", "0,2:0,5"], Code::InvalidArgument),
        (&["0,2:0,5", "2,2:0,5", "2,2:0,5"], Code::InvalidArgument),
        (&["0,2:0,5", "1,2:0,5"], Code::NotFound),
        (&["0,2:0,5", "2,2"], Code::InvalidArgument),
        (&["0,2:0,5", "2,9:0,5"], Code::InvalidArgument),
        (&["0,3:0,5", "3,1:0,5"], Code::NotFound),
    ];
    for (slices, code) in cases {
        write_like_fixture(&prefix);
        forge(&prefix, |key, e| {
            if key == b"v" {
                e.slices = protos(slices);
            }
        });
        let e = BundleReader::open(&prefix).unwrap().read("v").unwrap_err();
        assert_eq!(e.code(), code, "{slices:?}: {e}");
    }
    write_like_fixture(&prefix);
    forge(&prefix, |key, e| {
        if key == b"v" {
            e.slices.pop();
        }
    });
    let r = BundleReader::open(&prefix).unwrap();
    let message =
        "Does not have sufficient slices for partitioned tensor v to restore in slice_spec: -:-";
    assert_eq!(r.read("v").unwrap_err().message(), message);
    assert!(r.read_slice("v", &slice("1,1:-")).is_ok());
    forge(&prefix, |key, e| {
        if key.first() == Some(&0) {
            e.dtype = DType::I32 as i32;
        }
    });
    let e = BundleReader::open(&prefix)
        .unwrap()
        .read_slice("v", &slice("1,1:-"));
    assert_eq!(e.unwrap_err().code(), Code::InvalidArgument);
}

#[test]
fn rows_171_to_174_what_is_not_written() {
    let dir = TempDir::new("bundle-refused");
    let mut w = BundleWriter::new(dir.path("p")).unwrap();
    w.add("x", &Tensor::from(1.0f32)).unwrap();
    let four = shape(&[4]);
    let refused = [
        (w.add("x", &Tensor::from(1.0f32)), "Adding duplicate key: x"),
        (w.add("", &Tensor::from(1.0f32)), "Adding duplicate key: "),
        (
            w.add_slice("x", &four, &slice("0,2"), &Tensor::from([0f32; 2])),
            "Adding duplicate key: x",
        ),
        (
            w.add_slice("y", &four, &slice("0,2"), &Tensor::from([0f32; 3])),
            "Slice in shape_and_slice specification does not match the shape of the tensor to  save: 4 0,2, \
             tensor: [3]",
        ),
        (
            w.add_slice("y", &four, &slice("3,2"), &Tensor::from([0f32; 2])),
            "Extent in dimension 0 out of bounds: shape = [4], slice = 3,2",
        ),
    ];
    for (result, message) in refused {
        let e = result.unwrap_err();
        assert_eq!((e.code(), e.message()), (Code::InvalidArgument, message));
    }
    w.add_slice("y", &four, &slice("0,2"), &Tensor::from([0f32; 2]))
        .unwrap();
    for (full, tensor, text) in [
        (&four, Tensor::from([0i32; 2]), "2,2"),
        (&shape(&[5]), Tensor::from([0f32; 2]), "2,2"),
        (&four, Tensor::from([0f32; 2]), "0,2"),
    ] {
        let e = w.add_slice("y", full, &slice(text), &tensor).unwrap_err();
        assert_eq!(e.code(), Code::InvalidArgument);
    }
    assert!(w.add("y", &Tensor::from([0f32; 4])).is_err());
    assert!(w.add("\0x", &Tensor::from(0f32)).is_err());
    drop(w);
    assert!(dir.names().is_empty());
    let e = BundleWriter::new(dir.path("d/x/p")).err().unwrap();
    assert_eq!(e.code(), Code::NotFound);
    assert!(e.message().ends_with("d/x; No such file or directory"));
    assert!(BundleWriter::new("").is_err() && BundleWriter::new(dir.path("p/")).is_err());
}

#[test]
fn restore_says_what_does_not_fit() {
    let r = BundleReader::open(fixture("m.ckpt-2")).unwrap();
    assert_eq!(
        r.restore("v", "4 5 0,1:-", DType::F32)
            .unwrap()
            .shape()
            .dims(),
        [1, 5]
    );
    assert_eq!(
        r.restore("v", "", DType::F32).unwrap().shape().dims(),
        [4, 5]
    );
    let cases = [
        (
            "nope",
            "",
            DType::F32,
            Code::NotFound,
            "Key nope not found in checkpoint",
        ),
        (
            "a",
            "",
            DType::F64,
            Code::InvalidArgument,
            "tensor_name = a; expected dtype double does not equal original dtype float",
        ),
        (
            "v",
            "4 6 -:-",
            DType::F32,
            Code::InvalidArgument,
            "tensor_name = v; shape in shape_and_slice spec [4,6] does not match the shape stored in checkpoint: [4,5]",
        ),
        (
            "v",
            "4 5 0,9:-",
            DType::F32,
            Code::InvalidArgument,
            "Extent in dimension 0 out of bounds: shape = [4,5], slice = 0,9:-",
        ),
    ];
    for (name, spec, dtype, code, message) in cases {
        let e = r.restore(name, spec, dtype).unwrap_err();
        assert_eq!((e.code(), e.message()), (code, message));
    }
}

fn saved(dir: &TempDir, name: &str, value: f32) {
    let mut w = BundleWriter::new(dir.path(name)).unwrap();
    w.add("x", &Tensor::from([value; 8])).unwrap();
    w.finish().unwrap();
}

#[test]
fn saving_again_replaces_and_leaves_the_same_names() {
    let dir = TempDir::new("bundle-again");
    for value in [1.0, 2.0, 3.0] {
        saved(&dir, "p", value);
        assert_eq!(dir.names(), ["p.data-00000-of-00001", "p.index"]);
        let r = BundleReader::open(dir.path("p")).unwrap();
        assert_eq!(r.shards(), 1);
        assert_eq!(r.read("x").unwrap().data::<f32>().unwrap(), [value; 8]);
    }
    // What a crash between two renames may leave does not disturb the next save.
    for stray in [
        "p.data-00000-of-00002",
        "p.data-00000-of-00003",
        "p.index.tempstate77",
    ] {
        std::fs::write(dir.path(stray), b"stray").unwrap();
    }
    saved(&dir, "p", 4.0);
    assert_eq!(
        dir.names(),
        ["p.data-00000-of-00001", "p.index", "p.index.tempstate77"]
    );
}

#[test]
fn bundles_are_merged() {
    let dir = TempDir::new("bundle-merge");
    let full = shape(&[4, 5]);
    for round in 0..2 {
        let part = |i: usize| dir.path(&format!("m_temp/part-0000{i}-of-00003"));
        for i in 0..2 {
            let mut w = BundleWriter::new(part(i)).unwrap();
            w.add(&format!("x{i}"), &Tensor::from([round as f32, i as f32]))
                .unwrap();
            let rows = v().rows(2 * i, 2 * i + 2).unwrap();
            w.add_slice("v", &full, &slice(&format!("{},2:0,5", 2 * i)), &rows)
                .unwrap();
            w.finish().unwrap();
        }
        BundleWriter::new(part(2)).unwrap().finish().unwrap();
        let prefixes = [part(0), part(1), part(2)];
        merge_bundles(&prefixes, dir.path("m"), MergeOptions::default()).unwrap();
        assert_eq!(
            dir.names(),
            ["m.data-00000-of-00002", "m.data-00001-of-00002", "m.index"]
        );
        let r = BundleReader::open(dir.path("m")).unwrap();
        assert_eq!(r.shards(), 2);
        assert!(r.keys().eq(["v", "x0", "x1"]));
        assert_eq!(
            r.read("v").unwrap().data::<f32>().unwrap(),
            v().data::<f32>().unwrap()
        );
        assert_eq!(
            r.read("x1").unwrap().data::<f32>().unwrap(),
            [round as f32, 1.0]
        );
    }
}

#[test]
fn row_186_bundles_that_cannot_be_merged() {
    let dir = TempDir::new("bundle-merge-refused");
    let into = |prefixes: &[&str]| {
        let prefixes: Vec<PathBuf> = prefixes.iter().map(|p| dir.path(p)).collect();
        let e = merge_bundles(&prefixes, dir.path("m"), MergeOptions::default());
        e.unwrap_err().code()
    };
    saved(&dir, "a", 1.0);
    saved(&dir, "b", 2.0);
    let sliced = |name: &str, full: &[usize], text: &str, tensor: Tensor| {
        let mut w = BundleWriter::new(dir.path(name)).unwrap();
        w.add_slice("s", &shape(full), &slice(text), &tensor)
            .unwrap();
        w.finish().unwrap();
    };
    sliced("s", &[4], "0,2", Tensor::from([0f32; 2]));
    sliced("shape", &[5], "2,2", Tensor::from([0f32; 2]));
    sliced("dtype", &[4], "2,2", Tensor::from([0i32; 2]));
    let mut w = BundleWriter::new(dir.path("plain")).unwrap();
    w.add("s", &Tensor::from([0f32; 4])).unwrap();
    w.finish().unwrap();
    let before = dir.names();
    assert_eq!(into(&["a", "b"]), Code::InvalidArgument);
    assert_eq!(into(&["a", "a"]), Code::InvalidArgument);
    assert_eq!(into(&["s", "shape"]), Code::InvalidArgument);
    assert_eq!(into(&["s", "dtype"]), Code::InvalidArgument);
    assert_eq!(into(&["s", "plain"]), Code::InvalidArgument);
    assert_eq!(into(&["plain", "s"]), Code::InvalidArgument);
    assert_eq!(into(&["a", "nothing"]), Code::NotFound);
    assert_eq!(into(&["m"]), Code::InvalidArgument);
    assert_eq!(into(&[]), Code::InvalidArgument);
    assert_eq!(dir.names(), before);
    std::fs::remove_file(dir.path("a.data-00000-of-00001")).unwrap();
    assert_eq!(into(&["a", "s"]), Code::NotFound);
    assert!(dir.names().contains(&"s.index".to_string()));
    let options = MergeOptions {
        allow_missing_files: true,
        ..Default::default()
    };
    merge_bundles(
        &[dir.path("nothing"), dir.path("b")],
        dir.path("m"),
        options,
    )
    .unwrap();
    assert!(BundleReader::open(dir.path("m")).unwrap().contains("x"));
}

#[test]
fn an_index_of_many_blocks_comes_back() {
    let dir = TempDir::new("bundle-blocks");
    let names: Vec<String> = (0..6000)
        .map(|i| format!("n{i:05}/{}", "q".repeat(60)))
        .collect();
    let mut w = BundleWriter::new(dir.path("big")).unwrap();
    for n in &names {
        w.add(n, &Tensor::from(1.0f32)).unwrap();
    }
    w.finish().unwrap();
    let index = std::fs::read(dir.path("big.index")).unwrap();
    // The size of the file that TensorFlow wrote for these tensors, and its checksum.
    assert_eq!(index.len(), 480_106);
    assert_eq!(crate::io::crc::value(&index), 0xd68524ee);
    let r = BundleReader::open(dir.path("big")).unwrap();
    assert!(r.keys().eq(names.iter().map(String::as_str)));
    assert_eq!(
        r.read(&names[5999]).unwrap().to_scalar::<f32>().unwrap(),
        1.0
    );
}
