//! JSON to messages through serde.

use super::base64;
use crate::proto::MAX_DEPTH;
use crate::proto::fields::{Scalar, canonical, put_scalar, too_deep};
use crate::proto::schema::{self, Field, Kind, Message};
use crate::proto::text::any_type;
use crate::proto::wire::{put_bytes, put_message};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Appends the encoding of a message that JSON describes.
pub(crate) struct MessageSeed<'a> {
    pub(crate) m: &'static Message,
    pub(crate) out: &'a mut Vec<u8>,
    pub(crate) depth: usize,
}

impl<'de> DeserializeSeed<'de> for MessageSeed<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MessageSeed<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {}", self.m.name)
    }
    fn visit_bool<E: Error>(self, v: bool) -> Result<(), E> {
        if self.m.name != "BoolValue" {
            return Err(E::invalid_type(serde::de::Unexpected::Bool(v), &self));
        }
        if v {
            put_scalar(self.out, 1, Kind::Bool, &Scalar::Bool(true));
        }
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if self.depth > MAX_DEPTH {
            return Err(A::Error::custom(too_deep().message()));
        }
        if self.m.name == "Any" {
            return self.any(map);
        }
        let mut seen: Vec<u32> = Vec::new();
        let mut groups: Vec<(&str, &str)> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let found = self
                .m
                .fields
                .iter()
                .find(|f| f.json_name == name || f.name == name);
            let Some(field) = found else {
                return Err(A::Error::custom(format!(
                    "Message type \"tensorflow.{}\" has no field named \"{name}\"",
                    self.m.name
                )));
            };
            if seen.contains(&field.number) {
                return Err(A::Error::custom(format!("field \"{name}\" is given twice")));
            }
            seen.push(field.number);
            let before = self.out.len();
            map.next_value_seed(FieldSeed {
                field,
                single: !field.repeated,
                out: self.out,
                depth: self.depth,
            })?;
            let given = self.out.len() > before;
            if let Some(group) = field.oneof.filter(|_| given) {
                if let Some(other) = groups.iter().find(|g| g.0 == group) {
                    return Err(A::Error::custom(format!(
                        "\"{}\" and \"{name}\" exclude each other",
                        other.1
                    )));
                }
                groups.push((group, field.json_name));
            }
        }
        Ok(())
    }
}

impl MessageSeed<'_> {
    /// `{"@type": "…", fields of that type}`, or an `Any` taken literally when there is no `@type`.
    fn any<'de, A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut rest = serde_json::Map::new();
        while let Some((name, value)) = map.next_entry::<String, serde_json::Value>()? {
            rest.insert(name, value);
        }
        let wrong = |e: serde_json::Error| A::Error::custom(e);
        let url = match rest.remove("@type") {
            Some(serde_json::Value::String(url)) => url,
            Some(_) => return Err(A::Error::custom("\"@type\" is no string")),
            None => {
                for (name, value) in rest {
                    let Some(field) = self
                        .m
                        .fields
                        .iter()
                        .find(|f| f.json_name == name || f.name == name)
                    else {
                        return Err(A::Error::custom(format!("an Any has no field \"{name}\"")));
                    };
                    let seed = FieldSeed {
                        field,
                        single: true,
                        out: self.out,
                        depth: self.depth,
                    };
                    seed.deserialize(value).map_err(wrong)?;
                }
                return Ok(());
            }
        };
        let m = any_type(&url)
            .ok_or_else(|| A::Error::custom(format!("Could not find type \"{url}\"")))?;
        let mut content = Vec::new();
        let seed = MessageSeed {
            m,
            out: &mut content,
            depth: self.depth + 1,
        };
        seed.deserialize(serde_json::Value::Object(rest))
            .map_err(wrong)?;
        let content = canonical(m, &content).map_err(|e| A::Error::custom(e.message()))?;
        put_bytes(self.out, schema::ANY.fields[0].number, url.as_bytes());
        put_bytes(self.out, schema::ANY.fields[1].number, &content);
        Ok(())
    }
}

/// Appends the values of one field.
struct FieldSeed<'a> {
    field: &'static Field,
    /// One value, not a list or map of them.
    single: bool,
    out: &'a mut Vec<u8>,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for FieldSeed<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_any(self)
    }
}

impl FieldSeed<'_> {
    fn put<E: Error>(self, v: Option<Scalar<'_>>, found: impl fmt::Display) -> Result<(), E> {
        match v {
            Some(v) if self.single => {
                put_scalar(self.out, self.field.number, self.field.kind, &v);
                Ok(())
            }
            _ => Err(E::custom(format!(
                "invalid value for field \"{}\": {found}",
                self.field.name
            ))),
        }
    }
}

