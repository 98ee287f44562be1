//! The house rules that a machine can check: floors, first lines, lengths, one table row for each op.

use std::fs;
use std::path::{Path, PathBuf};

/// Each part of the crate with its floor. A file may import from its own part and from strictly lower floors.
const FLOORS: &[(&str, u8)] = &[
    ("error", 0),
    ("dtype", 0),
    ("shape", 0),
    ("proto", 0),
    ("sync", 0),
    ("tensor", 1),
    ("device", 1),
    ("def", 2),
    ("io", 2),
    ("op", 3),
    ("kernel", 3),
    ("resource", 3),
    ("graph", 4),
    ("grad", 5),
    ("registry", 6),
    ("ops", 7),
    ("runtime", 7),
    ("train", 8),
    ("cli", 9),
    ("lib", 9),
    ("prelude", 9),
    ("main", 9),
];

/// Parts of one floor that may see each other: kernels see resources, device code takes its
/// scratch space from the tensors' buffers, definitions are written by the file layer.
const NEIGHBOURS: &[(&str, &str)] = &[
    ("kernel", "resource"),
    ("kernel", "op"),
    ("device", "tensor"),
    ("shape", "error"),
    ("dtype", "error"),
    ("proto", "error"),
    ("def", "io"),
];

/// No file may be longer, ever; about 400 lines is what to aim at.
const LONGEST: usize = 700;

fn files(dir: &Path, wanted: &dyn Fn(&Path) -> bool, out: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, wanted, out);
        } else if wanted(&path) {
            out.push(path);
        }
    }
}

fn rust_files(dir: &Path, out: &mut Vec<PathBuf>) {
    files(dir, &|p| p.extension().is_some_and(|e| e == "rs"), out);
}

fn sources(dirs: &[&str]) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for d in dirs {
        rust_files(&root.join(d), &mut files);
    }
    assert!(
        files.len() > 50 || dirs.len() < 2,
        "the sources were not found"
    );
    files.sort();
    files
        .into_iter()
        .map(|f| {
            let name = f
                .strip_prefix(root)
                .unwrap()
                .to_string_lossy()
                .replace('\\', "/");
            (name, fs::read_to_string(&f).unwrap())
        })
        .collect()
}

fn floor(part: &str) -> Option<u8> {
    FLOORS.iter().find(|(p, _)| *p == part).map(|(_, f)| *f)
}

/// The part of the crate in which a file stands: `src/io/record.rs` is in `io`, `ops/…` in `ops`.
fn part(file: &str) -> &str {
    match file.strip_prefix("src/") {
        Some(rest) => rest.split('/').next().unwrap_or("").trim_end_matches(".rs"),
        None => "ops",
    }
}

/// The parts of the crate that a line names: `crate::io::record`, `crate::{error::Error, op}`.
fn imports(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some(i) = rest.find("crate::") {
        let before = rest[..i].chars().last();
        rest = &rest[i + "crate::".len()..];
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut word = String::new();
            let mut first = true;
            for c in list.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        found.push(std::mem::take(&mut word));
                        first = true;
                        continue;
                    }
                    _ => {}
                }
                if depth == 0 && first {
                    if c.is_alphanumeric() || c == '_' {
                        word.push(c);
                    } else if !word.is_empty() {
                        first = false;
                    }
                }
            }
            found.push(word);
        } else {
            found.push(
                rest.chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect(),
            );
        }
    }
    found.retain(|w| !w.is_empty());
    found
}

#[test]
fn imports_go_strictly_down() {
    let mut wrong = Vec::new();
    for (file, text) in sources(&["src", "ops"]) {
        let here = part(&file);
        let Some(own) = floor(here) else {
            wrong.push(format!("{file}: '{here}' has no floor"));
            continue;
        };
        let mut in_tests = false;
        for (number, line) in text.lines().enumerate() {
            in_tests |= line.trim_start().starts_with("#[cfg(test)]");
            let is_test_file = file.ends_with("tests.rs")
                || file.ends_with("testing.rs")
                || file.contains("/tests/");
            if in_tests || is_test_file || line.trim_start().starts_with("//") {
                continue;
            }
            for to in imports(line) {
                let Some(other) = floor(&to) else { continue };
                let neighbours = NEIGHBOURS.contains(&(here, to.as_str()));
                if to != here && other >= own && !neighbours {
                    wrong.push(format!(
                        "{file}:{}: F{own} {here} imports F{other} {to}",
                        number + 1
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_say_what_they_are_for_and_are_short() {
    let mut wrong = Vec::new();
    for (file, text) in sources(&["src", "ops", "tests", "examples", "benches"]) {
        if !text.starts_with("//! ") {
            wrong.push(format!("{file}: does not open with a `//!` line"));
        }
        let lines = text.lines().count();
        if lines > LONGEST {
            wrong.push(format!("{file}: {lines} lines (at most {LONGEST})"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_left_for_later() {
    let marks = [
        "todo!(",
        "unimplemented!(",
        "dbg!(",
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
    ];
    let mut wrong = Vec::new();
    for (file, text) in sources(&["src", "ops", "examples"]) {
        for (number, line) in text.lines().enumerate() {
            if marks.iter().any(|m| line.contains(m)) {
                wrong.push(format!("{file}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unsafe_blocks_say_why() {
    let mut wrong = Vec::new();
    for (file, text) in sources(&["src", "ops"]) {
        let lines: Vec<&str> = text.lines().collect();
        for (i, line) in lines.iter().enumerate() {
            let code = line.split("//").next().unwrap_or("");
            let is_unsafe = code.contains("unsafe {") || code.contains("unsafe impl");
            // The reason stands above the statement, or above the group of one-line wrappers it belongs to.
            let explained = (i.saturating_sub(48)..=i).any(|j| lines[j].contains("SAFETY:"));
            if is_unsafe && !explained {
                wrong.push(format!("{file}:{}: {}", i + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A script that its shell cannot read to the end would do only the first part of its work.
#[test]
fn scripts_can_be_read_by_their_shells() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shell = |p: &Path| {
        let text = fs::read(p).unwrap_or_default();
        let first = text.split(|b| *b == b'\n').next().unwrap_or_default();
        let first = String::from_utf8_lossy(first).into_owned();
        let name = first
            .starts_with("#!")
            .then(|| first.rsplit(['/', ' ']).next());
        name.flatten()
            .filter(|n| n.ends_with("sh"))
            .map(str::to_string)
    };
    let mut scripts = Vec::new();
    for dir in [".ci", "scripts", "tests"] {
        // Python environments are made below tests/interop.
        let own = |p: &Path| !p.components().any(|c| c.as_os_str() == ".venv");
        files(
            &root.join(dir),
            &|p| own(p) && shell(p).is_some(),
            &mut scripts,
        );
    }
    assert!(scripts.len() >= 6, "{scripts:?}");
    for script in scripts {
        let shell = shell(&script).unwrap();
        let read = std::process::Command::new(&shell)
            .arg("-n")
            .arg(&script)
            .output();
        let read = read.unwrap_or_else(|e| panic!("{shell}: {e}"));
        let told = String::from_utf8_lossy(&read.stderr);
        assert!(read.status.success(), "{}: {told}", script.display());
    }
}
