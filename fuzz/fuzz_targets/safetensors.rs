//! Safetensors files.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tensorloom::io::SafetensorsReader;
use tensorloom_fuzz::file;

fuzz_target!(|data: &[u8]| {
    let path = file("weights.safetensors");
    std::fs::write(&path, data).expect("write");
    if let Ok(reader) = SafetensorsReader::open(&path) {
        for name in reader.names() {
            let _ = reader.dtype_and_shape(name);
            let _ = reader.read(name);
        }
    }
});
