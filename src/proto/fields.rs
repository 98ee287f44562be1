//! Messages taken apart by their schema: fields in order, `oneof`s settled, maps sorted; and the canonical encoding.

use super::schema::{Field, Kind, Message};
use super::wire::{Raw, Reader, put_bytes, put_message, put_tag, put_varint};
use super::{MAX_BYTES, MAX_DEPTH};
use crate::error::{Error, Result};
use std::borrow::Cow;
use std::cmp::Ordering;

/// A value that is not a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scalar<'a> {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f32),
    Double(f64),
    Str(&'a str),
    Bytes(&'a [u8]),
    Enum(i32),
}

/// The value of a map's entry.
pub(crate) enum MapValue<'a> {
    Scalar(Scalar<'a>),
    Message(Cow<'a, [u8]>),
}

/// All values of one field.
pub(crate) enum Value<'a> {
    /// One value of a singular field, many of a repeated one.
    Scalars(Vec<Scalar<'a>>),
    /// Messages, undecoded; just one of a singular field.
    Messages(Vec<Cow<'a, [u8]>>),
    /// Sorted by key, each key once.
    Map(Vec<(Scalar<'a>, MapValue<'a>)>),
}

/// A message taken apart.
pub(crate) struct Fields<'a> {
    /// The fields that are set, by ascending number.
    pub(crate) known: Vec<(&'static Field, Value<'a>)>,
    /// Whole fields that the schema does not have.
    pub(crate) unknown: Vec<&'a [u8]>,
}

/// The error for messages nested too deeply.
pub(crate) fn too_deep() -> Error {
    Error::invalid_argument(format!("messages nested more than {MAX_DEPTH} deep"))
}

impl<'a> Fields<'a> {
    /// Takes a message apart; `depth` is the number of messages around it.
    pub(crate) fn read(m: &'static Message, bytes: &'a [u8], depth: usize) -> Result<Fields<'a>> {
        if depth > MAX_DEPTH {
            return Err(too_deep());
        }
        let mut found: Vec<(&'static Field, Raw<'a>)> = Vec::new();
        let mut unknown = Vec::new();
        let mut reader = Reader::new(bytes);
        while let Some(f) = reader.next_field()? {
            match m.field(f.number) {
                Some(field) => found.push((field, f.value)),
                None => unknown.push(f.whole),
            }
        }
        settle_oneofs(&mut found);
        found.sort_by_key(|f| f.0.number);
        let mut known = Vec::new();
        let mut rest = &found[..];
        while let Some((field, _)) = rest.first() {
            let field: &'static Field = field;
            let n = rest
                .iter()
                .take_while(|f| f.0.number == field.number)
                .count();
            let (run, after) = rest.split_at(n);
            rest = after;
            let value = value_of(field, run, depth)
                .map_err(|e| e.context(format!("{}.{}: ", m.name, field.name)))?;
            known.extend(value.map(|v| (field, v)));
        }
        Ok(Fields { known, unknown })
    }
}

/// Of several members of a `oneof` only the last stays.
fn settle_oneofs(found: &mut Vec<(&'static Field, Raw<'_>)>) {
    // (group, member, where its current values stand)
    let mut groups: Vec<(&str, u32, Vec<usize>)> = Vec::new();
    let mut dead: Vec<usize> = Vec::new();
    for (i, (field, _)) in found.iter().enumerate() {
        let Some(group) = field.oneof else { continue };
        match groups.iter_mut().find(|g| g.0 == group) {
            None => groups.push((group, field.number, vec![i])),
            Some(g) if g.1 == field.number => g.2.push(i),
            Some(g) => {
                dead.append(&mut g.2);
                g.1 = field.number;
                g.2.push(i);
            }
        }
    }
    if !dead.is_empty() {
        dead.sort_unstable();
        let mut i = 0;
        found.retain(|_| {
            i += 1;
            dead.binary_search(&(i - 1)).is_err()
        });
    }
}

fn value_of<'a>(
    field: &'static Field,
    run: &[(&'static Field, Raw<'a>)],
    depth: usize,
) -> Result<Option<Value<'a>>> {
    if let Some(entry) = field.map() {
        return map_of(entry, run, depth).map(Some);
    }
    if let Kind::Message(_) = field.kind {
        let mut parts = Vec::with_capacity(run.len());
        for (_, raw) in run {
            parts.push(Cow::Borrowed(delimited(*raw)?));
        }
        if !field.repeated && parts.len() > 1 {
            // Messages merge when their encodings are joined.
            parts = vec![Cow::Owned(parts.concat())];
        }
        return Ok(Some(Value::Messages(parts)));
    }
    let mut values = Vec::with_capacity(run.len());
    for (_, raw) in run {
        match raw {
            Raw::Bytes(packed) if field.is_packed() => unpack(field.kind, packed, &mut values)?,
            raw => values.push(scalar(field.kind, *raw)?),
        }
    }
    if !field.repeated {
        values.drain(..values.len().saturating_sub(1));
        if field.oneof.is_none() {
            values.retain(|v| !is_default(v));
        }
    }
    Ok((!values.is_empty()).then_some(Value::Scalars(values)))
}

