//! Readers, decoding and checkpoints in sessions.

use crate::dtype::DType;
use crate::graph::{Graph, Output};
use crate::runtime::{Session, SessionOptions};
use crate::shape::PartialShape;
use crate::tensor::Tensor;
use crate::{Code, Result};
use std::path::PathBuf;

fn data(name: &str) -> String {
    format!("{}/tests/data/records/{name}", env!("CARGO_MANIFEST_DIR"))
}

pub(super) fn temp(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("tensorloom-ops-io-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    dir.join(name)
}

/// Reads all records of files through a reader with these attributes, until an error.
fn read_all(
    op: &str,
    attrs: &[(&str, i64)],
    files: &[String],
) -> (Vec<(String, Vec<u8>)>, crate::Error) {
    let g = Graph::new();
    let s = g.root();
    let q = s
        .op("FIFOQueueV2")
        .attr("component_types", vec![DType::String])
        .attr("shapes", vec![PartialShape::scalar()])
        .out();
    let put = s
        .op("QueueEnqueueManyV2")
        .input(q)
        .list([s.constant(files.to_vec())])
        .finish();
    let close = s.op("QueueCloseV2").input(q).finish();
    let op = op.to_string();
    let reader = attrs
        .iter()
        .fold(s.op(&op), |b, (k, v)| b.attr(k, *v))
        .out();
    let (key, value) = s.reader_read(reader, q);
    // One thread: a reader that held it while waiting would hang.
    let session = Session::with_options(
        &g,
        &SessionOptions {
            threads: 1,
            ..Default::default()
        },
    )
    .unwrap();
    let waiting = {
        let (session, key) = (session.clone(), key.endpoint());
        std::thread::spawn(move || {
            session
                .run((), [key], ())
                .map(|t| t[0].to_bytes().unwrap().to_vec())
        })
    };
    std::thread::sleep(std::time::Duration::from_millis(20));
    session.run_target(put).unwrap();
    session.run_target(close).unwrap();
    let first = waiting.join().unwrap();
    let mut records = Vec::new();
    if let Err(e) = first {
        return (records, e);
    }
    loop {
        match session.run((), [key, value], ()) {
            Ok(t) => records.push((
                String::from_utf8(t[0].to_bytes().unwrap().to_vec()).unwrap(),
                t[1].to_bytes().unwrap().to_vec(),
            )),
            Err(e) => return (records, e),
        }
    }
}

#[test]
fn tf_records_and_their_faults() {
    let rec = data("rec");
    let (records, e) = read_all("TFRecordReaderV2", &[], std::slice::from_ref(&rec));
    // The first record went to the run that waited.
    assert_eq!(
        records,
        [
            (format!("{rec}:19"), b"".to_vec()),
            (format!("{rec}:35"), b"xy".to_vec())
        ]
    );
    assert_eq!(e.code(), Code::OutOfRange);
    assert!(
        e.message()
            .contains("insufficient elements (requested 1, current size 0)"),
        "{e}"
    );
    let (_, e) = read_all("TFRecordReaderV2", &[], &[data("rectrunc")]);
    assert_eq!(
        (e.code(), e.message().contains("truncated record at 35")),
        (Code::DataLoss, true),
        "{e}"
    );
    let (_, e) = read_all("TFRecordReaderV2", &[], &[data("reccorr")]);
    assert_eq!(
        (e.code(), e.message().contains("corrupted record at")),
        (Code::DataLoss, true),
        "{e}"
    );
    let (_, e) = read_all("TFRecordReaderV2", &[], &["/no/such/file".into()]);
    assert_eq!(e.message(), "/no/such/file; No such file or directory");
}

#[test]
fn records_of_fixed_length() {
    let file = temp("fixed");
    // Header "HH", records of three bytes, two bytes too many for another.
    std::fs::write(&file, b"HHabcdefghijk").unwrap();
    let name = file.to_string_lossy().into_owned();
    let values = |attrs: &[(&str, i64)]| -> Vec<String> {
        let files = [name.clone(), name.clone()];
        let (records, _) = read_all("FixedLengthRecordReaderV2", attrs, &files);
        records
            .iter()
            .map(|r| String::from_utf8(r.1.clone()).unwrap())
            .collect()
    };
    assert_eq!(
        values(&[("record_bytes", 3), ("header_bytes", 2)]),
        ["def", "ghi", "abc", "def", "ghi"]
    );
    assert_eq!(
        values(&[
            ("record_bytes", 3),
            ("header_bytes", 2),
            ("footer_bytes", 3)
        ]),
        ["def", "abc", "def"]
    );
    assert_eq!(
        values(&[("record_bytes", 3), ("header_bytes", 2), ("hop_bytes", 5)]),
        ["fgh", "abc", "fgh"]
    );
    let (records, _) = read_all(
        "FixedLengthRecordReaderV2",
        &[("record_bytes", 3)],
        &[name.clone(), name.clone()],
    );
    assert_eq!(records[0].0, format!("{name}:1"));
    assert_eq!(records[3].0, format!("{name}:0"));
    // The header is longer than the file.
    let (_, e) = read_all(
        "FixedLengthRecordReaderV2",
        &[("record_bytes", 3), ("header_bytes", 99)],
        &[name],
    );
    assert_eq!(
        (e.code(), e.message()),
        (Code::OutOfRange, "reached end of file")
    );
}

#[test]
fn lines_whole_files_and_names() {
    let file = temp("lines");
    std::fs::write(&file, b"head\r\none\r\n\nthree").unwrap();
    let name = file.to_string_lossy().into_owned();
    let (records, _) = read_all(
        "TextLineReaderV2",
        &[("skip_header_lines", 1)],
        std::slice::from_ref(&name),
    );
    assert_eq!(
        records,
        [
            (format!("{name}:3"), b"".to_vec()),
            (format!("{name}:4"), b"three".to_vec())
        ]
    );
    let twice = [name.clone(), name.clone()];
    let (records, _) = read_all("WholeFileReaderV2", &[], &twice);
    assert_eq!(
        records,
        [(name.clone(), b"head\r\none\r\n\nthree".to_vec())]
    );
    let (records, _) = read_all("IdentityReaderV2", &[], &twice);
    assert_eq!(records, [(name.clone(), name.into_bytes())]);
}

/// Rows of the catalogue of bad inputs, each with the words of its error.
#[test]
fn bad_inputs() {
    type Case = (u32, &'static str, fn(&Graph) -> Result<()>);
    fn fetch(g: &Graph, out: Output<'_>) -> Result<()> {
        Session::new(g)?.fetch(out).map(|_| ())
    }
    fn save(g: &Graph, names: Tensor, slices: Tensor) -> Result<()> {
        let s = g.root();
        let feeds = [("n", names), ("s", slices)];
        let inputs = feeds
            .each_ref()
            .map(|(n, t)| g.placeholder(n, t.dtype(), PartialShape::unknown()));
        let prefix = s.constant(temp("bad").to_string_lossy().as_ref());
        let node = s
            .op("SaveV2")
            .input(prefix)
            .input(inputs[0])
            .input(inputs[1])
            .list([s.constant([1.0f32; 4])])
            .finish();
        let values: Vec<(Output<'_>, Tensor)> =
            inputs.into_iter().zip(feeds.map(|f| f.1)).collect();
        Session::new(g)?.run(values, (), node).map(|_| ())
    }
    let cases: &[Case] = &[
        (135, "is not a multiple of 2, the size of int16", |g| {
            fetch(g, g.root().decode_raw("abc", DType::I16))
        }),
        (135, "but element 1 has size 4 != 2", |g| {
            let x = g.root().constant(["abcd", "ab"]);
            fetch(g, g.root().decode_raw(x, DType::I16))
        }),
        (160, "record_bytes must be >= 1 not 0", |g| {
            fetch(g, g.root().fixed_length_record_reader(0))
        }),
        (160, "header_bytes must be >= 0 not -1", |g| {
            let r = g
                .root()
                .op("FixedLengthRecordReaderV2")
                .attr("record_bytes", 1i64)
                .attr("header_bytes", -1i64)
                .out();
            fetch(g, r)
        }),
        (159, "Expected queue with single string component", |g| {
            let s = g.root();
            let q = s
                .op("FIFOQueueV2")
                .attr("component_types", vec![DType::I32])
                .out();
            fetch(g, s.reader_read(s.op("IdentityReaderV2").out(), q).0)
        }),
        (162, "Could not parse state", |g| {
            let s = g.root();
            let r = s.op("WholeFileReaderV2").out();
            let restore = s
                .op("ReaderRestoreStateV2")
                .input(r)
                .input(s.constant("\u{7f}\u{7f}"))
                .finish();
            Session::new(g)?.run_target(restore)
        }),
        (171, "different number of elements: 2 vs. 1", |g| {
            save(g, Tensor::from(["a", "b"]), Tensor::from([""]))
        }),
        (171, "Got 2 tensor names but 1 tensors.", |g| {
            save(g, Tensor::from(["a", "b"]), Tensor::from(["", ""]))
        }),
        (173, "Need least two elements", |g| {
            save(g, Tensor::from(["a"]), Tensor::from(["4"]))
        }),
        (173, "does not match the shape", |g| {
            save(g, Tensor::from(["a"]), Tensor::from(["4 0,2"]))
        }),
        (174, "Adding duplicate key", |g| {
            save(g, Tensor::from([""]), Tensor::from([""]))
        }),
        (176, "Got 1 tensor names, but 2 expected dtypes.", |g| {
            let s = g.root();
            let r = s
                .op("RestoreV2")
                .input(s.constant("nowhere"))
                .input(s.constant(["a"]))
                .input(s.constant([""]))
                .attr("dtypes", vec![DType::F32, DType::F32])
                .finish();
            fetch(g, r.output(0))
        }),
    ];
    for (row, words, case) in cases {
        let g = Graph::new();
        let e = case(&g).expect_err(&format!("row {row}"));
        assert!(e.message().contains(words), "row {row}: {e}");
        assert_eq!(e.code(), Code::InvalidArgument, "row {row}: {e}");
    }
}

/// Many steps read at once with few threads: every record comes once, and each key fits its value.
#[test]
fn concurrent_reads_share_out_the_records() {
    let files: Vec<String> = (0..5)
        .map(|i| {
            let file = temp(&format!("lines{i}"));
            let text: String = (0..200).map(|n| format!("{i} {}\n", n + 1)).collect();
            std::fs::write(&file, text).unwrap();
            file.to_string_lossy().into_owned()
        })
        .collect();
    let g = Graph::new();
    let s = g.root();
    let q = s.fifo_queue(&crate::ops::queue::QueueOptions {
        dtypes: vec![DType::String],
        shapes: vec![PartialShape::scalar()],
        capacity: 1,
        ..Default::default()
    });
    let (put, close) = (q.enqueue_many(&[s.constant(files.clone())]), q.close(false));
    let (key, value) = s.reader_read(s.text_line_reader(), q.handle());
    let session = Session::with_options(
        &g,
        &SessionOptions {
            threads: 2,
            ..Default::default()
        },
    )
    .unwrap();
    let read = session
        .callable([(); 0].map(|()| key), [key, value], ())
        .unwrap();
    let mut all = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let mut own = Vec::new();
                    loop {
                        match read.call([]) {
                            Ok([k, v]) => {
                                let text = |t: &Tensor| {
                                    String::from_utf8(t.to_bytes().unwrap().to_vec()).unwrap()
                                };
                                own.push((text(&k), text(&v)));
                            }
                            Err(e) => {
                                assert_eq!(e.code(), Code::OutOfRange, "{e}");
                                return own;
                            }
                        }
                    }
                })
            })
            .collect();
        session.run_target(put).unwrap();
        session.run_target(close).unwrap();
        readers
            .into_iter()
            .flat_map(|r| r.join().unwrap())
            .collect::<Vec<_>>()
    });
    assert_eq!(all.len(), 1000);
    for (k, v) in &all {
        let (file, number) = k.rsplit_once(':').unwrap();
        let i = file.chars().last().unwrap();
        assert_eq!(*v, format!("{i} {number}"));
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 1000);
}

