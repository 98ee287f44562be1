//! File name patterns as MatchingFiles takes them: `*`, `?`, `[a-z]`, `[^a-z]`, `\` to quote; none matches a `/`.

use crate::error::{Error, Result};
use std::fs;
use std::io::ErrorKind;
use std::str::Chars;

/// The existing paths that match a pattern, sorted.
///
/// A pattern without wildcards is given back as it is if there is such a path; a relative pattern with wildcards in its
/// first part gives paths that begin with `./`, as TensorFlow's do. Folders that are missing or may not be read match
/// nothing.
///
/// # Errors
/// `InvalidArgument` for an empty pattern or one that ends in a lone `\`.
///
/// ```
/// # let dir = std::env::temp_dir().join(format!("tensorloom-glob-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir).unwrap();
/// std::fs::write(dir.join("data_batch_1.bin"), b"").unwrap();
/// let pattern = format!("{}/data_batch_?.bin", dir.display());
/// assert_eq!(tensorloom::io::matching_files(&pattern).unwrap().len(), 1);
/// # std::fs::remove_dir_all(dir).unwrap();
/// ```
pub fn matching_files(pattern: &str) -> Result<Vec<String>> {
    if pattern.is_empty() {
        return Err(empty());
    }
    if !pattern.contains(['*', '?', '[', '\\']) {
        let exists = fs::symlink_metadata(pattern).is_ok();
        return Ok(exists.then(|| pattern.to_string()).into_iter().collect());
    }
    let parts = pattern.split('/').filter(|p| !p.is_empty());
    let compiled = parts.map(compile).collect::<Result<Vec<_>>>()?;
    let root = match compiled.first() {
        _ if pattern.starts_with('/') => "/",
        Some(first) if literal(first).is_some() && compiled.len() > 1 => "",
        _ => "./",
    };
    let mut found = vec![root.to_string()];
    for (i, part) in compiled.iter().enumerate() {
        let mut next = Vec::new();
        for base in &found {
            match literal(part) {
                Some(name) => {
                    let path = format!("{base}{name}");
                    if fs::symlink_metadata(&path).is_ok() {
                        next.push(path);
                    }
                }
                None => {
                    let names = names(base)?.into_iter().filter(|n| matches(part, n));
                    next.extend(names.map(|n| format!("{base}{n}")));
                }
            }
        }
        if i + 1 < compiled.len() {
            next.iter_mut().for_each(|p| p.push('/'));
        }
        found = next;
    }
    found.sort();
    Ok(found)
}

fn empty() -> Error {
    Error::invalid_argument("a file pattern must not be empty")
}

/// Whether a path matches a pattern as a whole.
///
/// # Errors
/// As [`matching_files`].
pub fn path_matches(pattern: &str, path: &str) -> Result<bool> {
    if pattern.is_empty() {
        return Err(empty());
    }
    let patterns: Vec<&str> = pattern.split('/').collect();
    let parts: Vec<&str> = path.split('/').collect();
    let mut all = patterns.len() == parts.len();
    for (i, pattern) in patterns.iter().enumerate() {
        let compiled = compile(pattern)?;
        all &= parts.get(i).is_some_and(|part| matches(&compiled, part));
    }
    Ok(all)
}

fn names(base: &str) -> Result<Vec<String>> {
    let folder = if base.is_empty() { "." } else { base };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) => {
            return match e.kind() {
                ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied => {
                    Ok(Vec::new())
                }
                _ => Err(Error::io(folder.as_ref(), &e)),
            };
        }
    };
    // Names that are not text cannot be asked for by a text pattern.
    let names = entries.filter_map(|e| e.ok()?.file_name().into_string().ok());
    Ok(names.collect())
}

