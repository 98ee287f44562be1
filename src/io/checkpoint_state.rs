//! The `checkpoint` file of a folder, which names its newest checkpoint, and the files that make up a checkpoint.

use super::atomic::{parent, write_atomic};
use super::bundle::{files, index_path, is_data_suffix, suffixed};
use super::glob::matching_files;
use crate::error::{Error, Result};
use crate::proto::{self, CheckpointState};
use prost::Message;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// The name of the state file unless told otherwise.
pub const STATE_FILE: &str = "checkpoint";

/// Reads the text form of a state.
///
/// # Errors
/// `InvalidArgument` for anything but a state, with line and column.
pub fn parse_checkpoint_state(text: &str) -> Result<CheckpointState> {
    proto::decode(MESSAGE, &proto::text::parse(schema()?, text)?)
}

/// The text form of a state, as Python writes it.
///
/// # Errors
/// None for a state that fits in memory.
pub fn format_checkpoint_state(state: &CheckpointState) -> Result<String> {
    proto::text::print(schema()?, &state.encode_to_vec())
}

const MESSAGE: &str = "CheckpointState";

fn schema() -> Result<&'static proto::schema::Message> {
    let known = proto::schema::message(MESSAGE);
    known.ok_or_else(|| Error::internal("CheckpointState is not in the schema"))
}

/// Replaces the state file of `save_dir`: `latest` is the newest checkpoint, `all` are those kept, oldest first.
///
/// Where `save_dir` is relative, relative paths are stored as seen from it; the newest is added to `all` if it is not its
/// last.
///
/// # Errors
/// `FailedPrecondition` when the newest checkpoint would have the state file's own path; what the file system says.
pub fn update_checkpoint_state(
    save_dir: &Path,
    latest: &str,
    all: &[String],
    state_file: &str,
) -> Result<()> {
    let target = save_dir.join(state_file);
    let mut all = all.to_vec();
    if all.last().map(String::as_str) != Some(latest) {
        all.push(latest.to_string());
    }
    let store = |path: &str| match save_dir.is_relative() && Path::new(path).is_relative() {
        true => relative_to(path, save_dir),
        false => Ok(path.to_string()),
    };
    let state = CheckpointState {
        model_checkpoint_path: store(latest)?,
        all_model_checkpoint_paths: all.iter().map(|p| store(p)).collect::<Result<_>>()?,
        ..Default::default()
    };
    if target == Path::new(&state.model_checkpoint_path) {
        return Err(Error::failed_precondition(format!(
            "Save path '{latest}' conflicts with path used for checkpoint state.  Please use a different save path."
        )));
    }
    write_atomic(target, format_checkpoint_state(&state)?.as_bytes())
}

/// A relative path as seen from a relative folder, both without `.` and `..` where that is possible.
fn relative_to(path: &str, folder: &Path) -> Result<String> {
    let here = std::env::current_dir().map_err(|e| Error::io(folder, &e))?;
    let plain = |p: &Path| {
        let mut out: Vec<std::ffi::OsString> = Vec::new();
        for part in here.join(p).components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir => {
                    if out.len() > 1 {
                        out.pop();
                    }
                }
                c => out.push(c.as_os_str().to_owned()),
            }
        }
        out
    };
    let (to, from) = (plain(Path::new(path)), plain(folder));
    let shared = to.iter().zip(&from).take_while(|(a, b)| a == b).count();
    let mut out = PathBuf::new();
    for _ in &from[shared..] {
        out.push("..");
    }
    out.extend(&to[shared..]);
    let text = out.to_str().map(str::to_string);
    text.ok_or_else(|| Error::invalid_argument(format!("{path} is not text")))
}

/// The state of a folder; paths in it that are relative are joined to the folder. `None` without a state file.
///
/// # Errors
/// `InvalidArgument` when the file does not say which checkpoint is the newest; what the file system says.
pub fn read_checkpoint_state(dir: &Path, state_file: &str) -> Result<Option<CheckpointState>> {
    let path = dir.join(state_file);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io(&path, &e)),
    };
    let text = String::from_utf8(bytes)
        .map_err(|_| Error::invalid_argument("a checkpoint state is not UTF-8"))?;
    let mut state = parse_checkpoint_state(&text)?;
    if state.model_checkpoint_path.is_empty() {
        return Err(Error::invalid_argument(format!(
            "Invalid checkpoint state loaded from {}",
            dir.display()
        )));
    }
    let join = |p: &mut String| {
        if Path::new(p.as_str()).is_relative() {
            *p = dir.join(p.as_str()).to_string_lossy().into_owned();
        }
    };
    join(&mut state.model_checkpoint_path);
    state.all_model_checkpoint_paths.iter_mut().for_each(join);
    Ok(Some(state))
}

