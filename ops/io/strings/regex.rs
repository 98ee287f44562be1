//! What the ops on regular expressions share: patterns in RE2's notation, over bytes.

use crate::error::{Error, Result};
use regex::bytes::{Captures, Regex};

/// The largest program that a pattern may become.
const SIZE_LIMIT: usize = 8 << 20;

/// A pattern, on its own or such that it must match everything.
pub(super) fn pattern(text: &[u8], whole: bool) -> Result<Regex> {
    let bad = |reason: String| {
        Error::invalid_argument(format!(
            "Invalid pattern: {}, error: {reason}",
            String::from_utf8_lossy(text)
        ))
    };
    let text = std::str::from_utf8(text).map_err(|_| bad("invalid UTF-8".into()))?;
    // By itself first, so that an unbalanced bracket stays one.
    let compile = |p: &str| {
        regex::bytes::RegexBuilder::new(p)
            .size_limit(SIZE_LIMIT)
            .build()
    };
    let reason = |e: regex::Error| {
        bad(e
            .to_string()
            .lines()
            .last()
            .unwrap_or("")
            .trim()
            .to_string())
    };
    let plain = compile(text).map_err(reason)?;
    match whole {
        true => compile(&format!(r"\A(?:{text})\z")).map_err(reason),
        false => Ok(plain),
    }
}

/// What replaces a match: text with `\1` … `\9` for groups, `\0` for the match, `\\` for a backslash.
pub(super) struct Rewrite(Vec<Part>);

enum Part {
    Text(Vec<u8>),
    Group(usize),
}

impl Rewrite {
    /// Takes a replacement for that pattern apart.
    pub(super) fn parse(text: &[u8], pattern: &Regex) -> Result<Rewrite> {
        let bad = |reason: &str| {
            Error::invalid_argument(format!(
                "Invalid rewrite pattern: {}, error: {reason}",
                String::from_utf8_lossy(text)
            ))
        };
        let (mut parts, mut plain) = (Vec::new(), Vec::new());
        let mut bytes = text.iter().copied();
        while let Some(b) = bytes.next() {
            match (b, if b == b'\\' { bytes.next() } else { None }) {
                (b'\\', Some(d)) if d.is_ascii_digit() => {
                    let group = usize::from(d - b'0');
                    if group >= pattern.captures_len() {
                        return Err(bad("it names a group that the pattern lacks"));
                    }
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                    parts.push(Part::Group(group));
                }
                (b'\\', Some(b'\\')) => plain.push(b'\\'),
                (b'\\', _) => {
                    return Err(bad(
                        "a backslash must be followed by a digit or a backslash",
                    ));
                }
                _ => plain.push(b),
            }
        }
        parts.push(Part::Text(plain));
        Ok(Rewrite(parts))
    }

    fn put(&self, found: &Captures<'_>, out: &mut Vec<u8>) {
        for part in &self.0 {
            match part {
                Part::Text(t) => out.extend_from_slice(t),
                Part::Group(i) => {
                    if let Some(m) = found.get(*i) {
                        out.extend_from_slice(m.as_bytes());
                    }
                }
            }
        }
    }

    /// Replaces the first match, or all.
    pub(super) fn apply(&self, pattern: &Regex, text: &[u8], all: bool) -> Vec<u8> {
        let limit = if all { 0 } else { 1 };
        let replaced = pattern.replacen(text, limit, |c: &Captures<'_>| {
            let mut out = Vec::new();
            self.put(c, &mut out);
            out
        });
        replaced.into_owned()
    }
}
