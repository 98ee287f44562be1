//! Files replaced whole: written under a temporary name in the same folder, synced, and renamed over the target.

use crate::error::{Error, Result};
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hasher};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// What a temporary name has between the final name and its random number (TensorFlow's word).
pub(crate) const TEMP_MARK: &str = ".tempstate";

/// A file that appears under its name only when complete; dropped before that, it leaves nothing behind.
///
/// ```
/// use std::io::Write;
/// use tensorloom::io::AtomicFile;
/// # let dir = tempfile();
/// let target = dir.join("notes.txt");
/// let mut file = AtomicFile::create(&target).unwrap();
/// file.write_all(b"whole").unwrap();
/// assert!(!target.exists());
/// file.commit().unwrap();
/// assert_eq!(std::fs::read(&target).unwrap(), b"whole");
/// # std::fs::remove_dir_all(dir).unwrap();
/// # fn tempfile() -> std::path::PathBuf {
/// #     let d = std::env::temp_dir().join(format!("tensorloom-atomic-doc-{}", std::process::id()));
/// #     std::fs::create_dir_all(&d).unwrap();
/// #     d
/// # }
/// ```
#[derive(Debug)]
pub struct AtomicFile {
    file: Option<BufWriter<File>>,
    temp: PathBuf,
    target: PathBuf,
}

impl AtomicFile {
    /// Starts a replacement of `target`.
    ///
    /// # Errors
    /// What the file system says (`NotFound` when the folder is missing).
    pub fn create(target: impl AsRef<Path>) -> Result<AtomicFile> {
        let target = target.as_ref();
        // A clash of 64-bit random names means that somebody guesses them; a few tries are plenty.
        let mut tries = 0;
        loop {
            let mut temp = target.as_os_str().to_owned();
            temp.push(format!("{TEMP_MARK}{}", random_u64()));
            let temp = PathBuf::from(temp);
            match OpenOptions::new().write(true).create_new(true).open(&temp) {
                Ok(file) => {
                    return Ok(AtomicFile {
                        file: Some(BufWriter::with_capacity(1 << 20, file)),
                        temp,
                        target: target.to_path_buf(),
                    });
                }
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && tries < 8 => tries += 1,
                Err(e) => return Err(Error::io(target, &e)),
            }
        }
    }

    /// The name that the bytes have until [`AtomicFile::commit`].
    pub fn temp_path(&self) -> &Path {
        &self.temp
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// What the file system says (`ResourceExhausted` when the disk is full).
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.write_all(bytes).map_err(|e| Error::io(&self.temp, &e))
    }

    /// Brings the bytes to the disk and closes the file; the target is as it was.
    ///
    /// # Errors
    /// What the file system says.
    pub fn sync(&mut self) -> Result<()> {
        let Some(writer) = self.file.take() else {
            return Ok(());
        };
        let at = |e: std::io::Error| Error::io(&self.temp, &e);
        let file = writer.into_inner().map_err(|e| at(e.into_error()))?;
        file.sync_all().map_err(at)
    }

    /// Syncs and renames over the target.
    ///
    /// # Errors
    /// What the file system says; the target is then as it was.
    pub fn commit(self) -> Result<()> {
        let target = self.target.clone();
        self.commit_as(&target)
    }

    /// As [`AtomicFile::commit`], under another name in the same file system.
    ///
    /// # Errors
    /// As [`AtomicFile::commit`].
    pub fn commit_as(mut self, target: &Path) -> Result<()> {
        self.sync()?;
        self.rename(target)?;
        sync_parent(target)
    }

    fn rename(mut self, target: &Path) -> Result<()> {
        fs::rename(&self.temp, target).map_err(|e| Error::io(target, &e))?;
        self.temp = PathBuf::new();
        Ok(())
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match &mut self.file {
            Some(file) => file.write(bytes),
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        }
    }
    fn flush(&mut self) -> std::io::Result<()> {
        self.file.as_mut().map_or(Ok(()), |f| f.flush())
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if !self.temp.as_os_str().is_empty() {
            self.file = None;
            let _ = fs::remove_file(&self.temp);
        }
    }
}

