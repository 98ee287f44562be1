//! Reads flat text-format messages: fields whose values are strings or numbers.

use crate::error::{Error, Result};

/// A field of a message; a list gives one for each element.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) value: Value,
    /// Where it begins, from 1.
    pub(super) line: usize,
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Number(f64),
}

/// Takes a text apart.
///
/// # Errors
/// `InvalidArgument` with the line.
pub(super) fn parse(text: &str) -> Result<Vec<Field>> {
    let mut p = Parser {
        rest: text,
        line: 1,
    };
    let mut fields = Vec::new();
    loop {
        p.blanks();
        if p.rest.is_empty() {
            return Ok(fields);
        }
        let line = p.line;
        let name = p.word(|c| c.is_ascii_alphanumeric() || c == '_');
        if name.is_empty() {
            return Err(p.error("a field name is expected"));
        }
        if !p.eat(':') {
            return Err(p.error("':' is expected"));
        }
        let list = p.eat('[');
        if !(list && p.eat(']')) {
            loop {
                let value = p.value()?;
                let name = name.to_string();
                fields.push(Field { name, value, line });
                if !list || p.eat(']') {
                    break;
                }
                if !p.eat(',') {
                    return Err(p.error("',' or ']' is expected"));
                }
            }
        }
        let _ = p.eat(',') || p.eat(';');
    }
}

struct Parser<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Parser<'a> {
    fn error(&self, what: &str) -> Error {
        Error::invalid_argument(format!("line {}: {what}", self.line))
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        self.line += usize::from(c == '\n');
        Some(c)
    }

    fn blanks(&mut self) {
        while let Some(c) = self.rest.chars().next() {
            if c == '#' {
                while self.rest.starts_with(|c| c != '\n') {
                    self.next();
                }
            } else if c.is_ascii_whitespace() {
                self.next();
            } else {
                break;
            }
        }
    }

    fn eat(&mut self, c: char) -> bool {
        self.blanks();
        let found = self.rest.starts_with(c);
        if found {
            self.next();
        }
        found
    }

    fn word(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn value(&mut self) -> Result<Value> {
        self.blanks();
        if self.rest.starts_with(['"', '\'']) {
            let mut bytes = Vec::new();
            while self.rest.starts_with(['"', '\'']) {
                self.literal(&mut bytes)?;
                self.blanks();
            }
            let text = String::from_utf8(bytes).map_err(|_| self.error("a string is not UTF-8"))?;
            return Ok(Value::Text(text));
        }
        let word = self.word(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
        let number = word
            .trim_end_matches(['f', 'F'])
            .parse()
            .or_else(|_| word.parse());
        number
            .map(Value::Number)
            .map_err(|_| self.error("a string or a number is expected"))
    }

    fn literal(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let quote = self.next();
        loop {
            let c = match self.next() {
                None | Some('\n') => return Err(self.error("a string has no end")),
                c if c == quote => return Ok(()),
                Some('\\') => self.escape()?,
                Some(c) => {
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                    continue;
                }
            };
            out.push(c);
        }
    }

    fn escape(&mut self) -> Result<u8> {
        let digits = |p: &mut Self, radix: u32, most: usize, mut value: u32| {
            for _ in 0..most {
                let Some(digit) = p.rest.chars().next().and_then(|c| c.to_digit(radix)) else {
                    break;
                };
                value = value * radix + digit;
                p.next();
            }
            value
        };
        let byte = match self.next() {
            Some('a') => 7,
            Some('b') => 8,
            Some('t') => 9,
            Some('n') => 10,
            Some('v') => 11,
            Some('f') => 12,
            Some('r') => 13,
            Some(c @ ('\\' | '\'' | '"' | '?')) => c as u32,
            Some('x' | 'X') if self.rest.starts_with(|c: char| c.is_ascii_hexdigit()) => {
                digits(self, 16, 2, 0)
            }
            Some(c @ '0'..='7') => digits(self, 8, 2, c as u32 - '0' as u32),
            _ => return Err(self.error("an unknown escape in a string")),
        };
        u8::try_from(byte).map_err(|_| self.error("an escape beyond a byte"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_parsers_of_the_format_accept() {
        let text =
            "a: \"x\\n\\303\\251\" # comment\nb : [1, -2.5e3 ,inf];c:'it''s'\n d: []\n e: 1.5f";
        let fields = parse(text).unwrap();
        let values: Vec<(&str, &Value, usize)> = fields
            .iter()
            .map(|f| (f.name.as_str(), &f.value, f.line))
            .collect();
        let text = |s: &str| Value::Text(s.to_string());
        let want = [
            ("a", &text("x\né"), 1),
            ("b", &Value::Number(1.0), 2),
            ("b", &Value::Number(-2500.0), 2),
            ("b", &Value::Number(f64::INFINITY), 2),
            ("c", &text("its"), 2),
            ("e", &Value::Number(1.5), 4),
        ];
        assert_eq!(values, want);
        assert!(parse(" # only\n").unwrap().is_empty());
    }

    #[test]
    fn errors_have_lines() {
        let cases = [
            ("a", 1),
            ("a:\n\n", 3),
            ("a: \"x\n\"", 2),
            ("\na: \"\\q\"", 2),
            ("a: \"\\777\"", 1),
            ("a: [1 2]", 1),
            ("a: \"\\377\"", 1),
            (": 1", 1),
        ];
        for (text, line) in cases {
            let e = parse(text).unwrap_err();
            assert!(
                e.message().starts_with(&format!("line {line}: ")),
                "{text}: {e}"
            );
        }
    }
}
