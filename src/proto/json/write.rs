//! Messages to JSON through serde.

use super::base64;
use crate::proto::fields::{Fields, MapValue, Scalar, Value};
use crate::proto::schema::{Field, Kind, Message};
use crate::proto::text::any_type;
use serde::ser::{Error, Serialize, SerializeMap, SerializeSeq, Serializer};

/// An encoded message that serializes as protobuf's JSON mapping says.
pub(crate) struct MessageRef<'a> {
    pub(crate) m: &'static Message,
    pub(crate) bytes: &'a [u8],
    pub(crate) depth: usize,
}

impl Serialize for MessageRef<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let fields = Fields::read(self.m, self.bytes, self.depth)
            .map_err(|e| S::Error::custom(e.message()))?;
        if self.m.name == "BoolValue" {
            return s.serialize_bool(!fields.known.is_empty());
        }
        let mut map = s.serialize_map(None)?;
        if self.m.name == "Any"
            && let Some((url, m, bytes)) = known_any(&fields)
        {
            map.serialize_entry("@type", url)?;
            let inner = Fields::read(m, bytes, self.depth + 1)
                .map_err(|e| S::Error::custom(e.message()))?;
            put_fields(&inner, self.depth + 1, &mut map)?;
        } else {
            put_fields(&fields, self.depth, &mut map)?;
        }
        map.end()
    }
}

fn put_fields<M: SerializeMap>(
    fields: &Fields<'_>,
    depth: usize,
    map: &mut M,
) -> Result<(), M::Error> {
    for (field, value) in &fields.known {
        map.serialize_entry(
            field.json_name,
            &ValueRef {
                field,
                value,
                depth,
            },
        )?;
    }
    Ok(())
}

/// Type URL, type and content of an `Any` whose type is known.
fn known_any<'f>(fields: &'f Fields<'_>) -> Option<(&'f str, &'static Message, &'f [u8])> {
    let mut url = "";
    let mut content: &[u8] = &[];
    for (_, value) in &fields.known {
        match value {
            Value::Scalars(v) => match v[..] {
                [Scalar::Str(v)] => url = v,
                [Scalar::Bytes(v)] => content = v,
                _ => {}
            },
            _ => return None,
        }
    }
    Some((url, any_type(url)?, content))
}

struct ValueRef<'a> {
    field: &'static Field,
    value: &'a Value<'a>,
    depth: usize,
}

impl Serialize for ValueRef<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let Self {
            field,
            value,
            depth,
        } = self;
        match value {
            Value::Scalars(list) => match &list[..] {
                [v] if !field.repeated => ScalarRef(field, v).serialize(s),
                list => s.collect_seq(list.iter().map(|v| ScalarRef(field, v))),
            },
            Value::Messages(list) => match &list[..] {
                [bytes] if !field.repeated => nested::<S>(field, bytes, *depth)?.serialize(s),
                list => {
                    let mut seq = s.serialize_seq(Some(list.len()))?;
                    for bytes in list {
                        seq.serialize_element(&nested::<S>(field, bytes, *depth)?)?;
                    }
                    seq.end()
                }
            },
            Value::Map(entries) => {
                let Some([_, value_field]) = field.map().map(|m| m.fields) else {
                    return Err(S::Error::custom("not a map"));
                };
                let mut map = s.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_key(&key_text(key))?;
                    match value {
                        MapValue::Scalar(v) => map.serialize_value(&ScalarRef(value_field, v))?,
                        MapValue::Message(bytes) => {
                            map.serialize_value(&nested::<S>(value_field, bytes, depth + 1)?)?;
                        }
                    }
                }
                map.end()
            }
        }
    }
}

fn nested<'a, S: Serializer>(
    field: &Field,
    bytes: &'a [u8],
    depth: usize,
) -> Result<MessageRef<'a>, S::Error> {
    match field.kind {
        Kind::Message(m) => Ok(MessageRef {
            m,
            bytes,
            depth: depth + 1,
        }),
        _ => Err(S::Error::custom("not a message")),
    }
}

fn key_text(key: &Scalar<'_>) -> String {
    match key {
        Scalar::Str(v) => v.to_string(),
        Scalar::Int(v) => v.to_string(),
        Scalar::Uint(v) => v.to_string(),
        Scalar::Bool(v) => v.to_string(),
        _ => String::new(),
    }
}

struct ScalarRef<'a>(&'static Field, &'a Scalar<'a>);

impl Serialize for ScalarRef<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let kind = self.0.kind;
        match self.1 {
            Scalar::Bool(v) => s.serialize_bool(*v),
            Scalar::Int(v) if matches!(kind, Kind::Int32) => s.serialize_i64(*v),
            Scalar::Int(v) => s.collect_str(v),
            Scalar::Uint(v) if matches!(kind, Kind::Uint32 | Kind::Fixed32) => s.serialize_u64(*v),
            Scalar::Uint(v) => s.collect_str(v),
            Scalar::Float(v) if v.is_finite() => s.serialize_f32(*v),
            Scalar::Float(v) => s.serialize_str(special(f64::from(*v))),
            Scalar::Double(v) if v.is_finite() => s.serialize_f64(*v),
            Scalar::Double(v) => s.serialize_str(special(*v)),
            Scalar::Str(v) => s.serialize_str(v),
            Scalar::Bytes(v) => s.serialize_str(&base64::encode(v)),
            Scalar::Enum(v) => match kind {
                Kind::Enum(e) => match e.name_of(*v) {
                    Some(name) => s.serialize_str(name),
                    None => s.serialize_i32(*v),
                },
                _ => s.serialize_i32(*v),
            },
        }
    }
}

fn special(v: f64) -> &'static str {
    if v.is_nan() {
        "NaN"
    } else if v > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}
