//! Messages to text.

use super::number::{print_f32, print_f64};
use crate::error::Result;
use crate::proto::fields::{Fields, MapValue, Scalar, Value, check_size, is_default};
use crate::proto::schema::{self, Field, Kind, Message};

/// Prints an encoded message as TensorFlow's Python does (`text_format.MessageToString`): a field a line, by
/// field number, maps by key. Fields that the schema does not have are left out.
///
/// # Errors
/// `InvalidArgument` when `bytes` is no such message.
pub fn print(m: &'static Message, bytes: &[u8]) -> Result<String> {
    check_size(m.name, bytes.len())?;
    let mut printer = Printer {
        out: String::with_capacity(bytes.len() * 3),
        indent: 0,
    };
    printer
        .message(m, bytes, 0)
        .map_err(|e| e.context(format!("Error parsing {} proto: ", m.name)))?;
    Ok(printer.out)
}

struct Printer {
    out: String,
    indent: usize,
}

impl Printer {
    fn message(&mut self, m: &'static Message, bytes: &[u8], depth: usize) -> Result<()> {
        let fields = Fields::read(m, bytes, depth)?;
        if m.name == "Any" && self.any(&fields, depth)? {
            return Ok(());
        }
        for (field, value) in &fields.known {
            match value {
                Value::Scalars(list) => {
                    for v in list {
                        self.scalar(field, v);
                    }
                }
                Value::Messages(list) => {
                    for bytes in list {
                        self.nested(field, bytes, depth)?;
                    }
                }
                Value::Map(map) => {
                    let Some([key_field, value_field]) = field.map().map(|m| m.fields) else {
                        continue;
                    };
                    for (key, value) in map {
                        self.open(field.name);
                        // Python leaves out an empty key or value, though not an empty message.
                        if !is_default(key) {
                            self.scalar(key_field, key);
                        }
                        match value {
                            MapValue::Scalar(v) if is_default(v) => {}
                            MapValue::Scalar(v) => self.scalar(value_field, v),
                            MapValue::Message(bytes) => {
                                self.nested(value_field, bytes, depth + 1)?
                            }
                        }
                        self.close();
                    }
                }
            }
        }
        Ok(())
    }

    /// A message of any type in its own form, when the type is known.
    fn any(&mut self, fields: &Fields<'_>, depth: usize) -> Result<bool> {
        let mut url = "";
        let mut content: &[u8] = &[];
        for (field, value) in &fields.known {
            match (field.number, value) {
                (1, Value::Scalars(v)) => {
                    if let [Scalar::Str(v)] = v[..] {
                        url = v;
                    }
                }
                (2, Value::Scalars(v)) => {
                    if let [Scalar::Bytes(v)] = v[..] {
                        content = v;
                    }
                }
                _ => {}
            }
        }
        let Some(m) = any_type(url) else {
            return Ok(false);
        };
        self.open(&format!("[{url}]"));
        self.message(m, content, depth + 1)?;
        self.close();
        Ok(true)
    }

    fn nested(&mut self, field: &Field, bytes: &[u8], depth: usize) -> Result<()> {
        if let Kind::Message(m) = field.kind {
            self.open(field.name);
            self.message(m, bytes, depth + 1)?;
            self.close();
        }
        Ok(())
    }

    fn open(&mut self, name: &str) {
        self.line_start();
        self.out.push_str(name);
        self.out.push_str(" {\n");
        self.indent += 2;
    }
    fn close(&mut self) {
        self.indent -= 2;
        self.line_start();
        self.out.push_str("}\n");
    }
    fn line_start(&mut self) {
        self.out.extend(std::iter::repeat_n(' ', self.indent));
    }

    fn scalar(&mut self, field: &Field, value: &Scalar<'_>) {
        self.line_start();
        self.out.push_str(field.name);
        self.out.push_str(": ");
        match value {
            Scalar::Bool(v) => self.out.push_str(if *v { "true" } else { "false" }),
            Scalar::Int(v) => self.out.push_str(&v.to_string()),
            Scalar::Uint(v) => self.out.push_str(&v.to_string()),
            Scalar::Float(v) => self.out.push_str(&print_f32(*v)),
            Scalar::Double(v) => self.out.push_str(&print_f64(*v)),
            Scalar::Str(v) => {
                self.out.push('"');
                v.chars().for_each(|c| self.escaped(c));
                self.out.push('"');
            }
            Scalar::Bytes(v) => {
                self.out.push('"');
                for b in v.iter() {
                    match b {
                        0..0x80 => self.escaped(char::from(*b)),
                        _ => self.octal(*b),
                    }
                }
                self.out.push('"');
            }
            Scalar::Enum(v) => {
                let name = match field.kind {
                    Kind::Enum(e) => e.name_of(*v),
                    _ => None,
                };
                match name {
                    Some(name) => self.out.push_str(name),
                    None => self.out.push_str(&v.to_string()),
                }
            }
        }
        self.out.push('\n');
    }

    fn escaped(&mut self, c: char) {
        match c {
            '\n' => self.out.push_str("\\n"),
            '\r' => self.out.push_str("\\r"),
            '\t' => self.out.push_str("\\t"),
            '"' | '\'' | '\\' => {
                self.out.push('\\');
                self.out.push(c);
            }
            '\0'..' ' | '\x7f' => self.octal(c as u8),
            c => self.out.push(c),
        }
    }
    fn octal(&mut self, b: u8) {
        self.out.push('\\');
        for shift in [6, 3, 0] {
            self.out.push(char::from(b'0' + (b >> shift & 7)));
        }
    }
}

/// The message type that a type URL (`type.googleapis.com/tensorflow.VariableDef`) names, if it is known.
pub(crate) fn any_type(url: &str) -> Option<&'static Message> {
    let (_, full_name) = url.rsplit_once('/')?;
    schema::message(full_name.strip_prefix("tensorflow.")?)
}