/// Replaces a file by these bytes.
///
/// # Errors
/// What the file system says; the file is then as it was.
pub fn write_atomic(target: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let mut file = AtomicFile::create(target)?;
    file.append(bytes)?;
    file.commit()
}

/// Replaces several files; readers that look at the last one first see all of them or none.
///
/// All bytes reach the disk before the first rename, and all other names before the last rename.
///
/// # Errors
/// What the file system says; the last file is then as it was.
pub fn commit_all(mut files: Vec<AtomicFile>) -> Result<()> {
    for file in &mut files {
        file.sync()?;
    }
    let last = files.pop();
    let mut folders: Vec<PathBuf> = Vec::new();
    for file in files {
        let target = file.target.clone();
        file.rename(&target)?;
        let folder = parent(&target).to_path_buf();
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    for folder in &folders {
        sync_folder(folder)?;
    }
    last.map_or(Ok(()), AtomicFile::commit)
}

/// The folder of a path; `.` for a bare name.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    }
}

/// Makes renames and removals beside `path` last.
pub(crate) fn sync_parent(path: &Path) -> Result<()> {
    sync_folder(parent(path))
}

fn sync_folder(folder: &Path) -> Result<()> {
    // Elsewhere a folder cannot be opened as a file, and renames are journaled by the system.
    if cfg!(unix) {
        let handle = File::open(folder).map_err(|e| Error::io(folder, &e))?;
        match handle.sync_all() {
            Ok(()) => {}
            // Some network file systems cannot sync a folder.
            Err(e) if e.kind() == std::io::ErrorKind::InvalidInput => {}
            Err(e) => return Err(Error::io(folder, &e)),
        }
    }
    Ok(())
}

/// A number that another process cannot guess and another call does not repeat.
pub(crate) fn random_u64() -> u64 {
    // The standard library keys its hash maps from the system's random source, a fresh key each.
    std::collections::hash_map::RandomState::new()
        .build_hasher()
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;
    use crate::io::testing::TempDir;

    #[test]
    fn nothing_is_left_of_a_file_that_was_not_committed() {
        let dir = TempDir::new("atomic-drop");
        let target = dir.path("f");
        fs::write(&target, b"old").unwrap();
        let mut file = AtomicFile::create(&target).unwrap();
        file.append(b"new").unwrap();
        drop(file);
        assert_eq!(fs::read(&target).unwrap(), b"old");
        assert_eq!(dir.names(), ["f"]);
    }

    #[test]
    fn the_temporary_file_is_new_and_beside_the_target() {
        let dir = TempDir::new("atomic-temp");
        let target = dir.path("f");
        let a = AtomicFile::create(&target).unwrap();
        let b = AtomicFile::create(&target).unwrap();
        assert_ne!(a.temp_path(), b.temp_path());
        let name = a.temp_path().file_name().unwrap().to_str().unwrap();
        let digits = name.strip_prefix("f.tempstate").unwrap();
        assert!(digits.parse::<u64>().is_ok());
        assert_eq!(a.temp_path().parent(), target.parent());
    }

    #[test]
    fn several_files_appear_together() {
        let dir = TempDir::new("atomic-several");
        let mut files = Vec::new();
        for name in ["data", "index"] {
            let mut f = AtomicFile::create(dir.path(name)).unwrap();
            f.append(name.as_bytes()).unwrap();
            files.push(f);
        }
        commit_all(files).unwrap();
        assert_eq!(dir.names(), ["data", "index"]);
        assert_eq!(fs::read(dir.path("index")).unwrap(), b"index");
        commit_all(Vec::new()).unwrap();
    }

    #[test]
    fn a_missing_folder_is_reported_by_the_target_name() {
        let dir = TempDir::new("atomic-missing");
        let e = write_atomic(dir.path("no/f"), b"x").unwrap_err();
        assert_eq!(e.code(), Code::NotFound);
        assert!(e.message().ends_with("no/f; No such file or directory"));
    }
}