impl<'de> Visitor<'de> for FieldSeed<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value for field \"{}\"", self.field.name)
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E: Error>(self, v: bool) -> Result<(), E> {
        if let Kind::Message(m) = self.field.kind
            && m.name == "BoolValue"
        {
            let depth = self.depth + 1;
            return put_message(self.out, self.field.number, |out| {
                MessageSeed { m, out, depth }.visit_bool(v)
            });
        }
        let value = matches!(self.field.kind, Kind::Bool).then_some(Scalar::Bool(v));
        self.put(value, v)
    }
    fn visit_i64<E: Error>(self, v: i64) -> Result<(), E> {
        let value = integer(self.field.kind, v.into());
        self.put(value, v)
    }
    fn visit_u64<E: Error>(self, v: u64) -> Result<(), E> {
        let value = integer(self.field.kind, v.into());
        self.put(value, v)
    }
    fn visit_f64<E: Error>(self, v: f64) -> Result<(), E> {
        let value = match self.field.kind {
            Kind::Float => Some(Scalar::Float(v as f32)),
            Kind::Double => Some(Scalar::Double(v)),
            kind if v.fract() == 0.0 && v.abs() < 2f64.powi(63) => integer(kind, v as i128),
            _ => None,
        };
        self.put(value, v)
    }
    fn visit_str<E: Error>(self, v: &str) -> Result<(), E> {
        let decoded;
        let value = match self.field.kind {
            Kind::String => Some(Scalar::Str(v)),
            Kind::Bytes => {
                decoded = base64::decode(v);
                decoded.as_deref().map(Scalar::Bytes)
            }
            kind => from_text(kind, v),
        };
        self.put(value, format!("\"{v}\""))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self {
            field,
            single,
            out,
            depth,
        } = self;
        if single || field.map().is_some() {
            return Err(A::Error::custom(format!(
                "field \"{}\" takes no list",
                field.name
            )));
        }
        while let Some(()) = seq.next_element_seed(FieldSeed {
            field,
            single: true,
            out: &mut *out,
            depth,
        })? {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self {
            field,
            single,
            out,
            depth,
        } = self;
        if let Some([key_field, value_field]) = field.map().map(|m| m.fields) {
            while let Some(name) = map.next_key::<String>()? {
                let key = match key_field.kind {
                    Kind::String => Some(Scalar::Str(&name)),
                    kind => from_text(kind, &name),
                };
                let key = key.ok_or_else(|| A::Error::custom(format!("invalid key \"{name}\"")))?;
                put_message(out, field.number, |out| {
                    put_scalar(out, 1, key_field.kind, &key);
                    map.next_value_seed(FieldSeed {
                        field: value_field,
                        single: true,
                        out,
                        depth: depth + 1,
                    })
                })?;
            }
            return Ok(());
        }
        match field.kind {
            Kind::Message(m) if single => put_message(out, field.number, |out| {
                let depth = depth + 1;
                MessageSeed { m, out, depth }.visit_map(map)
            }),
            _ => Err(A::Error::custom(format!(
                "field \"{}\" takes no object",
                field.name
            ))),
        }
    }
}

fn integer(kind: Kind, v: i128) -> Option<Scalar<'static>> {
    let signed = i64::try_from(v).ok();
    let unsigned = u64::try_from(v).ok();
    match kind {
        Kind::Int32 => i32::try_from(v).ok().map(|v| Scalar::Int(v.into())),
        Kind::Enum(_) => i32::try_from(v).ok().map(Scalar::Enum),
        Kind::Int64 | Kind::Sint64 => signed.map(Scalar::Int),
        Kind::Uint32 | Kind::Fixed32 => u32::try_from(v).ok().map(|v| Scalar::Uint(v.into())),
        Kind::Uint64 | Kind::Fixed64 => unsigned.map(Scalar::Uint),
        Kind::Float => Some(Scalar::Float(v as f32)),
        Kind::Double => Some(Scalar::Double(v as f64)),
        _ => None,
    }
}

/// A value that is not a string, written as one.
fn from_text(kind: Kind, text: &str) -> Option<Scalar<'static>> {
    match kind {
        Kind::Enum(e) => e.number_of(text).map(Scalar::Enum),
        Kind::Bool => text.parse().ok().map(Scalar::Bool),
        Kind::Float | Kind::Double => {
            let v = match text {
                "NaN" => f64::NAN,
                "Infinity" => f64::INFINITY,
                "-Infinity" => f64::NEG_INFINITY,
                // Rust would also take "inf" and the like.
                t if t
                    .bytes()
                    .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b)) =>
                {
                    t.parse().ok()?
                }
                _ => return None,
            };
            Some(match kind {
                Kind::Float => Scalar::Float(v as f32),
                _ => Scalar::Double(v),
            })
        }
        Kind::String | Kind::Bytes | Kind::Message(_) => None,
        kind => integer(kind, text.parse().ok()?),
    }
}
