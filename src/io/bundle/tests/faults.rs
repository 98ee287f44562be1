//! What damaged, forged and impossible bundles give: errors, never panics.

use super::*;
use crate::io::testing::{damages, light_damages};

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
        (&["0,2:0,5", "1,2:0,5"], Code::InvalidArgument),
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
