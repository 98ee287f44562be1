//! Small files that claim to be huge, or nest without end.

use super::memory::largest_allocation;
use super::{Folder, all_records, told};
use tensorloom::def::{GraphDef, MetaGraphDef, SavedModel};
use tensorloom::io::{
    Compression, SafetensorsReader, decode_npy, parse_checkpoint_state, read_npz,
};
use tensorloom::{Code, Graph, ImportOptions, Result};

/// More than any of these inputs may lead to in one block; some have a megabyte themselves.
const MAX_ALLOCATION: usize = 48 << 20;

fn refused(what: &str, read: impl FnOnce() -> Result<()>) {
    let (result, largest) = largest_allocation(read);
    assert!(
        largest <= MAX_ALLOCATION,
        "{what}: an allocation of {largest} bytes"
    );
    let e = result.expect_err(what);
    assert!(
        matches!(
            e.code(),
            Code::InvalidArgument | Code::DataLoss | Code::ResourceExhausted | Code::OutOfRange
        ),
        "{what}: {e}"
    );
}

/// Graphs whose tensors claim more than stands there.
#[test]
fn tensors_that_claim_to_be_huge() {
    let cases = [
        (
            "one value repeated",
            "dtype: DT_FLOAT tensor_shape { dim { size: 2147483648 } } float_val: 1",
        ),
        (
            "none repeated",
            "dtype: DT_DOUBLE tensor_shape { dim { size: 300000000 } }",
        ),
        (
            "content too short",
            "dtype: DT_INT8 tensor_shape { dim { size: 2147483648 } } tensor_content: 'x'",
        ),
        (
            "strings",
            "dtype: DT_STRING tensor_shape { dim { size: 2147483648 } } string_val: ''",
        ),
        (
            "product overflows",
            "dtype: DT_INT8 tensor_shape { dim { size: 4294967296 } dim { size: 4294967296 } dim { size: 4294967296 } }",
        ),
        (
            "negative",
            "dtype: DT_INT8 tensor_shape { dim { size: -5 } }",
        ),
        (
            "half of it",
            "dtype: DT_HALF tensor_shape { dim { size: 1099511627776 } } half_val: 1",
        ),
    ];
    for (what, tensor) in cases {
        let text = format!(
            "node {{ name: 'big' op: 'Const' attr {{ key: 'dtype' value {{ type: DT_FLOAT }} }} attr {{ key: 'value' value {{ tensor {{ {tensor} }} }} }} }}"
        );
        let import = |def: GraphDef| {
            Graph::new()
                .import(&def, &ImportOptions::default())
                .map(|_| ())
                .map_err(|e| {
                    assert_eq!(e.node(), Some("big"), "{what}: {e}");
                    e
                })
        };
        refused(what, || import(GraphDef::from_pbtxt(&text)?));
        let def = GraphDef::from_pbtxt(&text).unwrap();
        refused(what, || import(GraphDef::from_pb(&def.to_pb())?));
        refused(what, || import(GraphDef::from_json(&def.to_json()?)?));
    }
}

/// `levels` messages around nothing, through fields of these numbers in turn.
fn nested(fields: &[u32], levels: usize) -> Vec<u8> {
    // Lengths are known from the inside out, so the bytes are made backwards.
    let mut reversed: Vec<u8> = Vec::new();
    for level in (0..levels).rev() {
        let mut head = Vec::new();
        let (mut tag, mut length) = (
            u64::from(fields[level % fields.len()]) << 3 | 2,
            reversed.len() as u64,
        );
        for v in [&mut tag, &mut length] {
            while *v >= 0x80 {
                head.push(*v as u8 | 0x80);
                *v >>= 7;
            }
            head.push(*v as u8);
        }
        reversed.extend(head.iter().rev());
    }
    reversed.reverse();
    reversed
}

#[test]
fn messages_nested_without_end() {
    // node.attr.value.func.attr.value.func …
    let mut fields = vec![1, 5, 2];
    fields.extend([10, 2, 2].repeat(10_000));
    let func = nested(&fields, fields.len());
    refused("functions in attributes", || {
        GraphDef::from_pb(&func).map(|_| ())
    });
    // The same in the graph of a meta graph, and in a SavedModel.
    fields.insert(0, 2);
    let meta = nested(&fields, fields.len());
    refused("meta graph", || MetaGraphDef::from_pb(&meta).map(|_| ()));
    fields.insert(0, 2);
    let model = nested(&fields, fields.len());
    refused("saved model", || SavedModel::from_pb(&model).map(|_| ()));
    // node.attr.value.tensor.variant_val.tensors.variant_val …
    let mut fields = vec![1, 5, 2, 8];
    fields.extend([15, 3].repeat(10_000));
    let variant = nested(&fields, fields.len());
    refused("variants in tensors", || {
        GraphDef::from_pb(&variant).map(|_| ())
    });
    let groups = vec![0x0b; 1 << 20];
    refused("groups", || GraphDef::from_pb(&groups).map(|_| ()));

    let open = "node { attr { key: 'a' value { func { ".to_string()
        + &"attr { key: 'a' value { func { ".repeat(100_000);
    refused("text", || GraphDef::from_pbtxt(&open).map(|_| ()));
    refused("text of angles", || {
        GraphDef::from_pbtxt(&"node <".repeat(200_000)).map(|_| ())
    });
    refused("lists in text", || {
        GraphDef::from_pbtxt(&format!("node {{ input: {}", "[".repeat(1 << 20))).map(|_| ())
    });
    for (what, unit) in [
        ("arrays", "["),
        ("objects", "{\"node\":"),
        ("lists of objects", "[{\"a\":"),
    ] {
        let json = unit.repeat(200_000);
        refused(what, || GraphDef::from_json(&json).map(|_| ()));
        // A field that the schema does not have must not be followed either.
        refused(what, || {
            GraphDef::from_json(&format!("{{\"strange\":{json}")).map(|_| ())
        });
        refused(what, || MetaGraphDef::from_json(&json).map(|_| ()));
    }
    refused("state", || {
        parse_checkpoint_state(&"{".repeat(1 << 20)).map(|_| ())
    });
}

