//! Tests of event files.

use super::writer::host_name;
use super::*;
use crate::error::{Code, Result};
use crate::io::record::{Compression, RecordWriter};
use crate::io::testing::{TempDir, hex, light_damages};
use crate::proto::event::What;
use crate::proto::session_log::SessionStatus;
use crate::proto::summary::Value;
use crate::proto::summary_metadata::PluginData;
use crate::proto::{Event, Summary, SummaryMetadata, summary::value};
use prost::Message;
use std::time::{Duration, Instant};

fn events(dir: &TempDir) -> Vec<Event> {
    let files = event_files(dir.path("")).unwrap();
    files
        .iter()
        .flat_map(|f| read_events(f).unwrap().map(|e| e.unwrap()))
        .collect()
}

#[test]
fn the_first_record_is_tensorflows() {
    let dir = TempDir::new("event-first");
    let writer = EventWriter::new(dir.path("a/b")).unwrap();
    // It is in the file before anything is added.
    let bytes = std::fs::read(writer.path()).unwrap();
    assert_eq!(bytes[..12], hex("3e00000000000000 d9d240e7"));
    let payload = &bytes[12..bytes.len() - 4];
    assert_eq!(payload[0], 9);
    let rest = "1a0d 627261696e2e4576656e743a32 5224 0a22 \
                74656e736f72666c6f772e636f72652e7574696c2e6576656e74735f777269746572";
    assert_eq!(payload[9..], hex(rest));
    let wall = f64::from_le_bytes(payload[1..9].try_into().unwrap());
    assert_eq!(wall.fract(), 0.0);
    let name = writer
        .path()
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_string();
    let rest = name.strip_prefix("events.out.tfevents.").unwrap();
    assert!(rest[..10].bytes().all(|b| b.is_ascii_digit()));
    assert_eq!(rest[..10].parse::<f64>().unwrap(), wall);
    assert_eq!(rest[10..], format!(".{}", host_name()));
}

#[test]
fn events_come_back_in_order() {
    let dir = TempDir::new("event-order");
    let writer = EventWriter::new(dir.path("")).unwrap();
    writer.add_graph(b"graph".to_vec(), 0).unwrap();
    for i in 0..100 {
        writer.add_scalar("loss", i as f32, i).unwrap();
    }
    writer.add_session_log(SessionStatus::Start, "", 3).unwrap();
    writer.add_meta_graph(b"meta".to_vec(), 4).unwrap();
    writer.close().unwrap();
    writer.close().unwrap();
    assert_eq!(
        writer.add_scalar("x", 1.0, 1).unwrap_err().code(),
        Code::FailedPrecondition
    );
    let events = events(&dir);
    assert_eq!(events.len(), 104);
    assert_eq!(events[1].what, Some(What::GraphDef(b"graph".to_vec())));
    assert!((2..102).all(|i| events[i].step == i as i64 - 2));
    assert!(events[1].wall_time > 1.6e9);
    let log = events[102].encode_to_vec();
    assert_eq!(log[9..], hex("10 03 3a02 0801"));
}

#[test]
fn the_first_event_is_flushed_at_once_and_others_when_asked() {
    let dir = TempDir::new("event-flush");
    let writer = EventWriter::new(dir.path("")).unwrap();
    let seen = |count: usize| {
        let end = Instant::now() + Duration::from_secs(20);
        while events(&dir).len() < count {
            assert!(Instant::now() < end, "{count} events are not in the file");
            std::thread::sleep(Duration::from_millis(2));
        }
    };
    writer.add_scalar("a", 1.0, 1).unwrap();
    seen(2);
    writer.add_scalar("a", 2.0, 2).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(events(&dir).len(), 2);
    writer.flush().unwrap();
    assert_eq!(events(&dir).len(), 3);
    drop(writer);
    let options = EventWriterOptions {
        flush_every: Duration::from_millis(20),
        filename_suffix: ".suffix".to_string(),
        ..Default::default()
    };
    let writer = EventWriter::with_options(dir.path(""), options).unwrap();
    assert!(writer.path().to_str().unwrap().contains(".suffix"));
    writer.add_scalar("a", 1.0, 1).unwrap();
    writer.add_scalar("a", 2.0, 2).unwrap();
    seen(3 + 3);
    writer.add_scalar("a", 3.0, 3).unwrap();
    seen(3 + 4);
}

