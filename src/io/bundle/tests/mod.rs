//! Tests of bundles: TensorFlow's own files, round trips, slices and merges.

mod faults;
mod v1;

use super::*;
use crate::io::testing::TempDir;
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
fn the_old_bundle_is_whole_until_the_new_one_is() {
    let dir = TempDir::new("bundle-steps");
    saved(&dir, "p", 1.0);
    saved(&dir, "new", 2.0);
    let index = |shards| {
        let r = BundleReader::open(dir.path("p")).unwrap();
        assert_eq!(r.read("x").unwrap().data::<f32>().unwrap(), [1.0; 8]);
        let table = crate::io::table::Table::open(&index_path(&dir.path("new"))).unwrap();
        let mut out = crate::io::table::TableBuilder::new();
        for (key, value) in table.entries().unwrap() {
            let header = entry::Header::new(shards).encode();
            out.add(&key, if key.is_empty() { &header } else { &value })
                .unwrap();
        }
        Ok(out.finish())
    };
    let data = publish::Staged::Moved(dir.path("new.data-00000-of-00001"));
    publish::publish(&dir.path("p"), vec![data], &index).unwrap();
    let r = BundleReader::open(dir.path("p")).unwrap();
    assert_eq!(r.read("x").unwrap().data::<f32>().unwrap(), [2.0; 8]);
}

#[test]
fn a_bundle_that_cannot_take_its_own_names_is_there_all_the_same() {
    let dir = TempDir::new("bundle-names");
    std::fs::create_dir_all(dir.path("p.data-00000-of-00001/x")).unwrap();
    std::fs::write(dir.path("p.index"), b"of another bundle").unwrap();
    saved(&dir, "p", 3.0);
    let r = BundleReader::open(dir.path("p")).unwrap();
    assert_eq!(r.shards(), 2);
    assert_eq!(r.read("x").unwrap().data::<f32>().unwrap(), [3.0; 8]);
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
