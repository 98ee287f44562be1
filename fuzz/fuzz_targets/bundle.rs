//! Checkpoints of both versions and the state file. The first two bytes of an input are the length of the index; the data
//! file follows it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tensorloom::io::{CheckpointReader, parse_checkpoint_state};
use tensorloom_fuzz::file;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = parse_checkpoint_state(text);
    }
    let Some((length, rest)) = data.split_first_chunk() else {
        return;
    };
    let (index, shard) = rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()));
    let (v2, v1) = (file("m"), file("v1"));
    std::fs::write(file("m.index"), index).expect("write");
    std::fs::write(file("m.data-00000-of-00001"), shard).expect("write");
    std::fs::write(&v1, rest).expect("write");
    for prefix in [v2, v1] {
        let Ok(reader) = CheckpointReader::open(prefix) else {
            continue;
        };
        for key in reader.keys() {
            let _ = reader.dtype_and_shape(key);
            let _ = reader.slices(key);
            let _ = reader.read(key);
        }
        reader.verify();
    }
});
