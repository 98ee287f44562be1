//! What the ops on regular expressions share: patterns in RE2's notation, over bytes.

use super::re2::translated;
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
    let text = translated(text).map_err(bad)?;
    let text = match whole {
        true => format!(r"\A(?:{text})\z"),
        false => text,
    };
    let compiled = regex::bytes::RegexBuilder::new(&text)
        .size_limit(SIZE_LIMIT)
        .build();
    // The translation has checked the notation; what remains is the size.
    compiled.map_err(|e| {
        bad(e
            .to_string()
            .lines()
            .last()
            .unwrap_or("")
            .trim()
            .to_string())
    })
}

/// What replaces a match: text with `\1` … `\9` for groups, `\0` for the match, `\\` for a backslash. As in RE2, what names
/// a group that the pattern lacks replaces nothing, and any other backslash ends the text of all replacements.
pub(super) struct Rewrite {
    parts: Vec<Part>,
    fault: Option<Fault>,
}

#[derive(PartialEq)]
enum Fault {
    Group,
    Escape,
}

enum Part {
    Text(Vec<u8>),
    Group(usize),
}

impl Rewrite {
    /// Takes a replacement for that pattern apart.
    pub(super) fn parse(text: &[u8], pattern: &Regex) -> Rewrite {
        let (mut parts, mut plain, mut fault) = (Vec::new(), Vec::new(), None);
        let mut bytes = text.iter().copied();
        while let Some(b) = bytes.next() {
            match (b, if b == b'\\' { bytes.next() } else { None }) {
                (b'\\', Some(d)) if d.is_ascii_digit() => {
                    let group = usize::from(d - b'0');
                    if group >= pattern.captures_len() {
                        fault = Some(Fault::Group);
                        break;
                    }
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                    parts.push(Part::Group(group));
                }
                (b'\\', Some(b'\\')) => plain.push(b'\\'),
                (b'\\', _) => {
                    fault = Some(Fault::Escape);
                    break;
                }
                _ => plain.push(b),
            }
        }
        parts.push(Part::Text(plain));
        Rewrite { parts, fault }
    }

    fn put(&self, found: &Captures<'_>, out: &mut Vec<u8>) {
        for part in &self.parts {
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

    /// Replaces the first match, or all: an empty match right behind another is none, and none splits a character.
    pub(super) fn apply(&self, pattern: &Regex, text: &[u8], all: bool) -> Vec<u8> {
        if self.fault == Some(Fault::Group) || !all && self.fault.is_some() {
            return text.to_vec();
        }
        let mut out = Vec::with_capacity(text.len());
        let (mut at, mut end) = (0, None);
        while let Some(found) = pattern.captures_at(text, at) {
            let whole = found.get_match();
            out.extend_from_slice(&text[at..whole.start()]);
            at = whole.start();
            if !whole.is_empty() || end != Some(at) {
                self.put(&found, &mut out);
                at = whole.end();
                end = Some(at);
            }
            if !all || at >= text.len() {
                break;
            }
            if whole.is_empty() {
                let step = character(&text[at..]);
                out.extend_from_slice(&text[at..at + step]);
                at += step;
            }
        }
        out.extend_from_slice(&text[at..]);
        out
    }
}

/// The length of the first character of a text that is not empty; what is no UTF-8 counts byte by byte.
fn character(text: &[u8]) -> usize {
    match text.utf8_chunks().next() {
        Some(chunk) => chunk.valid().chars().next().map_or(1, char::len_utf8),
        None => 1,
    }
}
