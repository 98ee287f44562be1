//! NumPy arrays and archives: an array that is read is written and read as the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tensorloom::io::{decode_npy, encode_npy, read_npz};
use tensorloom_fuzz::file;

fuzz_target!(|data: &[u8]| {
    if let Ok(tensor) = decode_npy(data) {
        if let Ok(bytes) = encode_npy(&tensor) {
            let again = decode_npy(&bytes).expect("what was written can be read");
            assert_eq!(
                (again.dtype(), again.shape()),
                (tensor.dtype(), tensor.shape())
            );
        }
    }
    let path = file("archive.npz");
    std::fs::write(&path, data).expect("write");
    let _ = read_npz(&path);
});
