//! What the tests of this folder share: a temporary folder, and damage to bytes.

use std::path::PathBuf;

/// A folder that is removed when dropped.
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    pub(crate) fn new(name: &str) -> TempDir {
        let unique = super::atomic::random_u64();
        let dir = std::env::temp_dir().join(format!("tensorloom-{name}-{unique:016x}"));
        std::fs::create_dir_all(&dir).unwrap();
        TempDir(dir)
    }
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
    /// The names of its files, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(&self.0)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Every prefix of some bytes, and the bytes with each bit flipped and each byte set to 0, 0x7f, 0xff.
pub(crate) fn damages(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let cuts = (0..bytes.len()).map(|n| bytes[..n].to_vec());
    let flips = (0..bytes.len()).flat_map(move |i| {
        let flipped = (0..8).map(move |bit| bytes[i] ^ (1 << bit));
        flipped.chain([0, 0x7f, 0xff]).map(move |byte| {
            let mut b = bytes.to_vec();
            b[i] = byte;
            b
        })
    });
    cuts.chain(flips)
}

/// Every prefix of some bytes, and the bytes with one bit flipped in each byte.
pub(crate) fn light_damages(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let cuts = (0..bytes.len()).map(|n| bytes[..n].to_vec());
    let flips = (0..bytes.len()).map(|i| {
        let mut b = bytes.to_vec();
        b[i] ^= 1 << (i % 8);
        b
    });
    cuts.chain(flips)
}

/// The bytes of a hexadecimal text; blanks do not matter.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
