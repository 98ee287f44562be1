//! Records and event files, plain and compressed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tensorloom::io::{Compression, RecordReader, read_events};
use tensorloom_fuzz::file;

fuzz_target!(|data: &[u8]| {
    let path = file("events");
    std::fs::write(&path, data).expect("write");
    if let Ok(events) = read_events(&path) {
        for event in events {
            if event.is_err() {
                break;
            }
        }
    }
    for compression in [Compression::None, Compression::Zlib, Compression::Gzip] {
        let Ok(mut reader) = RecordReader::open(&path, compression) else {
            continue;
        };
        while let Ok(Some(_)) = reader.read() {}
    }
});