fn map_of<'a>(
    entry: &'static Message,
    run: &[(&'static Field, Raw<'a>)],
    depth: usize,
) -> Result<Value<'a>> {
    let [key_field, value_field] = entry.fields else {
        return Err(Error::internal(format!("{} is no map entry", entry.name)));
    };
    let mut map = Vec::with_capacity(run.len());
    for (_, raw) in run {
        let mut fields = Fields::read(entry, delimited(*raw)?, depth + 1)?;
        let mut value = match value_field.kind {
            Kind::Message(_) => MapValue::Message(Cow::Borrowed(&[])),
            kind => MapValue::Scalar(default_of(kind)),
        };
        let mut key = default_of(key_field.kind);
        for (field, found) in fields.known.drain(..) {
            match found {
                Value::Scalars(s) if field.number == 1 => {
                    key = s.into_iter().next_back().unwrap_or(key)
                }
                Value::Scalars(s) => {
                    value = s.into_iter().next_back().map_or(value, MapValue::Scalar)
                }
                Value::Messages(m) => {
                    value = m.into_iter().next_back().map_or(value, MapValue::Message)
                }
                Value::Map(_) => {}
            }
        }
        map.push((key, value));
    }
    map.sort_by(|a, b| compare_keys(&a.0, &b.0));
    // The sort is stable, so of equal keys the last one is the one that counts.
    map.reverse();
    map.dedup_by(|a, b| a.0 == b.0);
    map.reverse();
    Ok(Value::Map(map))
}

fn compare_keys(a: &Scalar<'_>, b: &Scalar<'_>) -> Ordering {
    match (a, b) {
        (Scalar::Str(a), Scalar::Str(b)) => a.cmp(b),
        (Scalar::Int(a), Scalar::Int(b)) => a.cmp(b),
        (Scalar::Uint(a), Scalar::Uint(b)) => a.cmp(b),
        (Scalar::Bool(a), Scalar::Bool(b)) => a.cmp(b),
        _ => Ordering::Equal,
    }
}

fn mismatch() -> Error {
    Error::invalid_argument("a value of another wire type")
}

fn delimited(raw: Raw<'_>) -> Result<&[u8]> {
    match raw {
        Raw::Bytes(b) => Ok(b),
        _ => Err(mismatch()),
    }
}