/// One step of a pattern between two slashes.
enum Step {
    Char(char),
    AnyChar,
    AnyRun,
    Set {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

fn compile(pattern: &str) -> Result<Vec<Step>> {
    let mut rest = pattern.chars();
    let mut steps = Vec::new();
    while let Some(c) = rest.next() {
        steps.push(match c {
            '*' => Step::AnyRun,
            '?' => Step::AnyChar,
            '\\' => Step::Char(rest.next().ok_or_else(|| {
                Error::invalid_argument(format!("file pattern '{pattern}' ends in a lone '\\'"))
            })?),
            // A bracket that is not closed stands for itself.
            '[' => match set(rest.clone()) {
                Some((step, after)) => {
                    rest = after;
                    step
                }
                None => Step::Char('['),
            },
            c => Step::Char(c),
        });
    }
    Ok(steps)
}

/// A set after its opening bracket, and what follows it.
fn set(mut rest: Chars<'_>) -> Option<(Step, Chars<'_>)> {
    let negated = rest.as_str().starts_with(['^', '!']);
    if negated {
        rest.next();
    }
    let mut ranges = Vec::new();
    loop {
        let mut low = rest.next()?;
        if low == ']' && !ranges.is_empty() {
            return Some((Step::Set { negated, ranges }, rest));
        }
        if low == '\\' {
            low = rest.next()?;
        }
        let mut high = low;
        if rest.as_str().starts_with('-') && !rest.as_str().starts_with("-]") {
            rest.next();
            high = rest.next()?;
        }
        ranges.push((low, high));
    }
}

/// The text of a pattern without wildcards.
fn literal(steps: &[Step]) -> Option<String> {
    let chars = steps.iter().map(|s| match s {
        Step::Char(c) => Some(*c),
        _ => None,
    });
    chars.collect()
}

/// Linear in the product of both lengths: on a mismatch only the last `*` takes one character more.
fn matches(steps: &[Step], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut s, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let ok = match (steps.get(s), text.get(t)) {
            (None, None) => return true,
            (Some(Step::AnyRun), _) => {
                retry = Some((s, t));
                s += 1;
                continue;
            }
            (Some(Step::AnyChar), Some(_)) => true,
            (Some(Step::Char(c)), Some(x)) => c == x,
            (Some(Step::Set { negated, ranges }), Some(x)) => {
                ranges.iter().any(|(low, high)| low <= x && x <= high) != *negated
            }
            _ => false,
        };
        if ok {
            s += 1;
            t += 1;
        } else {
            match retry {
                Some((star, from)) if from < text.len() => {
                    retry = Some((star, from + 1));
                    s = star + 1;
                    t = from + 1;
                }
                _ => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;
    use crate::io::testing::TempDir;

    #[test]
    fn patterns_match_as_fnmatch_does() {
        let cases = [
            ("*", "", true),
            ("*", ".hidden", true),
            ("*.txt", "a.txt", true),
            ("*.txt", "a.txtx", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("?", "é", true),
            ("?", "", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[!a-c]x", "dx", true),
            ("[]a]", "]", true),
            ("[a-]", "-", true),
            ("[-a]", "-", true),
            ("[\\]]", "]", true),
            ("[", "[", true),
            ("x[ab", "x[ab", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("a/*", "a/b", true),
            ("a/*", "a/b/c", false),
            ("*", "a/b", false),
        ];
        for (pattern, path, want) in cases {
            assert_eq!(
                path_matches(pattern, path).unwrap(),
                want,
                "{pattern} {path}"
            );
        }
    }

    #[test]
    fn row_189_patterns_that_end_in_an_escape_or_are_empty() {
        for pattern in ["", "\\", "abc\\", "a/b*\\"] {
            let e = matching_files(pattern).unwrap_err();
            assert_eq!(e.code(), Code::InvalidArgument);
            assert!(path_matches(pattern, "abc").is_err());
        }
    }

    #[test]
    fn files_are_found_through_folders() {
        let dir = TempDir::new("glob");
        std::fs::create_dir_all(dir.path("sub/deep")).unwrap();
        for name in [
            "a.txt",
            "b.txt",
            ".hid",
            "sub/c.txt",
            "sub/deep/d.txt",
            "st*r",
        ] {
            std::fs::write(dir.path(name), b"").unwrap();
        }
        let root = dir.path("").display().to_string();
        let find = |pattern: &str| -> Vec<String> {
            let found = matching_files(&format!("{root}{pattern}")).unwrap();
            found
                .iter()
                .map(|p| p.strip_prefix(&root).unwrap().to_string())
                .collect()
        };
        assert_eq!(find("*"), [".hid", "a.txt", "b.txt", "st*r", "sub"]);
        assert_eq!(find("[^a].txt"), ["b.txt"]);
        assert_eq!(find("*/*.txt"), ["sub/c.txt"]);
        assert_eq!(find("*/*/*"), ["sub/deep/d.txt"]);
        assert_eq!(find("s*/c.txt"), ["sub/c.txt"]);
        assert_eq!(find("st\\*r"), ["st*r"]);
        assert_eq!(find("a.txt"), ["a.txt"]);
        assert!(find("no*/x").is_empty() && find("nothing").is_empty());
    }

    #[test]
    fn many_stars_stay_cheap() {
        let text = "a".repeat(2000);
        let pattern = format!("{}b", "*a".repeat(500));
        assert!(!path_matches(&pattern, &text).unwrap());
    }
}
