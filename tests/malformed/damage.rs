//! Every file cut at each byte, and with damage in each byte.

use super::memory::largest_allocation;
use super::{FORMATS, Folder, Format, told};
use regex::Regex;
use std::path::Path;

/// No damaged file of a kilobyte may lead to a single allocation of more than this.
const MAX_ALLOCATION: usize = 4 << 20;

/// Reads a damaged file; gives what is wrong with the outcome.
fn problem(
    format: &Format,
    place: &Regex,
    path: &Path,
    bytes: &[u8],
    sound: &str,
    whole: bool,
) -> Option<String> {
    std::fs::write(path, bytes).unwrap();
    let (read, largest) = largest_allocation(|| std::panic::catch_unwind(|| (format.read)(path)));
    let read = match read {
        Ok(read) => read,
        Err(_) => return Some("a panic".into()),
    };
    if largest > MAX_ALLOCATION {
        return Some(format!("an allocation of {largest} bytes"));
    }
    match read {
        Ok(text) if format.guarded && whole && text != sound => Some(format!("was read as {text}")),
        Ok(_) => None,
        Err(e) => {
            let told = told(&e);
            (!place.is_match(&told)).then(|| format!("does not say where: {told}"))
        }
    }
}

fn sweep(format: &Format) -> Vec<String> {
    let folder = Folder::new(format.name);
    let sound = (format.sound)(&folder.0);
    let path = folder.0.join(format.name);
    std::fs::write(&path, &sound).unwrap();
    let text = (format.read)(&path).unwrap();
    let place = Regex::new(format.place).unwrap();
    let mut problems = Vec::new();
    let mut note = |what: String, bytes: &[u8], whole: bool| {
        let found = problem(format, &place, &path, bytes, &text, whole);
        problems.extend(found.map(|p| format!("{} {what}: {p}", format.name)));
    };
    for n in 0..sound.len() {
        note(format!("cut at {n}"), &sound[..n], false);
    }
    for i in 0..sound.len() {
        for byte in [sound[i] ^ 1 << (i % 8), 0, 0x7f, 0xff] {
            let mut bytes = sound.clone();
            bytes[i] = byte;
            note(format!("byte {i} set to {byte:#04x}"), &bytes, true);
        }
    }
    // What comes behind the end.
    for tail in [&b"\0"[..], b"\xff\xff\xff\xff", b"{", b"PK\x05\x06"] {
        let longer = [&sound[..], tail].concat();
        note(format!("followed by {tail:?}"), &longer, false);
    }
    problems
}

/// One test a format, so that they run side by side.
macro_rules! sweeps {
    ($($test:ident: $($name:literal)+;)+) => {$(
        #[test]
        fn $test() {
            let names = [$($name),+];
            let mut problems = Vec::new();
            for name in names {
                let format = FORMATS.iter().find(|f| f.name == name).unwrap();
                problems.extend(sweep(format));
            }
            assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
        }
    )+

        #[test]
        fn every_format_is_swept() {
            let swept = [$($($name),+),+];
            for f in FORMATS {
                assert!(swept.contains(&f.name), "{}", f.name);
            }
        }
    };
}

sweeps! {
    graphs_in_each_form: "graph.pb" "graph.pbtxt" "graph.json";
    meta_graphs_and_saved_models: "model.meta" "saved_model.pb";
    checkpoints_of_both_versions: "checkpoint" "m.index" "m.data-00000-of-00001" "v1";
    records_and_events: "events.out.tfevents.1" "plain.tfrecord" "gzip.tfrecord" "zlib.tfrecord";
    arrays_and_weights: "array.npy" "stored.npz" "deflated.npz" "weights.safetensors";
}
