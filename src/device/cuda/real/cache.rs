//! Compiled kernels on disk, so that a program compiles them once on a machine and not once in each run.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A name for what is made from these texts: a 128-bit FNV-1a hash of them, with their lengths.
pub(super) fn key(parts: &[&str]) -> String {
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    let mut add = |bytes: &[u8]| {
        for b in bytes {
            hash = (hash ^ u128::from(*b)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    };
    for part in parts {
        add(&(part.len() as u64).to_le_bytes());
        add(part.as_bytes());
    }
    format!("{hash:032x}")
}

/// The folder: `$TENSORLOOM_KERNEL_CACHE` (empty: none), else `tensorloom/kernels` in the user's cache folder.
fn folder() -> Option<PathBuf> {
    if let Some(own) = std::env::var_os("TENSORLOOM_KERNEL_CACHE") {
        return (!own.is_empty()).then(|| own.into());
    }
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty());
    let base = set("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| set("HOME").map(|h| PathBuf::from(h).join(".cache")))?;
    Some(base.join("tensorloom/kernels"))
}

/// The image of that key; `None` when there is none or it was damaged.
pub(super) fn read(key: &str) -> Option<Vec<u8>> {
    read_in(&folder()?, key)
}

/// Keeps an image, whole or not at all. A disk that refuses it only costs time later.
pub(super) fn write(key: &str, image: &[u8]) {
    if let Some(folder) = folder() {
        write_in(&folder, key, image);
    }
}

fn read_in(folder: &Path, key: &str) -> Option<Vec<u8>> {
    let mut bytes = fs::read(folder.join(key)).ok()?;
    let end = bytes.len().checked_sub(4)?;
    let sum = u32::from_le_bytes(bytes[end..].try_into().ok()?);
    bytes.truncate(end);
    (crc32c::crc32c(&bytes) == sum).then_some(bytes)
}

fn write_in(folder: &Path, key: &str, image: &[u8]) {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    if fs::create_dir_all(folder).is_err() {
        return;
    }
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let temp = folder.join(format!("{key}.{}.{number}", std::process::id()));
    let mut bytes = image.to_vec();
    bytes.extend(crc32c::crc32c(image).to_le_bytes());
    let kept = fs::write(&temp, bytes).and_then(|()| fs::rename(&temp, folder.join(key)));
    if kept.is_err() {
        let _ = fs::remove_file(&temp);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tell_parts_apart() {
        assert_eq!(key(&["a", "b"]), key(&["a", "b"]));
        assert_ne!(key(&["a", "b"]), key(&["ab", ""]));
        assert_ne!(key(&["a"]), key(&["b"]));
    }

    #[test]
    fn what_was_damaged_is_not_read() {
        let folder =
            std::env::temp_dir().join(format!("tensorloom-kernels-{}", std::process::id()));
        assert_eq!(read_in(&folder, "k"), None);
        write_in(&folder, "k", b"an image");
        assert_eq!(read_in(&folder, "k").unwrap(), b"an image");
        let whole = fs::read(folder.join("k")).unwrap();
        for at in 0..whole.len() {
            let mut bad = whole.clone();
            bad[at] ^= 1;
            fs::write(folder.join("k"), bad).unwrap();
            assert_eq!(read_in(&folder, "k"), None);
            fs::write(folder.join("k"), &whole[..at]).unwrap();
            assert_eq!(read_in(&folder, "k"), None);
        }
        write_in(&folder, "k", b"another");
        assert_eq!(read_in(&folder, "k").unwrap(), b"another");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(&folder).unwrap();
    }
}