fn scalar(kind: Kind, raw: Raw<'_>) -> Result<Scalar<'_>> {
    Ok(match (kind, raw) {
        (Kind::Bool, Raw::Varint(v)) => Scalar::Bool(v != 0),
        (Kind::Int32, Raw::Varint(v)) => Scalar::Int(i64::from(v as i32)),
        (Kind::Int64, Raw::Varint(v)) => Scalar::Int(v as i64),
        (Kind::Sint64, Raw::Varint(v)) => Scalar::Int((v >> 1) as i64 ^ -((v & 1) as i64)),
        (Kind::Uint32, Raw::Varint(v)) => Scalar::Uint(u64::from(v as u32)),
        (Kind::Uint64, Raw::Varint(v)) => Scalar::Uint(v),
        (Kind::Enum(_), Raw::Varint(v)) => Scalar::Enum(v as i32),
        (Kind::Fixed32, Raw::Fixed32(v)) => Scalar::Uint(v.into()),
        (Kind::Fixed64, Raw::Fixed64(v)) => Scalar::Uint(v),
        (Kind::Float, Raw::Fixed32(v)) => Scalar::Float(f32::from_bits(v)),
        (Kind::Double, Raw::Fixed64(v)) => Scalar::Double(f64::from_bits(v)),
        (Kind::Bytes, Raw::Bytes(b)) => Scalar::Bytes(b),
        (Kind::String, Raw::Bytes(b)) => Scalar::Str(
            std::str::from_utf8(b)
                .map_err(|_| Error::invalid_argument("a string that is not UTF-8"))?,
        ),
        _ => return Err(mismatch()),
    })
}

fn unpack<'a>(kind: Kind, packed: &[u8], out: &mut Vec<Scalar<'a>>) -> Result<()> {
    let wrong = || Error::invalid_argument("packed values of a wrong length");
    match kind {
        Kind::Float | Kind::Fixed32 => {
            let chunks = packed.chunks_exact(4);
            if !chunks.remainder().is_empty() {
                return Err(wrong());
            }
            for c in chunks {
                let bits = c.iter().rev().fold(0u32, |a, b| a << 8 | u32::from(*b));
                out.push(match kind {
                    Kind::Float => Scalar::Float(f32::from_bits(bits)),
                    _ => Scalar::Uint(bits.into()),
                });
            }
        }
        Kind::Double | Kind::Fixed64 => {
            let chunks = packed.chunks_exact(8);
            if !chunks.remainder().is_empty() {
                return Err(wrong());
            }
            for c in chunks {
                let bits = c.iter().rev().fold(0u64, |a, b| a << 8 | u64::from(*b));
                out.push(match kind {
                    Kind::Double => Scalar::Double(f64::from_bits(bits)),
                    _ => Scalar::Uint(bits),
                });
            }
        }
        _ => {
            let mut reader = Reader::new(packed);
            while reader.position() < packed.len() {
                let value = match scalar(kind, Raw::Varint(reader.varint()?))? {
                    Scalar::Bool(v) => Scalar::Bool(v),
                    Scalar::Int(v) => Scalar::Int(v),
                    Scalar::Uint(v) => Scalar::Uint(v),
                    Scalar::Enum(v) => Scalar::Enum(v),
                    _ => return Err(mismatch()),
                };
                out.push(value);
            }
        }
    }
    Ok(())
}

fn default_of(kind: Kind) -> Scalar<'static> {
    match kind {
        Kind::Bool => Scalar::Bool(false),
        Kind::Int32 | Kind::Int64 | Kind::Sint64 => Scalar::Int(0),
        Kind::Uint32 | Kind::Uint64 | Kind::Fixed32 | Kind::Fixed64 => Scalar::Uint(0),
        Kind::Float => Scalar::Float(0.0),
        Kind::Double => Scalar::Double(0.0),
        Kind::String => Scalar::Str(""),
        Kind::Bytes | Kind::Message(_) => Scalar::Bytes(&[]),
        Kind::Enum(_) => Scalar::Enum(0),
    }
}

/// Whether a value is what a missing field means.
pub(crate) fn is_default(v: &Scalar<'_>) -> bool {
    match v {
        Scalar::Bool(v) => !v,
        Scalar::Int(v) => *v == 0,
        Scalar::Uint(v) => *v == 0,
        // Minus zero is not the default.
        Scalar::Float(v) => v.to_bits() == 0,
        Scalar::Double(v) => v.to_bits() == 0,
        Scalar::Str(v) => v.is_empty(),
        Scalar::Bytes(v) => v.is_empty(),
        Scalar::Enum(v) => *v == 0,
    }
}

/// Appends one value with its tag.
pub(crate) fn put_scalar(out: &mut Vec<u8>, number: u32, kind: Kind, v: &Scalar<'_>) {
    put_tag(out, number, wire_type(kind));
    put_bare(out, kind, v);
}

fn wire_type(kind: Kind) -> u8 {
    match kind {
        Kind::Fixed32 | Kind::Float => 5,
        Kind::Fixed64 | Kind::Double => 1,
        Kind::String | Kind::Bytes | Kind::Message(_) => 2,
        _ => 0,
    }
}

