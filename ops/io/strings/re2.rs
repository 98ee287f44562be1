//! RE2's notation of regular expressions, written in that of the crate `regex`: same syntax tree, other spelling.

use std::fmt::Write;
use std::iter::Peekable;
use std::str::CharIndices;

/// The most repetitions that RE2 takes.
const MOST: u32 = 1000;
/// How deep groups may stand in groups.
const DEEPEST: usize = 250;

/// The same pattern in the notation of `regex`.
///
/// # Errors
/// What RE2 says of a pattern that it refuses.
pub(super) fn translated(pattern: &str) -> Result<String, String> {
    let mut t = Translator {
        pattern,
        rest: pattern.char_indices().peekable(),
        out: String::with_capacity(2 * pattern.len()),
        last: Last::Nothing,
        open: 0,
    };
    while let Some((at, c)) = t.rest.next() {
        t.item(at, c)?;
    }
    match t.open {
        0 => Ok(t.out),
        _ => Err(format!("missing ): {pattern}")),
    }
}

/// What stands before the next character.
#[derive(Clone, Copy, PartialEq)]
enum Last {
    /// Nothing that could be repeated.
    Nothing,
    /// Something that can be repeated.
    Operand,
    /// A repetition, from there on.
    Repetition(usize),
}

struct Translator<'a> {
    pattern: &'a str,
    rest: Peekable<CharIndices<'a>>,
    out: String,
    last: Last,
    open: usize,
}

/// A repetition's counts.
struct Counts {
    least: u32,
    most: Option<u32>,
    text: usize,
}

/// The counts that a text begins with, in braces.
fn counts(text: &str) -> Option<Counts> {
    let end = text.find('}')?;
    let inner = text.get(1..end)?;
    // Numbers too large to hold are too large to take.
    let number = |s: &str| {
        let digits = !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| s.parse().unwrap_or(u32::MAX))
    };
    let (least, most) = match inner.split_once(',') {
        None => (number(inner)?, Some(number(inner)?)),
        Some((least, "")) => (number(least)?, None),
        Some((least, most)) => (number(least)?, Some(number(most)?)),
    };
    let text = end + 1;
    Some(Counts { least, most, text })
}

/// What a class escape stands for, as the inside of a class.
fn perl_class(c: char) -> Option<(&'static str, bool)> {
    Some(match c {
        'd' | 'D' => ("0-9", c == 'D'),
        'w' | 'W' => ("0-9A-Za-z_", c == 'W'),
        's' | 'S' => (r"\t\n\x0C\r ", c == 'S'),
        _ => return None,
    })
}