/// A read whose turn has not come ends with its step, though the one before it goes on waiting.
#[test]
fn a_time_out_ends_a_read_that_waits_for_its_turn() {
    let g = Graph::new();
    let s = g.root();
    let q = s.fifo_queue(&crate::ops::queue::QueueOptions {
        dtypes: vec![DType::String],
        ..Default::default()
    });
    let (put, close) = (q.enqueue(&[s.constant("work")]), q.close(false));
    let (key, _) = s.reader_read(s.op("IdentityReaderV2").out(), q.handle());
    let session = Session::new(&g).unwrap();
    let first = {
        let (session, key) = (session.clone(), key.endpoint());
        std::thread::spawn(move || session.run((), [key], ()))
    };
    std::thread::sleep(std::time::Duration::from_millis(30));
    let options = crate::runtime::RunOptions {
        timeout: Some(std::time::Duration::from_millis(30)),
        ..Default::default()
    };
    let e = session.run_with((), [key], (), &options).unwrap_err();
    assert_eq!(e.code(), Code::DeadlineExceeded);
    assert!(!first.is_finished());
    session.run_target(put).unwrap();
    assert_eq!(
        &**first.join().unwrap().unwrap()[0].to_bytes().unwrap(),
        b"work"
    );
    session.run_target(close).unwrap();
    assert_eq!(session.fetch(key).unwrap_err().code(), Code::OutOfRange);
}