fn put_bare(out: &mut Vec<u8>, kind: Kind, v: &Scalar<'_>) {
    match v {
        Scalar::Bool(v) => out.push(u8::from(*v)),
        Scalar::Int(v) if matches!(kind, Kind::Sint64) => {
            put_varint(out, ((v << 1) ^ (v >> 63)) as u64)
        }
        Scalar::Int(v) => put_varint(out, *v as u64),
        Scalar::Uint(v) => match kind {
            Kind::Fixed32 => out.extend((*v as u32).to_le_bytes()),
            Kind::Fixed64 => out.extend(v.to_le_bytes()),
            _ => put_varint(out, *v),
        },
        Scalar::Float(v) => out.extend(v.to_le_bytes()),
        Scalar::Double(v) => out.extend(v.to_le_bytes()),
        Scalar::Str(v) => {
            put_varint(out, v.len() as u64);
            out.extend_from_slice(v.as_bytes());
        }
        Scalar::Bytes(v) => {
            put_varint(out, v.len() as u64);
            out.extend_from_slice(v);
        }
        Scalar::Enum(v) => put_varint(out, i64::from(*v) as u64),
    }
}

/// The canonical encoding of a message: fields by number, maps by key, repeated scalars packed, defaults left
/// out, fields unknown to the schema last. It is what TensorFlow calls deterministic serialization.
///
/// # Errors
/// `InvalidArgument` when `bytes` is no such message, is too large or too deeply nested.
pub fn canonical(m: &'static Message, bytes: &[u8]) -> Result<Vec<u8>> {
    let wrong = |e: Error| e.context(format!("Error parsing {} proto: ", m.name));
    check_size(m.name, bytes.len())?;
    let mut out = Vec::with_capacity(bytes.len());
    put_canonical(m, bytes, &mut out, 0).map_err(wrong)?;
    Ok(out)
}

/// Refuses messages that protobuf itself cannot hold.
pub(crate) fn check_size(name: &str, len: usize) -> Result<()> {
    if len > MAX_BYTES {
        return Err(Error::invalid_argument(format!(
            "{name} cannot be larger than 2GB; this one has {len} bytes"
        )));
    }
    Ok(())
}

fn put_canonical(m: &'static Message, bytes: &[u8], out: &mut Vec<u8>, depth: usize) -> Result<()> {
    let fields = Fields::read(m, bytes, depth)?;
    for (field, value) in &fields.known {
        match value {
            Value::Messages(list) => {
                for bytes in list {
                    put_nested(field, bytes, out, depth)?;
                }
            }
            Value::Scalars(list) if field.is_packed() => put_message(out, field.number, |out| {
                list.iter().for_each(|v| put_bare(out, field.kind, v));
                Ok::<(), Error>(())
            })?,
            Value::Scalars(list) => {
                for v in list {
                    put_scalar(out, field.number, field.kind, v);
                }
            }
            Value::Map(map) => {
                let Some([key_field, value_field]) = field.map().map(|m| m.fields) else {
                    continue;
                };
                for (key, value) in map {
                    put_message(out, field.number, |out| {
                        put_scalar(out, 1, key_field.kind, key);
                        match value {
                            MapValue::Scalar(v) => put_scalar(out, 2, value_field.kind, v),
                            MapValue::Message(bytes) => {
                                put_nested(value_field, bytes, out, depth + 1)?
                            }
                        }
                        Ok::<(), Error>(())
                    })?;
                }
            }
        }
    }
    for whole in &fields.unknown {
        out.extend_from_slice(whole);
    }
    Ok(())
}

fn put_nested(field: &Field, bytes: &[u8], out: &mut Vec<u8>, depth: usize) -> Result<()> {
    let Kind::Message(m) = field.kind else {
        put_bytes(out, field.number, bytes);
        return Ok(());
    };
    put_message(out, field.number, |out| {
        put_canonical(m, bytes, out, depth + 1)
    })
}

/// Fails when a message consists of more than `limit` messages, counting those within messages. It costs
/// no memory, so it may come before a decoder that does.
pub(crate) fn count_messages(m: &'static Message, bytes: &[u8], limit: usize) -> Result<()> {
    fn walk(m: &'static Message, bytes: &[u8], left: &mut usize, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(too_deep());
        }
        *left = left
            .checked_sub(1)
            .ok_or_else(|| Error::resource_exhausted("a message of too many messages"))?;
        let mut reader = Reader::new(bytes);
        while let Some(f) = reader.next_field()? {
            if let (Some(Kind::Message(inner)), Raw::Bytes(b)) =
                (m.field(f.number).map(|f| f.kind), f.value)
            {
                walk(inner, b, left, depth + 1)?;
            }
        }
        Ok(())
    }
    let mut left = limit;
    walk(m, bytes, &mut left, 0).map_err(|e| e.context(format!("Error parsing {} proto: ", m.name)))
}
