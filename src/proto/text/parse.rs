//! Text to messages.

use super::lex::{Lexer, Token, unescape};
use super::number::{narrow, read_float, read_integer};
use super::print::any_type;
use crate::error::Result;
use crate::proto::MAX_DEPTH;
use crate::proto::fields::{Scalar, canonical, check_size, put_scalar};
use crate::proto::schema::{self, Field, Kind, Message};
use crate::proto::wire::{put_bytes, put_message};

/// Parses the text form of a message and gives its canonical encoding.
///
/// # Errors
/// `InvalidArgument` "Error parsing text-format tensorflow.GraphDef: 3:5: …" with line and column, both from 1.
pub fn parse(m: &'static Message, text: &str) -> Result<Vec<u8>> {
    canonical(m, &parse_unsorted(m, text)?)
}

/// As [`parse`], but with the fields in the order of the text: valid, not canonical.
pub(crate) fn parse_unsorted(m: &'static Message, text: &str) -> Result<Vec<u8>> {
    check_size(m.name, text.len())?;
    let parsed = || {
        let mut parser = Parser {
            lex: Lexer::new(text)?,
        };
        let mut out = Vec::with_capacity(text.len() / 3);
        parser.fields(m, None, &mut out, 0)?;
        Ok(out)
    };
    parsed().map_err(|e: crate::Error| {
        e.context(format!("Error parsing text-format tensorflow.{}: ", m.name))
    })
}

struct Parser<'a> {
    lex: Lexer<'a>,
}

/// The fields and groups that a message has already.
#[derive(Default)]
struct Seen {
    fields: Vec<u32>,
    groups: Vec<(&'static str, &'static str)>,
}

impl<'a> Parser<'a> {
    /// Fields up to the closing mark, or to the end of the text when there is none.
    fn fields(
        &mut self,
        m: &'static Message,
        close: Option<u8>,
        out: &mut Vec<u8>,
        depth: usize,
    ) -> Result<()> {
        let mut seen = Seen::default();
        loop {
            match (self.lex.peek(), close) {
                (Token::End, None) => return Ok(()),
                (Token::Mark(b), Some(c)) if b == c => {
                    self.lex.next()?;
                    return Ok(());
                }
                (Token::Mark(b'['), _) if m.name == "Any" => self.any(out, depth)?,
                (Token::Name(name), _) => {
                    let Some(field) = m.field_named(name) else {
                        let what = format!(
                            "Message type \"tensorflow.{}\" has no field named \"{name}\".",
                            m.name
                        );
                        return Err(self.lex.error(what));
                    };
                    self.note(m, field, &mut seen)?;
                    self.lex.next()?;
                    self.field(field, out, depth)?;
                }
                (Token::End, Some(c)) => {
                    return Err(self.lex.error(format!(
                        "Expected \"{}\", found the end of the text",
                        char::from(c)
                    )));
                }
                _ => {
                    return Err(self
                        .lex
                        .error(format!("Expected a field name, found {}", self.lex.found())));
                }
            }
            if !self.lex.take(b',')? {
                self.lex.take(b';')?;
            }
        }
    }

    fn note(&self, m: &Message, field: &'static Field, seen: &mut Seen) -> Result<()> {
        if field.repeated {
            return Ok(());
        }
        if seen.fields.contains(&field.number) {
            let what = format!(
                "Non-repeated field \"{}\" is specified multiple times.",
                field.name
            );
            return Err(self.lex.error(what));
        }
        seen.fields.push(field.number);
        if let Some(group) = field.oneof {
            if let Some((_, other)) = seen.groups.iter().find(|g| g.0 == group) {
                return Err(self.lex.error(format!(
                    "Field \"{}\" is specified along with field \"{other}\", another member of oneof \"{group}\" of {}.",
                    field.name, m.name
                )));
            }
            seen.groups.push((group, field.name));
        }
        Ok(())
    }

    fn field(&mut self, field: &'static Field, out: &mut Vec<u8>, depth: usize) -> Result<()> {
        let colon = self.lex.take(b':')?;
        if !colon && !matches!(field.kind, Kind::Message(_)) {
            return Err(self
                .lex
                .error(format!("Expected \":\", found {}", self.lex.found())));
        }
        if field.repeated && self.lex.take(b'[')? {
            if self.lex.take(b']')? {
                return Ok(());
            }
            loop {
                self.value(field, out, depth)?;
                if self.lex.take(b']')? {
                    return Ok(());
                }
                self.lex.expect(b',')?;
            }
        }
        self.value(field, out, depth)
    }

    fn value(&mut self, field: &'static Field, out: &mut Vec<u8>, depth: usize) -> Result<()> {
        match field.kind {
            Kind::Message(m) => put_message(out, field.number, |out| self.message(m, out, depth)),
            Kind::String | Kind::Bytes => self.string(field, out),
            kind => {
                let value = self.number(field)?;
                put_scalar(out, field.number, kind, &value);
                Ok(())
            }
        }
    }

    fn message(&mut self, m: &'static Message, out: &mut Vec<u8>, depth: usize) -> Result<()> {
        if depth >= MAX_DEPTH {
            let what = format!(
                "Message is too deep, the parser exceeded the nesting limit of {MAX_DEPTH}."
            );
            return Err(self.lex.error(what));
        }
        let close = if self.lex.take(b'<')? {
            b'>'
        } else {
            self.lex.expect(b'{')?;
            b'}'
        };
        self.fields(m, Some(close), out, depth + 1)
    }