/// The prefix of a folder's newest checkpoint, if the state file names one that is there.
///
/// A state file that makes no sense is reported on stderr and counts as none.
pub fn latest_checkpoint(dir: impl AsRef<Path>) -> Option<String> {
    let dir = dir.as_ref();
    let state = match read_checkpoint_state(dir, STATE_FILE) {
        Ok(state) => state?,
        Err(e) => {
            eprintln!(
                "warning: {}: {}; checkpoint ignored",
                dir.join(STATE_FILE).display(),
                e.message()
            );
            return None;
        }
    };
    let prefix = state.model_checkpoint_path;
    if checkpoint_exists(&prefix) {
        return Some(prefix);
    }
    eprintln!("warning: Couldn't match files for checkpoint {prefix}");
    None
}

/// Whether there is a checkpoint of that prefix: its index, or a file (or files, for a pattern) of the old format.
pub fn checkpoint_exists(prefix: impl AsRef<Path>) -> bool {
    let prefix = prefix.as_ref();
    if prefix.file_name().is_none() {
        return false;
    }
    let pattern = prefix.to_str().filter(|p| p.contains("?????-of-"));
    let matched = || pattern.is_some_and(|p| matching_files(p).is_ok_and(|f| !f.is_empty()));
    index_path(prefix).is_file() || prefix.is_file() || matched()
}

/// The path of the MetaGraphDef beside a checkpoint: shard numbers are dropped from the prefix.
pub fn meta_graph_path(prefix: impl AsRef<Path>) -> PathBuf {
    let prefix = prefix.as_ref();
    let text = prefix.to_string_lossy();
    let stem = || {
        let (start, shards) = text.rsplit_once("-of-")?;
        let (start, shard) = start.rsplit_once('-')?;
        let number = |s: &str, also: char| {
            !s.is_empty() && s.chars().all(|c| c.is_ascii_digit() || c == also)
        };
        (number(shards, '0') && number(shard, '?')).then_some(start)
    };
    match stem() {
        Some(start) => suffixed(Path::new(start), ".meta"),
        None => suffixed(prefix, ".meta"),
    }
}

/// The files of one checkpoint that are there, the index first: index, data, meta graph, old-format file, and what
/// broken-off saves have left of these.
///
/// # Errors
/// What the file system says.
pub fn checkpoint_files(prefix: impl AsRef<Path>) -> Result<Vec<PathBuf>> {
    let prefix = prefix.as_ref();
    let base = prefix
        .file_name()
        .and_then(|n| n.to_str())
        .unwrap_or_default();
    let is_part = |path: &PathBuf| {
        let name = path
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or_default();
        let rest = name.strip_prefix(base).unwrap_or_default();
        let rest = match rest.rsplit_once(super::atomic::TEMP_MARK) {
            Some((rest, number)) if number.bytes().all(|b| b.is_ascii_digit()) => rest,
            _ => rest,
        };
        name == base || matches!(rest, ".index" | ".meta") || is_data_suffix(rest)
    };
    let mut found: Vec<PathBuf> = files(prefix)?.into_iter().filter(is_part).collect();
    let meta = meta_graph_path(prefix);
    if !found.contains(&meta) && meta.is_file() {
        found.push(meta);
    }
    found.retain(|p| p.is_file());
    let index = index_path(prefix);
    found.sort_by_key(|p| *p != index);
    Ok(found)
}

/// Removes the files of a checkpoint, the index first, so that a part of a checkpoint never looks like a whole one.
///
/// # Errors
/// What the file system says; files that are missing are no error.
pub fn remove_checkpoint(prefix: impl AsRef<Path>) -> Result<()> {
    for path in checkpoint_files(prefix)? {
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(Error::io(&path, &e)),
        }
    }
    Ok(())
}

