//! Tests of TFRecord files.

use super::*;
use crate::Code;
use crate::io::crc;
use crate::io::testing::{TempDir, hex, light_damages};
use std::path::Path;

const GOLDEN: &str = "0300000000000000 b099490e 616263 6e57f121 0000000000000000 29039807 d8ea82a2 \
                      0200000000000000 78270b34 7879 e59edc80";

fn written(compression: Compression) -> Vec<u8> {
    let mut w = RecordWriter::new(Vec::new(), compression);
    for r in [&b"abc"[..], b"", b"xy"] {
        w.write(r).unwrap();
    }
    w.finish().unwrap()
}

fn read_all(path: &Path, compression: Compression) -> (Vec<Vec<u8>>, Option<Error>) {
    let mut reader = RecordReader::open(path, compression).unwrap();
    let mut records = Vec::new();
    loop {
        match reader.read() {
            Ok(Some(r)) => records.push(r),
            Ok(None) => return (records, None),
            Err(e) => return (records, Some(e)),
        }
    }
}

#[test]
fn bytes_are_tensorflows() {
    assert_eq!(written(Compression::None), hex(GOLDEN));
}

#[test]
fn records_and_offsets_come_back() {
    let dir = TempDir::new("record");
    for c in [Compression::None, Compression::Zlib, Compression::Gzip] {
        let path = dir.path("r");
        std::fs::write(&path, written(c)).unwrap();
        let mut reader = RecordReader::open(&path, c).unwrap();
        let mut offsets = vec![reader.offset()];
        while reader.read().unwrap().is_some() {
            offsets.push(reader.offset());
        }
        assert_eq!(offsets, [0, 19, 35, 53]);
        reader.seek(35).unwrap();
        assert_eq!(reader.read().unwrap().unwrap(), b"xy");
        reader.seek(19).unwrap();
        assert_eq!(reader.read().unwrap().unwrap(), b"");
        reader.seek(53).unwrap();
        assert_eq!(reader.read().unwrap(), None);
        assert_eq!(reader.seek(54).unwrap_err().code(), Code::OutOfRange);
    }
}

#[test]
fn truncation_anywhere_is_told_with_the_records_start() {
    let dir = TempDir::new("record-cut");
    let whole = hex(GOLDEN);
    for n in 0..=whole.len() {
        let path = dir.path("r");
        std::fs::write(&path, &whole[..n]).unwrap();
        let (records, error) = read_all(&path, Compression::None);
        let starts = [0, 19, 35, 53];
        let complete = starts.iter().filter(|s| **s <= n).count() - 1;
        assert_eq!(records.len(), complete);
        match error {
            None => assert!(starts.contains(&n), "{n}"),
            Some(e) => {
                assert_eq!(e.code(), Code::DataLoss);
                let start = starts[complete];
                let suffix = match n - start < HEADER {
                    true => "",
                    false => "' failed with Read less bytes than requested",
                };
                assert_eq!(e.message(), format!("truncated record at {start}{suffix}"));
            }
        }
    }
}

#[test]
fn every_flipped_bit_is_found_and_placed() {
    let dir = TempDir::new("record-flip");
    let whole = hex(GOLDEN);
    for i in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[i] ^= 0x10;
        let path = dir.path("r");
        std::fs::write(&path, &bytes).unwrap();
        let (_, error) = read_all(&path, Compression::None);
        let at = [0, 12, 19, 31, 35, 47]
            .into_iter()
            .rfind(|s| *s <= i)
            .unwrap();
        let hint = if at == 0 {
            " (Is this even a TFRecord file?)"
        } else {
            ""
        };
        assert_eq!(
            error.unwrap().message(),
            format!("corrupted record at {at}{hint}")
        );
    }
}

#[test]
fn row_161_a_huge_length_allocates_nothing() {
    let dir = TempDir::new("record-huge");
    for length in [1u64 << 20, 1 << 40, u64::MAX - 3, u64::MAX] {
        let mut bytes = length.to_le_bytes().to_vec();
        let crc = crc::mask(crc::value(&bytes)).to_le_bytes();
        bytes.extend(crc);
        bytes.extend(b"only this");
        for c in [Compression::None, Compression::Zlib, Compression::Gzip] {
            let mut w = RecordWriter::new(Vec::new(), c);
            w.sink().write_all(&bytes).unwrap();
            let path = dir.path("r");
            std::fs::write(&path, w.finish().unwrap()).unwrap();
            let (records, error) = read_all(&path, c);
            let error = error.unwrap();
            assert!(records.is_empty());
            assert!(error.message().starts_with("truncated record at 0"));
        }
    }
}

#[test]
fn damaged_streams_never_panic_and_never_lie() {
    let dir = TempDir::new("record-damage");
    for c in [Compression::None, Compression::Zlib, Compression::Gzip] {
        for bytes in light_damages(&written(c)) {
            let path = dir.path("r");
            std::fs::write(&path, bytes).unwrap();
            let (records, _) = read_all(&path, c);
            let truth: [&[u8]; 3] = [b"abc", b"", b"xy"];
            assert!(truth.iter().zip(&records).all(|(a, b)| a == b));
        }
    }
}

#[test]
fn a_growing_file_is_read_on() {
    let dir = TempDir::new("record-grow");
    let path = dir.path("r");
    let whole = hex(GOLDEN);
    std::fs::write(&path, &whole[..25]).unwrap();
    let mut reader = RecordReader::open(&path, Compression::None).unwrap();
    assert_eq!(reader.read().unwrap().unwrap(), b"abc");
    assert_eq!(reader.read().unwrap_err().code(), Code::DataLoss);
    assert_eq!(reader.read_complete().unwrap(), None);
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(reader.read().unwrap().unwrap(), b"");
    assert_eq!(reader.read().unwrap().unwrap(), b"xy");
    assert_eq!(reader.read().unwrap(), None);
}

#[test]
fn names_of_compressions_and_missing_files() {
    assert_eq!(Compression::from_name("GZIP").unwrap(), Compression::Gzip);
    assert!(Compression::from_name("LZ4").is_err());
    let e = RecordReader::open("/nonexistent/r", Compression::None).unwrap_err();
    assert_eq!(e.code(), Code::NotFound);
    assert_eq!(e.message(), "/nonexistent/r; No such file or directory");
}
