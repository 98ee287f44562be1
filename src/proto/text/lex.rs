//! Tokens of the text format.

use crate::error::{Error, Result};

/// A token and the byte offset where it starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// A name: letters, digits, underscores.
    Name(&'a str),
    /// Something that starts as a number does.
    Number(&'a str),
    /// A string literal without its quotes, escapes still in it.
    Text(&'a str),
    /// Punctuation.
    Mark(u8),
    End,
}

/// Cuts text into tokens.
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// The token not yet taken, and where it starts.
    token: Token<'a>,
    start: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Result<Lexer<'a>> {
        let mut lexer = Lexer {
            text,
            at: 0,
            token: Token::End,
            start: 0,
        };
        // A byte-order mark at the start means nothing.
        if text.starts_with('\u{feff}') {
            lexer.at = '\u{feff}'.len_utf8();
        }
        lexer.advance()?;
        Ok(lexer)
    }

    /// The next token, which stays.
    pub(super) fn peek(&self) -> Token<'a> {
        self.token
    }
    /// Takes the next token.
    pub(super) fn next(&mut self) -> Result<Token<'a>> {
        let token = self.token;
        self.advance()?;
        Ok(token)
    }
    /// Takes the next token if it is this mark.
    pub(super) fn take(&mut self, mark: u8) -> Result<bool> {
        let found = self.token == Token::Mark(mark);
        if found {
            self.advance()?;
        }
        Ok(found)
    }
    /// Takes this mark or fails.
    pub(super) fn expect(&mut self, mark: u8) -> Result<()> {
        if self.take(mark)? {
            return Ok(());
        }
        Err(self.error(format!(
            "Expected \"{}\", found {}",
            char::from(mark),
            self.found()
        )))
    }

    /// The next token in words.
    pub(super) fn found(&self) -> String {
        match self.token {
            Token::Name(t) | Token::Number(t) => format!("\"{}\"", shorten(t)),
            Token::Text(t) => format!("the string \"{}\"", shorten(t)),
            Token::Mark(b) => format!("\"{}\"", char::from(b)),
            Token::End => "the end of the text".to_string(),
        }
    }

    /// Where the next token starts.
    pub(super) fn place(&self) -> usize {
        self.start
    }
    /// An error at the next token.
    pub(super) fn error(&self, what: impl std::fmt::Display) -> Error {
        self.error_at(self.start, what)
    }
    /// An error at a byte offset: `line:column: what`, both from 1, columns in characters.
    pub(super) fn error_at(&self, at: usize, what: impl std::fmt::Display) -> Error {
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        let line_start = before
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |i| i + 1);
        // Bytes that continue a character are no column of their own.
        let column = before[line_start..]
            .iter()
            .filter(|b| **b & 0xc0 != 0x80)
            .count()
            + 1;
        Error::invalid_argument(format!("{line}:{column}: {what}"))
    }

    fn advance(&mut self) -> Result<()> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                Some(b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c) => self.at += 1,
                Some(b'#') => {
                    let rest = &bytes[self.at..];
                    self.at += rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
                }
                _ => break,
            }
        }
        self.start = self.at;
        self.token = match bytes.get(self.at) {
            None => Token::End,
            Some(b'a'..=b'z' | b'A'..=b'Z' | b'_') => {
                Token::Name(self.run(|b, _| b.is_ascii_alphanumeric() || b == b'_'))
            }
            Some(b'0'..=b'9') => Token::Number(self.number()),
            Some(b'.') if bytes.get(self.at + 1).is_some_and(u8::is_ascii_digit) => {
                Token::Number(self.number())
            }
            Some(quote @ (b'"' | b'\'')) => Token::Text(self.literal(*quote)?),
            Some(b) if b.is_ascii_graphic() => {
                self.at += 1;
                Token::Mark(*b)
            }
            Some(_) => {
                let c = self.text[self.at..].chars().next().unwrap_or(' ');
                return Err(self.error(format!("Invalid character {c:?}")));
            }
        };
        Ok(())
    }

    fn number(&mut self) -> &'a str {
        let hex = self.text[self.at..].starts_with("0x") || self.text[self.at..].starts_with("0X");
        self.run(|b, last| {
            b.is_ascii_alphanumeric()
                || b == b'.'
                || (matches!(b, b'+' | b'-') && matches!(last, b'e' | b'E') && !hex)
        })
    }

    /// Takes bytes while `more(byte, byte before)` holds; these are ASCII.
    fn run(&mut self, more: impl Fn(u8, u8) -> bool) -> &'a str {
        let start = self.at;
        let mut last = 0;
        while let Some(b) = self
            .text
            .as_bytes()
            .get(self.at)
            .filter(|b| more(**b, last))
        {
            last = *b;
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    fn literal(&mut self, quote: u8) -> Result<&'a str> {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let mut at = start;
        loop {
            match bytes.get(at) {
                Some(b) if *b == quote => break,
                None | Some(b'\n') => {
                    return Err(self.error("A string that is not closed on its line"));
                }
                Some(b'\\') => at += 2,
                Some(_) => at += 1,
            }
        }
        self.at = at + 1;
        Ok(&self.text[start..at])
    }
}