/// The prefixes of all complete checkpoints beside a prefix that begin with it, by age of their index (oldest first).
///
/// # Errors
/// What the file system says.
pub fn list_checkpoints(prefix: impl AsRef<Path>) -> Result<Vec<PathBuf>> {
    let prefix = prefix.as_ref();
    let folder = parent(prefix);
    let mut found = Vec::new();
    for path in files(prefix)? {
        let name = path
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or_default();
        if let Some(stem) = name.strip_suffix(".index") {
            let meta = fs::metadata(&path).map_err(|e| Error::io(folder, &e))?;
            let time = meta.modified().map_err(|e| Error::io(folder, &e))?;
            found.push((time, path.with_file_name(stem)));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, p)| p).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::BundleWriter;
    use crate::io::testing::{TempDir, damages};
    use crate::{Code, Tensor};

    fn save(dir: &TempDir, name: &str) -> String {
        let prefix = dir.path(name);
        let mut w = BundleWriter::new(&prefix).unwrap();
        w.add("x", &Tensor::from(1f32)).unwrap();
        w.finish().unwrap();
        prefix.to_str().unwrap().to_string()
    }

    #[test]
    fn text_is_tensorflows() {
        let text = include_str!("../../tests/data/ckpt/checkpoint");
        let state = parse_checkpoint_state(text).unwrap();
        assert_eq!(state.model_checkpoint_path, "m.ckpt-3");
        assert_eq!(state.all_model_checkpoint_paths, ["m.ckpt-2", "m.ckpt-3"]);
        assert_eq!(format_checkpoint_state(&state).unwrap(), text);
        let state = CheckpointState {
            model_checkpoint_path: "é\"\\\n\x01".into(),
            all_model_checkpoint_paths: vec!["a'b".into()],
            all_model_checkpoint_timestamps: vec![1.5, 1700000000.25],
            last_preserved_timestamp: -1.0,
        };
        let text = format_checkpoint_state(&state).unwrap();
        assert!(text.starts_with("model_checkpoint_path: \"é\\\"\\\\\\n\\001\"\n"));
        assert_eq!(parse_checkpoint_state(&text).unwrap(), state);
    }

    #[test]
    fn row_187_other_texts_are_no_state() {
        let bad = [
            "x",
            "model_checkpoint_path: 7",
            "model_checkpoint_path: \"a",
            "a: \"b\"",
            "{",
            "\"x\"",
            "\u{0}",
        ];
        for text in bad {
            let e = parse_checkpoint_state(text).unwrap_err();
            assert_eq!(e.code(), Code::InvalidArgument, "{text}");
        }
        let dir = TempDir::new("state-bad");
        for text in [
            "",
            "all_model_checkpoint_paths: \"x\"",
            "garbage",
            "model_checkpoint_path: \"gone\"",
        ] {
            fs::write(dir.path(STATE_FILE), text).unwrap();
            assert_eq!(latest_checkpoint(dir.path("")), None);
        }
        let whole = include_bytes!("../../tests/data/ckpt/checkpoint");
        for damaged in damages(whole) {
            fs::write(dir.path(STATE_FILE), damaged).unwrap();
            let _ = read_checkpoint_state(&dir.path(""), STATE_FILE);
        }
    }

    #[test]
    fn absolute_folders_store_paths_as_they_are() {
        let dir = TempDir::new("state");
        assert_eq!(latest_checkpoint(dir.path("")), None);
        let (a, b) = (save(&dir, "m-1"), save(&dir, "m-2"));
        update_checkpoint_state(&dir.path(""), &b, std::slice::from_ref(&a), STATE_FILE).unwrap();
        let text = fs::read_to_string(dir.path(STATE_FILE)).unwrap();
        let line = |name: &str, path: &str| format!("{name}: \"{path}\"\n");
        let all = "all_model_checkpoint_paths";
        assert_eq!(
            text,
            line("model_checkpoint_path", &b) + &line(all, &a) + &line(all, &b)
        );
        assert_eq!(latest_checkpoint(dir.path("")), Some(b.clone()));
        fs::write(dir.path(STATE_FILE), "model_checkpoint_path: 'm-1'").unwrap();
        assert_eq!(
            latest_checkpoint(dir.path("")),
            Some(dir.path("m-1").to_str().unwrap().to_string())
        );
        assert_eq!(
            list_checkpoints(dir.path("m-")).unwrap(),
            [Path::new(&a), Path::new(&b)]
        );
        let e = update_checkpoint_state(
            &dir.path(""),
            dir.path(STATE_FILE).to_str().unwrap(),
            &[],
            STATE_FILE,
        );
        assert_eq!(e.unwrap_err().code(), Code::FailedPrecondition);
    }

    #[test]
    fn relative_paths_are_seen_from_the_folder() {
        let cases = [
            ("train/m-1", "train", "m-1"),
            ("./train/m-1", "train/", "m-1"),
            ("m-1", "train", "../m-1"),
            ("other/m-1", "train/deep", "../../other/m-1"),
            ("m-1", ".", "m-1"),
            ("m-1", "", "m-1"),
        ];
        for (path, folder, want) in cases {
            assert_eq!(relative_to(path, Path::new(folder)).unwrap(), want);
        }
    }

    #[test]
    fn a_checkpoint_is_removed_with_all_its_files_and_no_others() {
        let dir = TempDir::new("state-remove");
        let prefix = save(&dir, "m-1");
        save(&dir, "m-10");
        for name in [
            "m-1.meta",
            "m-1.index.tempstate5",
            "m-1.data-00000-of-00001.tempstate7",
            "m-1.txt",
        ] {
            fs::write(dir.path(name), b"").unwrap();
        }
        assert!(checkpoint_exists(&prefix));
        assert_eq!(checkpoint_files(&prefix).unwrap()[0], dir.path("m-1.index"));
        remove_checkpoint(&prefix).unwrap();
        assert!(!checkpoint_exists(&prefix));
        assert_eq!(
            dir.names(),
            ["m-1.txt", "m-10.data-00000-of-00001", "m-10.index"]
        );
        remove_checkpoint(&prefix).unwrap();
        remove_checkpoint(dir.path("no/such")).unwrap();
    }

    #[test]
    fn meta_graphs_are_shared_by_shards() {
        let cases = [
            ("d/m-3", "d/m-3.meta"),
            ("d/m-?????-of-00004", "d/m.meta"),
            ("d/m-00001-of-00004", "d/m.meta"),
            ("d/x-of-y", "d/x-of-y.meta"),
        ];
        for (prefix, want) in cases {
            assert_eq!(meta_graph_path(prefix), Path::new(want));
        }
    }
}