#[test]
fn metadata_and_run_tags_are_written_once() {
    let dir = TempDir::new("event-metadata");
    let writer = EventWriter::new(dir.path("")).unwrap();
    let summary = |tag: &str| Summary {
        value: vec![Value {
            tag: tag.to_string(),
            value: Some(value::Value::SimpleValue(1.0)),
            metadata: Some(SummaryMetadata {
                plugin_data: Some(PluginData {
                    plugin_name: "scalars".to_string(),
                    ..Default::default()
                }),
                ..Default::default()
            }),
            ..Default::default()
        }],
    };
    writer.add_summary(summary("a"), 1).unwrap();
    let serialized = summary("a").encode_to_vec();
    writer.add_serialized_summary(&serialized, 2).unwrap();
    writer.add_summary(summary("b"), 2).unwrap();
    assert!(writer.add_serialized_summary(b"\xff\xff", 2).is_err());
    writer.add_run_metadata(b"m".to_vec(), "run", 1).unwrap();
    let again = writer.add_run_metadata(b"m".to_vec(), "run", 2);
    assert_eq!(again.unwrap_err().code(), Code::InvalidArgument);
    writer.close().unwrap();
    let kept: Vec<bool> = events(&dir)
        .into_iter()
        .filter_map(|e| match e.what {
            Some(What::Summary(s)) => Some(s.value[0].metadata.is_some()),
            _ => None,
        })
        .collect();
    assert_eq!(kept, [true, false, true]);
}

#[test]
fn writers_of_one_second_do_not_share_a_file() {
    let dir = TempDir::new("event-same");
    let writers: Vec<EventWriter> = (0..3)
        .map(|_| EventWriter::new(dir.path("")).unwrap())
        .collect();
    for (i, w) in writers.iter().enumerate() {
        w.add_scalar("a", i as f32, 0).unwrap();
        w.close().unwrap();
    }
    assert_eq!(dir.names().len(), 3);
    assert_eq!(events(&dir).len(), 6);
}

#[test]
fn a_file_that_disappears_is_followed_by_another() {
    let dir = TempDir::new("event-gone");
    let writer = EventWriter::new(dir.path("")).unwrap();
    let first = writer.path();
    writer.add_scalar("a", 1.0, 1).unwrap();
    writer.flush().unwrap();
    std::fs::remove_file(&first).unwrap();
    writer.add_scalar("a", 2.0, 2).unwrap();
    writer.flush().unwrap();
    writer.add_scalar("a", 3.0, 3).unwrap();
    writer.close().unwrap();
    let steps: Vec<i64> = events(&dir).iter().map(|e| e.step).collect();
    assert_eq!(steps, [0, 3]);
}

#[test]
fn faults_of_the_disk_reach_the_caller() {
    let dir = TempDir::new("event-fault");
    std::fs::write(dir.path("file"), b"").unwrap();
    assert!(EventWriter::new(dir.path("file/below")).is_err());
    let writer = EventWriter::new(dir.path("logs")).unwrap();
    std::fs::remove_dir_all(dir.path("logs")).unwrap();
    writer.add_scalar("a", 1.0, 1).unwrap();
    writer.flush().unwrap();
    // The next event needs a new file in a folder that is gone.
    writer.add_scalar("a", 2.0, 2).unwrap();
    assert_eq!(writer.flush().unwrap_err().code(), Code::NotFound);
    assert_eq!(
        writer.add_scalar("a", 3.0, 3).unwrap_err().code(),
        Code::NotFound
    );
    assert_eq!(writer.close().unwrap_err().code(), Code::NotFound);
}

#[test]
fn tensorflows_events_are_read_and_written_back() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/events");
    let files = event_files(folder).unwrap();
    assert_eq!(files.len(), 1);
    let bytes = std::fs::read(&files[0]).unwrap();
    let events: Vec<Event> = read_events(&files[0])
        .unwrap()
        .map(|e| e.unwrap())
        .collect();
    let kinds: Vec<&str> = events
        .iter()
        .map(|e| match e.what.as_ref().unwrap() {
            What::FileVersion(v) => v,
            What::GraphDef(_) => "graph",
            What::MetaGraphDef(_) => "meta",
            What::Summary(s) if e.step == 7 && !s.value.is_empty() => "summary",
            What::SessionLog(_) => "log",
            What::TaggedRunMetadata(_) => "run",
            _ => "other",
        })
        .collect();
    assert_eq!(
        kinds,
        ["brain.Event:2", "graph", "meta", "summary", "log", "run"]
    );
    let mut out = RecordWriter::new(Vec::new(), Compression::None);
    for e in &events {
        out.write(&e.encode_to_vec()).unwrap();
    }
    assert_eq!(out.finish().unwrap(), bytes);
}

#[test]
fn a_cut_tail_ends_and_damage_is_told() {
    let dir = TempDir::new("event-damage");
    let writer = EventWriter::new(dir.path("logs")).unwrap();
    writer.add_scalar("a", 1.0, 1).unwrap();
    writer.close().unwrap();
    let whole = std::fs::read(writer.path()).unwrap();
    for damaged in light_damages(&whole) {
        let path = dir.path("tfevents");
        std::fs::write(&path, &damaged).unwrap();
        let events: Vec<Result<Event>> = read_events(&path).unwrap().collect();
        let failed = events.iter().filter(|e| e.is_err()).count();
        assert_eq!(failed, usize::from(damaged.len() == whole.len()));
    }
}
