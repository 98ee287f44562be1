//! What the targets share: a folder in memory for readers that want a path.

use std::path::PathBuf;
use std::sync::LazyLock;

/// A file of this process, of that name.
pub fn file(name: &str) -> PathBuf {
    static DIR: LazyLock<PathBuf> = LazyLock::new(|| {
        let root = PathBuf::from("/dev/shm");
        let root = if root.is_dir() {
            root
        } else {
            std::env::temp_dir()
        };
        let dir = root.join(format!("tensorloom-fuzz-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a folder for the targets' files");
        dir
    });
    DIR.join(name)
}