fn npy(header: &str) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes
}

#[test]
fn arrays_that_claim_to_be_huge() {
    for shape in [
        "2147483648,",
        "1099511627776,",
        "4294967296, 4294967296, 4294967296",
        "9223372036854775807,",
        "99999999999999999999,",
        "-1,",
    ] {
        // Elements of no bytes fill any shape.
        for descr in [
            "<f4",
            "|b1",
            "|S1",
            "|S0",
            "<U0",
            "<U1",
            "|S99999999999999999999",
            "|O",
        ] {
            for order in ["True", "False"] {
                let header = format!(
                    "{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({shape}), }}\n"
                );
                refused(&header, || decode_npy(&npy(&header)).map(|_| ()));
            }
        }
    }
    for header in [
        "(".repeat(60_000),
        "{".repeat(60_000),
        "{'shape': ((((".to_string(),
        "[".repeat(60_000),
    ] {
        refused("a nested header", || decode_npy(&npy(&header)).map(|_| ()));
    }
    let mut long = b"\x93NUMPY\x02\x00".to_vec();
    long.extend([0xff; 4]);
    refused("a header of 4 GiB", || decode_npy(&long).map(|_| ()));
}

#[test]
fn archives_that_claim_to_be_huge() {
    let folder = Folder::new("archives");
    let sound = super::npz(&folder.0, "a.npz", true);
    let path = folder.0.join("b.npz");
    // Each four bytes of the directory and of the headers become a size or place of 2 GiB.
    for at in 0..sound.len() - 3 {
        let mut bytes = sound.clone();
        bytes[at..at + 4].copy_from_slice(&0x7fff_ffffu32.to_le_bytes());
        std::fs::write(&path, &bytes).unwrap();
        let (result, largest) = largest_allocation(|| read_npz(&path));
        assert!(
            largest < 4 << 20,
            "at {at}: an allocation of {largest} bytes"
        );
        if let Err(e) = result {
            assert!(told(&e).contains("b.npz"), "at {at}: {e}");
        }
    }
}

#[test]
fn weights_that_claim_to_be_huge() {
    let folder = Folder::new("weights");
    let path = folder.0.join("w.safetensors");
    let check = |what: &str, header: &str, length: u64| {
        let mut bytes = length.to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        std::fs::write(&path, &bytes).unwrap();
        refused(what, || {
            let r = SafetensorsReader::open(&path);
            let r = r.inspect_err(|e| assert!(told(e).contains("w.safetensors"), "{what}: {e}"))?;
            r.names().try_for_each(|n| r.read(n).map(|_| ()))
        });
    };
    check("the header's length", "{}", u64::MAX);
    check("a header of 99 MB", "{}", 99_000_000);
    for (shape, end) in [
        ("[2147483648]", 2147483648u64 * 4),
        ("[4294967296,4294967296]", 0),
        ("[18446744073709551615]", 0),
        ("[0,18446744073709551615]", 0),
    ] {
        for dtype in ["F32", "F4", "Q8"] {
            let header = format!(
                "{{\"w\":{{\"dtype\":\"{dtype}\",\"shape\":{shape},\"data_offsets\":[0,{end}]}}}}"
            );
            check(&header, &header, header.len() as u64);
        }
    }
    for unit in ["[", "{\"a\":", "{\"__metadata__\":{\"a\":"] {
        let header = format!("{{\"a\":{}", unit.repeat(100_000));
        check("a nested header", &header, header.len() as u64);
    }
}

/// A record's header with a sound checksum, and nothing behind it.
fn record_header(length: u64) -> Vec<u8> {
    let length = length.to_le_bytes();
    let sum = crc32c::crc32c(&length)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8);
    [&length[..], &sum.to_le_bytes()].concat()
}

#[test]
fn records_that_claim_to_be_huge() {
    let folder = Folder::new("records");
    for length in [1u64 << 31, 1 << 40, u64::MAX - 3, u64::MAX] {
        for compression in [Compression::None, Compression::Zlib, Compression::Gzip] {
            let header = record_header(length);
            let bytes = match compression {
                Compression::None => header,
                Compression::Zlib => {
                    let mut z = flate2::write::ZlibEncoder::new(Vec::new(), Default::default());
                    std::io::Write::write_all(&mut z, &header).unwrap();
                    z.finish().unwrap()
                }
                Compression::Gzip => {
                    let mut z = flate2::write::GzEncoder::new(Vec::new(), Default::default());
                    std::io::Write::write_all(&mut z, &header).unwrap();
                    z.finish().unwrap()
                }
            };
            let path = folder.0.join("r");
            std::fs::write(&path, bytes).unwrap();
            refused("a record", || all_records(&path, compression).map(|_| ()));
        }
    }
}
