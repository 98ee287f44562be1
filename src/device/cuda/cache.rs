//! Compiled kernels on disk, so that a program compiles them once on a machine and not once in each run.

use std::fs;
use std::path::PathBuf;
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

/// Where images are kept.
pub(super) struct Cache {
    /// The folder, which is the user's own; nothing when nothing is kept.
    pub(super) folder: Option<PathBuf>,
}

impl Cache {
    /// The folder that the environment's variable names (empty: none), else one of the user's cache folder.
    pub(super) fn new(variable: Option<&str>, below: &str) -> Cache {
        if let Some(own) = variable.and_then(std::env::var_os) {
            let folder = (!own.is_empty()).then(|| own.into());
            return Cache { folder };
        }
        let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty());
        let base = set("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| set("HOME").map(|h| PathBuf::from(h).join(".cache")));
        let folder = base.map(|base| base.join("tensorloom").join(below));
        Cache { folder }
    }

    /// The image of that key; `None` when there is none or it was damaged.
    pub(super) fn read(&self, key: &str) -> Option<Vec<u8>> {
        let mut bytes = fs::read(self.folder.as_ref()?.join(key)).ok()?;
        let end = bytes.len().checked_sub(4)?;
        let sum = u32::from_le_bytes(bytes[end..].try_into().ok()?);
        bytes.truncate(end);
        // No image is empty, but the sum of nothing is four zeros, as a disk that lost the file's bytes gives.
        (!bytes.is_empty() && crc32c::crc32c(&bytes) == sum).then_some(bytes)
    }

    /// Keeps an image, whole or not at all. A disk that refuses it only costs time later.
    pub(super) fn write(&self, key: &str, image: &[u8]) {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let Some(folder) = &self.folder else {
            return;
        };
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

    /// Removes the image of that key: it was whole, but not what the driver takes. Whether there was one.
    pub(super) fn forget(&self, key: &str) -> bool {
        let folder = self.folder.as_ref();
        folder.is_some_and(|folder| fs::remove_file(folder.join(key)).is_ok())
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
        let cache = Cache {
            folder: Some(folder.clone()),
        };
        assert_eq!(cache.read("k"), None);
        cache.write("k", b"an image");
        assert_eq!(cache.read("k").unwrap(), b"an image");
        let whole = fs::read(folder.join("k")).unwrap();
        for at in 0..whole.len() {
            let mut bad = whole.clone();
            bad[at] ^= 1;
            fs::write(folder.join("k"), bad).unwrap();
            assert_eq!(cache.read("k"), None);
            fs::write(folder.join("k"), &whole[..at]).unwrap();
            assert_eq!(cache.read("k"), None);
        }
        fs::write(folder.join("k"), [0; 4]).unwrap();
        assert_eq!(cache.read("k"), None);
        cache.write("k", b"another");
        assert_eq!(cache.read("k").unwrap(), b"another");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        assert!(cache.forget("k") && !cache.forget("k"));
        assert_eq!(cache.read("k"), None);
        fs::remove_dir_all(&folder).unwrap();
        let none = Cache { folder: None };
        none.write("k", b"an image");
        assert!(none.read("k").is_none() && !none.forget("k"));
    }
}