/// Counts, batches of records and states, as TensorFlow gave them for the same files.
#[test]
fn counts_batches_and_states() {
    let (a, b) = (temp("t1"), temp("t2"));
    std::fs::write(&a, b"a\rb\r\nhello\n\nlast").unwrap();
    std::fs::write(&b, b"x\ny\n").unwrap();
    let name = |p: &PathBuf| p.to_string_lossy().into_owned();
    for version in ["", "V2"] {
        let g = Graph::new();
        let s = g.root();
        let queue_op = format!("FIFOQueue{version}");
        let q = s
            .op(&queue_op)
            .attr("component_types", vec![DType::String])
            .out();
        let names = [
            "QueueEnqueueMany",
            "QueueClose",
            "ReaderReadUpTo",
            "ReaderRead",
        ];
        let [put, close, up_to, read] = names.map(|n| format!("{n}{version}"));
        let names = [
            "TextLineReader",
            "IdentityReader",
            "ReaderNumRecordsProduced",
        ];
        let [lines, identity, produced] = names.map(|n| format!("{n}{version}"));
        let names = [
            "ReaderNumWorkUnitsCompleted",
            "ReaderReset",
            "ReaderSerializeState",
        ];
        let [units, reset, serialize] = names.map(|n| format!("{n}{version}"));
        let restore = format!("ReaderRestoreState{version}");
        let files = s.constant(vec![name(&a), name(&b)]);
        let put = s.op(&put).input(q).list([files]).finish();
        let close = s.op(&close).input(q).finish();
        let reader = s.op(&lines).out();
        let batch = s.op(&up_to).input(reader).input(q).input(3i64).finish();
        let (produced, units) = (
            s.op(&produced).input(reader).out(),
            s.op(&units).input(reader).out(),
        );
        let reset = s.op(&reset).input(reader).finish();
        let session = Session::new(&g).unwrap();
        session.run_target(put).unwrap();
        let counts = || {
            let t = session.run((), [produced, units], ()).unwrap();
            [0, 1].map(|i| t[i].to_scalar::<i64>().unwrap())
        };
        let read_batch = || {
            let t = session.run((), [batch.output(1)], ()).unwrap();
            let strings = t[0].strings().unwrap().iter();
            strings
                .map(|s| String::from_utf8(s.to_vec()).unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            (read_batch(), counts()),
            (vec!["a\rb".into(), "hello".into(), String::new()], [3, 0])
        );
        assert_eq!((read_batch(), counts()), (vec!["last".to_string()], [4, 1]));
        assert_eq!(
            (read_batch(), counts()),
            (vec!["x".to_string(), "y".into()], [6, 2])
        );
        session.run_target(reset).unwrap();
        assert_eq!(counts(), [0, 0]);

        // An identity reader is at the end of its work with the one record.
        let reader = s.op(&identity).out();
        let read = s.op(&read).input(reader).input(q).finish();
        let state = s.op(&serialize).input(reader).out();
        let new_state = g.placeholder("state", DType::String, ());
        let restore = s.op(&restore).input(reader).input(new_state).finish();
        session.run_target(put).unwrap();
        session.run_target(close).unwrap();
        session.run((), [read.output(0)], ()).unwrap();
        session.run((), [read.output(0)], ()).unwrap();
        let bytes = session.fetch(state).unwrap();
        let last = name(&b).into_bytes();
        let mut state = b"\x08\x02\x10\x02\x18\x02\x22".to_vec();
        state.push(last.len() as u8);
        state.extend(last);
        assert_eq!(&**bytes.to_bytes().unwrap(), &*state);
        for (bad, text) in [
            (&b"\xff\xff"[..], "Could not parse state for"),
            (
                b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
                "Unexpected negative value when restoring in",
            ),
            (
                b"\x08\x03\x10\x01",
                "Inconsistent work started vs. finished when restoring in",
            ),
        ] {
            let e = session
                .run([(new_state, Tensor::string(bad))], (), restore)
                .unwrap_err();
            assert!(e.message().contains(text), "{e}");
        }
        // Work begun and not finished is read again.
        let begun = Tensor::string(b"\x08\x03\x10\x02\x18\x02\x22\x01w");
        session.run([(new_state, begun)], (), restore).unwrap();
        let key = session.fetch(read.output(0)).unwrap();
        assert_eq!(&**key.to_bytes().unwrap(), b"w");
    }
}