fn shorten(t: &str) -> String {
    match t.char_indices().nth(40) {
        Some((i, _)) => format!("{}…", &t[..i]),
        None => t.to_string(),
    }
}

/// The bytes that a string literal means; the error is the offset within it and what is wrong there.
pub(super) fn unescape(text: &str, out: &mut Vec<u8>) -> Result<(), (usize, String)> {
    let bytes = text.as_bytes();
    let mut i = 0;
    while let Some(b) = bytes.get(i) {
        if *b != b'\\' {
            out.push(*b);
            i += 1;
            continue;
        }
        let at = i;
        let bad = |what: &str| (at, format!("Invalid escape sequence in a string: {what}"));
        let kind = *bytes
            .get(i + 1)
            .ok_or_else(|| bad("a backslash at the end"))?;
        i += 2;
        let digits = |i: usize, most: usize, radix: u32| {
            let n = bytes[i..]
                .iter()
                .take(most)
                .take_while(|b| char::from(**b).is_digit(radix))
                .count();
            let value = bytes[i..i + n].iter().fold(0u32, |a, b| {
                a.wrapping_mul(radix)
                    .wrapping_add(char::from(*b).to_digit(radix).unwrap_or(0))
            });
            (n, value)
        };
        match kind {
            b'a' => out.push(7),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'v' => out.push(11),
            b'\\' | b'\'' | b'"' | b'?' => out.push(kind),
            b'0'..=b'7' => {
                let (n, value) = digits(i - 1, 3, 8);
                out.push(u8::try_from(value).map_err(|_| bad("an octal number above 377"))?);
                i += n - 1;
            }
            b'x' | b'X' => {
                let (n, value) = digits(i, 2, 16);
                if n == 0 {
                    return Err(bad("\\x without digits"));
                }
                out.push(value as u8);
                i += n;
            }
            b'u' | b'U' => {
                let want = if kind == b'u' { 4 } else { 8 };
                let (n, mut value) = digits(i, want, 16);
                if n < want {
                    return Err(bad("too few digits of a code point"));
                }
                i += n;
                if (0xd800..0xdc00).contains(&value) && bytes[i..].starts_with(b"\\u") {
                    let (n, low) = digits(i + 2, 4, 16);
                    if n == 4 && (0xdc00..0xe000).contains(&low) {
                        value = 0x10000 + ((value - 0xd800) << 10) + (low - 0xdc00);
                        i += 6;
                    }
                }
                let c = char::from_u32(value).ok_or_else(|| bad("no code point"))?;
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => return Err(bad(&format!("\\{}", char::from(kind)))),
        }
    }
    Ok(())
}