    /// `[type.googleapis.com/tensorflow.VariableDef] { … }`
    fn any(&mut self, out: &mut Vec<u8>, depth: usize) -> Result<()> {
        let start = self.lex.place();
        self.lex.expect(b'[')?;
        let mut url = String::new();
        loop {
            match self.lex.next()? {
                Token::Name(t) | Token::Number(t) => url.push_str(t),
                Token::Mark(b']') => break,
                Token::Mark(b @ (b'.' | b'/' | b'-')) => url.push(char::from(b)),
                _ => return Err(self.lex.error_at(start, "Expected a type URL in brackets")),
            }
        }
        let Some(m) = any_type(&url) else {
            return Err(self
                .lex
                .error_at(start, format!("Could not find type \"{url}\"")));
        };
        self.lex.take(b':')?;
        let mut content = Vec::new();
        self.message(m, &mut content, depth)?;
        put_bytes(out, schema::ANY.fields[0].number, url.as_bytes());
        put_bytes(out, schema::ANY.fields[1].number, &canonical(m, &content)?);
        Ok(())
    }

    fn string(&mut self, field: &Field, out: &mut Vec<u8>) -> Result<()> {
        let start = self.lex.place();
        let mut value = Vec::new();
        let mut parts = 0;
        while let Token::Text(text) = self.lex.peek() {
            let at = self.lex.place() + 1;
            unescape(text, &mut value)
                .map_err(|(offset, what)| self.lex.error_at(at + offset, what))?;
            parts += 1;
            self.lex.next()?;
        }
        if parts == 0 {
            return Err(self
                .lex
                .error(format!("Expected a string, found {}", self.lex.found())));
        }
        if matches!(field.kind, Kind::String) && std::str::from_utf8(&value).is_err() {
            let what = format!("The value of \"{}\" is not UTF-8", field.name);
            return Err(self.lex.error_at(start, what));
        }
        put_bytes(out, field.number, &value);
        Ok(())
    }

    fn number(&mut self, field: &Field) -> Result<Scalar<'static>> {
        let start = self.lex.place();
        let negative = self.lex.take(b'-')?;
        let found = self.lex.found();
        let wrong = |lex: &Lexer<'_>, what: &str| {
            lex.error_at(start, format!("Expected {what}, found {found}"))
        };
        let (Token::Name(text) | Token::Number(text)) = self.lex.peek() else {
            return Err(wrong(&self.lex, "a value"));
        };
        let is_name = matches!(self.lex.peek(), Token::Name(_));
        let range = |lex: &Lexer<'_>| {
            lex.error_at(
                start,
                format!(
                    "Integer out of range ({}{text})",
                    if negative { "-" } else { "" }
                ),
            )
        };
        let integer = |lex: &Lexer<'_>| {
            read_integer(text).ok_or_else(|| match text.bytes().all(|b| b.is_ascii_digit()) {
                true => range(lex),
                false => wrong(lex, "an integer"),
            })
        };
        let signed = |lex: &Lexer<'_>, lo: i64, hi: i64| {
            let magnitude = i128::from(integer(lex)?);
            let v = if negative { -magnitude } else { magnitude };
            i64::try_from(v)
                .ok()
                .filter(|v| (lo..=hi).contains(v))
                .ok_or_else(|| range(lex))
        };
        let lex = &self.lex;
        let value = match field.kind {
            Kind::Bool => match text {
                _ if negative => return Err(wrong(lex, "a bool")),
                "true" | "True" | "t" | "1" => Scalar::Bool(true),
                "false" | "False" | "f" | "0" => Scalar::Bool(false),
                _ => return Err(wrong(lex, "\"true\" or \"false\"")),
            },
            Kind::Enum(e) if is_name && !negative => {
                Scalar::Enum(e.number_of(text).ok_or_else(|| {
                    lex.error_at(
                        start,
                        format!(
                            "Unknown enumeration value of \"{text}\" for field \"{}\".",
                            field.name
                        ),
                    )
                })?)
            }
            Kind::Enum(_) => Scalar::Enum(signed(lex, i32::MIN.into(), i32::MAX.into())? as i32),
            Kind::Float | Kind::Double => {
                let v = read_float(text).ok_or_else(|| wrong(lex, "a number"))?;
                let v = if negative { -v } else { v };
                match field.kind {
                    Kind::Float => Scalar::Float(narrow(v)),
                    _ => Scalar::Double(v),
                }
            }
            Kind::Int32 => Scalar::Int(signed(lex, i32::MIN.into(), i32::MAX.into())?),
            Kind::Int64 | Kind::Sint64 => Scalar::Int(signed(lex, i64::MIN, i64::MAX)?),
            _ => {
                let most = match field.kind {
                    Kind::Uint32 | Kind::Fixed32 => u64::from(u32::MAX),
                    _ => u64::MAX,
                };
                let v = integer(lex)?;
                if v > most || (negative && v != 0) {
                    return Err(range(lex));
                }
                Scalar::Uint(v)
            }
        };
        self.lex.next()?;
        Ok(value)
    }
}
