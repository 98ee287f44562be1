//! Brings the files of a bundle to their names so that a crash at any moment leaves the old bundle or the new one.

use super::entry::{data_path, index_path, is_data_suffix};
use crate::error::{Error, Result};
use crate::io::atomic::{self, AtomicFile, write_atomic};
use std::fs;
use std::path::{Path, PathBuf};

/// A data file on its way to its final name.
pub(super) enum Staged {
    /// One just written.
    Fresh(AtomicFile),
    /// One that another bundle gives up.
    Moved(PathBuf),
}

impl Staged {
    fn move_to(self, target: &Path) -> Result<()> {
        match self {
            Staged::Fresh(file) => file.commit_as(target),
            Staged::Moved(from) => fs::rename(&from, target).map_err(|e| Error::io(&from, &e)),
        }
    }
}

/// Gives data files and index their names under `prefix`; `index` makes the index's bytes for a number of shards.
///
/// The index is what makes a bundle exist, and it names its data files only by their number. So where the new data
/// files would replace those of an index that is still there, they first take names with another number and an index
/// of that number makes them valid; then they get their own names as well, and the index proper follows.
pub(super) fn publish(
    prefix: &Path,
    data: Vec<Staged>,
    index: &dyn Fn(usize) -> Result<Vec<u8>>,
) -> Result<()> {
    let shards = data.len().max(1);
    let names = |shards: usize| (0..data.len()).map(move |i| data_path(prefix, i, shards));
    let finals: Vec<PathBuf> = names(shards).collect();
    let index_name = index_path(prefix);
    let own_index = index(shards)?;
    let taken = |paths: &[PathBuf]| paths.iter().any(|p| p.symlink_metadata().is_ok());
    let detour = index_name.symlink_metadata().is_ok() && taken(&finals);
    if !detour {
        place(data, &finals)?;
        write_atomic(&index_name, &own_index)?;
        return clean(prefix, &finals);
    }

    let mut number = shards + 1;
    let mut aside: Vec<PathBuf> = names(number).collect();
    while taken(&aside) {
        number += 1;
        aside = names(number).collect();
    }
    place(data, &aside)?;
    write_atomic(&index_name, &index(number)?)?;
    // From here on the new bundle is there; what follows gives it the names that it would have had alone.
    let linked = aside
        .iter()
        .zip(&finals)
        .try_for_each(|(from, to)| link(from, to));
    if linked.is_err() {
        // A file system without hard links: the bundle stays as it is.
        return clean(prefix, &aside);
    }
    atomic::sync_parent(&index_name)?;
    write_atomic(&index_name, &own_index)?;
    clean(prefix, &finals)
}

fn place(data: Vec<Staged>, names: &[PathBuf]) -> Result<()> {
    for (file, name) in data.into_iter().zip(names) {
        file.move_to(name)?;
    }
    names.first().map_or(Ok(()), |n| atomic::sync_parent(n))
}

/// Makes `to` another name of the file `from`, in one step.
fn link(from: &Path, to: &Path) -> std::io::Result<()> {
    let mut temp = to.as_os_str().to_owned();
    temp.push(format!("{}{}", atomic::TEMP_MARK, atomic::random_u64()));
    fs::hard_link(from, &temp)?;
    fs::rename(&temp, to).inspect_err(|_| {
        let _ = fs::remove_file(&temp);
    })
}

/// Removes the data files of a prefix that are not among `keep`.
pub(super) fn clean(prefix: &Path, keep: &[PathBuf]) -> Result<()> {
    for path in files(prefix)? {
        let name = path
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or_default();
        let base = prefix
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or_default();
        let is_data = name.strip_prefix(base).is_some_and(is_data_suffix);
        if is_data && !keep.iter().any(|k| k.file_name() == path.file_name()) {
            // Somebody else may have been faster; a file too many does no harm.
            let _ = fs::remove_file(&path);
        }
    }
    Ok(())
}

/// The files beside a prefix whose names begin with it, sorted.
pub(crate) fn files(prefix: &Path) -> Result<Vec<PathBuf>> {
    let folder = atomic::parent(prefix);
    let base = prefix
        .file_name()
        .and_then(|n| n.to_str())
        .unwrap_or_default();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io(folder, &e)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(|e| Error::io(folder, &e))?.file_name();
        if name.to_str().is_some_and(|n| n.starts_with(base)) {
            found.push(match prefix.parent() {
                Some(p) => p.join(name),
                None => PathBuf::from(name),
            });
        }
    }
    found.sort();
    Ok(found)
}