impl Translator<'_> {
    fn from(&self, at: usize) -> &str {
        &self.pattern[at..]
    }

    fn position(&self) -> usize {
        let next = self.rest.clone().next();
        next.map_or(self.pattern.len(), |(i, _)| i)
    }

    fn skip_to(&mut self, end: usize) {
        while self.rest.next_if(|&(i, _)| i < end).is_some() {}
    }

    fn literal(&mut self, c: char) {
        // A number cannot fail to be written into a string.
        let _ = write!(self.out, "\\x{{{:X}}}", u32::from(c));
    }

    fn operand(&mut self, text: &str) {
        self.out.push_str(text);
        self.last = Last::Operand;
    }

    fn item(&mut self, at: usize, c: char) -> Result<(), String> {
        match c {
            '\\' => return self.escape(at),
            '[' => return self.class(at),
            '(' => return self.group(at),
            ')' => {
                let inside = self.open.checked_sub(1);
                self.open = inside.ok_or_else(|| format!("unexpected ): {}", self.pattern))?;
                self.operand(")");
            }
            '|' => {
                self.out.push('|');
                self.last = Last::Nothing;
            }
            // RE2 takes them for operands.
            '^' => self.operand("(?:^)"),
            '$' => self.operand("(?:$)"),
            '.' => self.operand("."),
            '*' | '+' | '?' => return self.repeat(at, at + 1, &c.to_string()),
            '{' => {
                if let Some(n) = counts(self.from(at)) {
                    return self.repeat_counted(at, &n);
                }
                self.literal(c);
                self.last = Last::Operand;
            }
            _ => {
                self.literal(c);
                self.last = Last::Operand;
            }
        }
        Ok(())
    }

    fn repeat_counted(&mut self, at: usize, n: &Counts) -> Result<(), String> {
        let whole = &self.from(at)[..n.text];
        if n.least > MOST || n.most.is_some_and(|m| m > MOST || m < n.least) {
            return Err(format!("invalid repetition size: {whole}"));
        }
        let text = match n.most {
            None => format!("{{{},}}", n.least),
            Some(most) => format!("{{{},{most}}}", n.least),
        };
        self.repeat(at, at + n.text, &text)
    }

    /// A repetition that stands from `at` to `end`.
    fn repeat(&mut self, at: usize, end: usize, text: &str) -> Result<(), String> {
        self.skip_to(end);
        let lazy = self.rest.next_if(|&(_, c)| c == '?').is_some();
        let whole = &self.pattern[at..end + usize::from(lazy)];
        match self.last {
            Last::Nothing => {
                return Err(format!("no argument for repetition operator: {whole}"));
            }
            Last::Repetition(from) => {
                let both = &self.pattern[from..at + whole.len()];
                return Err(format!("bad repetition operator: {both}"));
            }
            Last::Operand => {}
        }
        self.out.push_str(text);
        if lazy {
            self.out.push('?');
        }
        self.last = Last::Repetition(at);
        Ok(())
    }

    fn group(&mut self, at: usize) -> Result<(), String> {
        if self.open >= DEEPEST {
            return Err("expression nests too deeply".into());
        }
        if self.rest.next_if(|&(_, c)| c == '?').is_none() {
            self.out.push('(');
            self.open += 1;
            self.last = Last::Nothing;
            return Ok(());
        }
        let rest = self.from(at);
        if rest.starts_with("(?P<") || rest.starts_with("(?<") {
            return self.named_group(at);
        }
        let end = rest.find([':', ')']);
        let whole = &rest[..end.map_or(rest.len(), |e| e + 1)];
        let flags = end.map_or("", |e| &rest[2..e]);
        let missing = || Err(format!("missing ): {}", self.pattern));
        if end.is_none() && rest[2..].chars().all(|c| "imsU-".contains(c)) {
            return missing();
        }
        let (on, off) = flags.split_once('-').unwrap_or((flags, "i"));
        let known = |s: &str| s.chars().all(|c| "imsU".contains(c));
        if end.is_none() || !known(on) || !known(off) || off.is_empty() {
            return Err(format!("invalid perl operator: {whole}"));
        }
        let text = whole.to_string();
        self.skip_to(at + text.len());
        if text.ends_with(':') {
            self.open += 1;
        }
        self.last = Last::Nothing;
        // Flags alone are nothing to `regex` when there are none.
        if text != "(?)" {
            self.out.push_str(&text);
        }
        Ok(())
    }

    fn named_group(&mut self, at: usize) -> Result<(), String> {
        let rest = self.from(at);
        let start = rest.find('<').map_or(rest.len(), |i| i + 1);
        let bad = |end: usize| Err(format!("invalid named capture group: {}", &rest[..end]));
        let Some(length) = rest[start..].find('>') else {
            return bad(rest.len());
        };
        let (name, end) = (&rest[start..start + length], start + length + 1);
        let letter = |c: char| c.is_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(letter) {
            return bad(end);
        }
        // Rewrites name groups by number only.
        self.out.push('(');
        self.skip_to(at + end);
        self.open += 1;
        self.last = Last::Nothing;
        Ok(())
    }

    fn escape(&mut self, at: usize) -> Result<(), String> {
        let Some((_, c)) = self.rest.next() else {
            return Err(r"trailing \".into());
        };
        match c {
            'b' => self.operand(r"(?-u:\b)"),
            'B' => self.operand(r"(?-u:\B)"),
            'A' => self.operand(r"(?:\A)"),
            'z' => self.operand(r"(?:\z)"),
            'C' => self.operand("(?s-u:.)"),
            'Q' => {
                let text = self.from(at + 2);
                let end = text.find(r"\E");
                let quoted = text[..end.unwrap_or(text.len())].to_string();
                for c in quoted.chars() {
                    self.literal(c);
                    self.last = Last::Operand;
                }
                self.skip_to(at + 2 + quoted.len() + if end.is_some() { 2 } else { 0 });
            }
            'p' | 'P' => {
                let property = self.property(at, c)?;
                self.operand(&property);
            }
            _ => match perl_class(c) {
                Some((inside, true)) => self.operand(&format!("[^{inside}]")),
                Some((inside, false)) => self.operand(&format!("[{inside}]")),
                None => {
                    let c = self.escaped(at, c)?;
                    self.literal(c);
                    self.last = Last::Operand;
                }
            },
        }
        Ok(())
    }

    /// `\pL`, `\p{Name}`, `\p{^Name}` and their opposites.
    fn property(&mut self, at: usize, kind: char) -> Result<String, String> {
        let rest = self.from(at);
        let bad = |whole: &str| format!("invalid character class range: {whole}");
        let (name, length) = match rest[2..].chars().next() {
            None => return Err(bad(rest)),
            Some('{') => match rest.find('}') {
                None => return Err(bad(rest)),
                Some(end) => (rest[3..end].to_string(), end + 1),
            },
            Some(c) => (c.to_string(), 2 + c.len_utf8()),
        };
        let whole = rest[..length].to_string();
        let (plain, negative) = match name.strip_prefix('^') {
            Some(plain) => (plain, kind == 'p'),
            None => (name.as_str(), kind == 'P'),
        };
        self.skip_to(at + length);
        if plain == "Any" {
            return Ok(if negative {
                r"[^\x{0}-\x{10FFFF}]"
            } else {
                r"[\x{0}-\x{10FFFF}]"
            }
            .into());
        }
        let text = format!(r"\{}{{{plain}}}", if negative { 'P' } else { 'p' });
        // RE2 knows general categories by their letters and scripts by their names, spelled exactly.
        let spelled = plain.starts_with(char::is_uppercase)
            && plain.chars().all(|c| c.is_ascii_alphabetic() || c == '_')
            && (plain.len() <= 2 || regex::Regex::new(&format!(r"\p{{Script={plain}}}")).is_ok());
        match spelled && regex::Regex::new(&text).is_ok() {
            true => Ok(text),
            false => Err(bad(&whole)),
        }
    }

    /// The character that an escape stands for.
    fn escaped(&mut self, at: usize, c: char) -> Result<char, String> {
        let octal = |c: char| ('0'..='7').contains(&c);
        let bad = |length: usize| {
            let whole: String = self.pattern[at..].chars().take(length).collect();
            Err(format!("invalid escape sequence: {whole}"))
        };
        let next = self.from(at + 1 + c.len_utf8()).chars().next();
        match c {
            'a' => Ok('\x07'),
            'f' => Ok('\x0C'),
            'n' => Ok('\n'),
            'r' => Ok('\r'),
            't' => Ok('\t'),
            'v' => Ok('\x0B'),
            '1'..='7' if !next.is_some_and(octal) => bad(2),
            '0'..='7' => {
                let mut value = c.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    match self.rest.next_if(|&(_, c)| octal(c)) {
                        Some((_, d)) => value = value * 8 + d.to_digit(8).unwrap_or(0),
                        None => break,
                    }
                }
                char::from_u32(value).map_or_else(|| bad(4), Ok)
            }
            'x' => {
                let rest = self.from(at + 2);
                let (digits, length) = match rest.strip_prefix('{') {
                    Some(inner) => match inner.find('}') {
                        Some(end) => (&inner[..end], end + 2),
                        None => return bad(3),
                    },
                    None => match rest.get(..2) {
                        Some(two) => (two, 2),
                        None => return bad(3),
                    },
                };
                let hex = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
                let value = u32::from_str_radix(digits, 16).ok().filter(|_| hex);
                match value.and_then(char::from_u32) {
                    Some(found) => {
                        self.skip_to(at + 2 + length);
                        Ok(found)
                    }
                    None => bad(2 + length),
                }
            }
            _ if c.is_ascii() && !c.is_ascii_alphanumeric() => Ok(c),
            _ => bad(2),
        }
    }

    fn class(&mut self, at: usize) -> Result<(), String> {
        self.out.push('[');
        if self.rest.next_if(|&(_, c)| c == '^').is_some() {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let here = self.position();
            let Some((_, c)) = self.rest.next() else {
                return Err(format!("missing ]: {}", self.from(at)));
            };
            if c == ']' && !first {
                break;
            }
            // A hyphen stands for itself only at the ends.
            let follows = self.from(here + c.len_utf8());
            if c == '-' && !first && !follows.starts_with(']') {
                let range: String = follows.chars().take(1).collect();
                return Err(format!("invalid character class range: -{range}"));
            }
            first = false;
            if self.named_class(here, c)? {
                continue;
            }
            let low = self.class_char(here, c)?;
            let mut after = self.from(self.position()).chars();
            if after.next() == Some('-') && after.next().is_some_and(|c| c != ']') {
                self.rest.next();
                let from = self.position();
                let Some((_, c)) = self.rest.next() else {
                    return Err(format!("missing ]: {}", self.from(at)));
                };
                let high = self.class_char(from, c)?;
                if high < low {
                    let end = self.position();
                    let whole = &self.pattern[here..end];
                    return Err(format!("invalid character class range: {whole}"));
                }
                self.literal(low);
                self.out.push('-');
                self.literal(high);
            } else {
                self.literal(low);
            }
        }
        self.operand("]");
        Ok(())
    }

    /// `[:name:]` and escapes that stand for several characters; whether there was one.
    fn named_class(&mut self, here: usize, c: char) -> Result<bool, String> {
        if c == '[' && self.from(here).starts_with("[:") {
            let Some(length) = self.from(here).find(":]").map(|end| end + 2) else {
                return Ok(false);
            };
            let whole = &self.from(here)[..length];
            if regex::Regex::new(&format!("[{whole}]")).is_err() {
                return Err(format!("invalid character class range: {whole}"));
            }
            let whole = whole.to_string();
            self.out.push_str(&whole);
            self.skip_to(here + length);
            return Ok(true);
        }
        let Some(&(_, next)) = self.rest.peek().filter(|_| c == '\\') else {
            return Ok(false);
        };
        if let 'p' | 'P' = next {
            self.rest.next();
            let property = self.property(here, next)?;
            self.out.push_str(&property);
            return Ok(true);
        }
        let Some((inside, negative)) = perl_class(next) else {
            return Ok(false);
        };
        self.rest.next();
        let not = if negative { "^" } else { "" };
        self.out.push_str(&format!("[{not}{inside}]"));
        Ok(true)
    }

    fn class_char(&mut self, at: usize, c: char) -> Result<char, String> {
        match (c, if c == '\\' { self.rest.next() } else { None }) {
            ('\\', None) => Err(r"trailing \".into()),
            ('\\', Some((_, next))) => self.escaped(at, next),
            _ => Ok(c),
        }
    }
}
