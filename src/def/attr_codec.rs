//! Attribute values to and from their message.

use super::shape::{shape_from_proto, shape_to_proto};
use super::tensor::{self, Budget, tensor_to_proto, type_name};
use super::{AttrValue, InvalidAttr};
use crate::dtype::{DType, REF_OFFSET};
use crate::error::{Error, Result};
use crate::proto::attr_value::{ListValue, Value};
use crate::proto::fields::count_messages;
use crate::proto::wire::{put_bytes, put_message, put_tag, put_varint};
use crate::proto::{self, schema};
use prost::Message;
use std::collections::BTreeMap;

/// Attributes above this size are looked over before they are decoded: a message of two bytes takes
/// hundreds in memory.
const LARGE: usize = 4096;
/// The most messages that one attribute may be made of.
const MAX_MESSAGES: usize = 1 << 20;

/// The value that a message describes; what cannot be used becomes [`AttrValue::Invalid`].
pub fn attr_from_proto(p: proto::AttrValue) -> AttrValue {
    from_proto(p, &mut Budget::new())
}

/// The value that an encoded `AttrValue` holds; what cannot be used becomes [`AttrValue::Invalid`].
///
/// # Errors
/// Only for bytes that are no such message.
pub(super) fn read_attr(raw: &[u8], budget: &mut Budget) -> Result<AttrValue> {
    if raw.len() > LARGE {
        count_messages(&schema::ATTR_VALUE, raw, MAX_MESSAGES)?;
    }
    let p: proto::AttrValue = proto::decode("AttrValue", raw)?;
    Ok(from_proto(p, budget))
}

pub(super) fn from_proto(p: proto::AttrValue, budget: &mut Budget) -> AttrValue {
    let kind = kind_of(&p);
    // Encoding again costs time, so only what might turn out invalid is kept for that.
    let raw = |p: &proto::AttrValue| p.encode_to_vec();
    match p.value {
        None => invalid(
            "unset",
            Error::invalid_argument("AttrValue missing value"),
            Vec::new(),
        ),
        Some(Value::S(v)) => AttrValue::Bytes(v),
        Some(Value::I(v)) => AttrValue::Int(v),
        Some(Value::F(v)) => AttrValue::Float(v),
        Some(Value::B(v)) => AttrValue::Bool(v),
        Some(Value::Placeholder(v)) => AttrValue::Placeholder(v),
        Some(Value::Type(n)) => match dtype(n) {
            Ok(v) => AttrValue::Type(v),
            Err(e) => invalid(kind, e, raw(&p)),
        },
        Some(Value::Shape(ref s)) => match shape_from_proto(s) {
            Ok(v) => AttrValue::Shape(v),
            Err(e) => invalid(kind, e, raw(&p)),
        },
        Some(Value::Tensor(ref t)) => match tensor::decode(t, budget) {
            Ok(v) => AttrValue::Tensor(v),
            Err(e) => invalid(kind, e, raw(&p)),
        },
        Some(Value::Func(f)) => {
            let (name, attrs) = func(f, budget);
            AttrValue::Func(name, attrs)
        }
        Some(Value::List(l)) => match list(&l, budget) {
            Ok(v) => v,
            Err(e) => {
                let p = proto::AttrValue {
                    value: Some(Value::List(l)),
                };
                invalid(kind, e, raw(&p))
            }
        },
    }
}

fn invalid(kind: &'static str, error: Error, raw: Vec<u8>) -> AttrValue {
    AttrValue::Invalid(Box::new(InvalidAttr { kind, error, raw }))
}

fn kind_of(p: &proto::AttrValue) -> &'static str {
    match &p.value {
        Some(Value::Type(_)) => "type",
        Some(Value::Shape(_)) => "shape",
        Some(Value::Tensor(_)) => "tensor",
        Some(Value::List(l)) => populated(l).first().copied().unwrap_or("list(any)"),
        _ => "unset",
    }
}

/// The kinds of which a list has elements; more than one is a mistake.
fn populated(l: &ListValue) -> Vec<&'static str> {
    let kinds = [
        (l.s.is_empty(), "list(string)"),
        (l.i.is_empty(), "list(int)"),
        (l.f.is_empty(), "list(float)"),
        (l.b.is_empty(), "list(bool)"),
        (l.r#type.is_empty(), "list(type)"),
        (l.shape.is_empty(), "list(shape)"),
        (l.tensor.is_empty(), "list(tensor)"),
        (l.func.is_empty(), "list(func)"),
    ];
    kinds.into_iter().filter(|k| !k.0).map(|k| k.1).collect()
}

fn dtype(number: i32) -> Result<DType> {
    if let Some(d) = DType::from_number(number) {
        return Ok(d);
    }
    Err(Error::invalid_argument(
        match DType::from_number(number.wrapping_sub(REF_OFFSET)) {
            Some(_) => format!(
                "AttrValue must not have reference type value of {}",
                type_name(number)
            ),
            None if number == 0 => "AttrValue has invalid DataType".to_string(),
            None => format!("AttrValue has invalid DataType enum: {number}"),
        },
    ))
}

fn func(f: proto::NameAttrList, budget: &mut Budget) -> (String, BTreeMap<String, AttrValue>) {
    let attrs = f
        .attr
        .into_iter()
        .map(|(k, v)| (k, from_proto(v, budget)))
        .collect();
    (f.name, attrs)
}

fn list(l: &ListValue, budget: &mut Budget) -> Result<AttrValue> {
    let kinds = populated(l);
    if kinds.len() > 1 {
        return Err(Error::invalid_argument(format!(
            "AttrValue had values of types '{}' in one list",
            kinds.join("' and '")
        )));
    }
    Ok(match kinds.first().copied() {
        None => AttrValue::EmptyList,
        Some("list(string)") => AttrValue::BytesList(l.s.clone()),
        Some("list(int)") => AttrValue::IntList(l.i.clone()),
        Some("list(float)") => AttrValue::FloatList(l.f.clone()),
        Some("list(bool)") => AttrValue::BoolList(l.b.clone()),
        Some("list(type)") => {
            AttrValue::TypeList(l.r#type.iter().map(|n| dtype(*n)).collect::<Result<_>>()?)
        }
        Some("list(shape)") => AttrValue::ShapeList(
            l.shape
                .iter()
                .map(shape_from_proto)
                .collect::<Result<_>>()?,
        ),
        Some("list(tensor)") => AttrValue::TensorList(
            l.tensor
                .iter()
                .map(|t| tensor::decode(t, budget))
                .collect::<Result<_>>()?,
        ),
        Some(_) => AttrValue::FuncList(l.func.iter().map(|f| func(f.clone(), budget)).collect()),
    })
}

/// Appends the canonical encoding of a value.
pub(super) fn write_attr(out: &mut Vec<u8>, v: &AttrValue) {
    match v {
        AttrValue::Invalid(v) => out.extend_from_slice(&v.raw),
        AttrValue::Bytes(v) => put_bytes(out, 2, v),
        AttrValue::Int(v) => put_int(out, 3, *v),
        AttrValue::Float(v) => {
            put_tag(out, 4, 5);
            out.extend(v.to_le_bytes());
        }
        AttrValue::Bool(v) => put_int(out, 5, i64::from(*v)),
        AttrValue::Type(v) => put_int(out, 6, *v as i64),
        AttrValue::Shape(v) => put_bytes(out, 7, &shape_to_proto(v).encode_to_vec()),
        AttrValue::Tensor(v) => put_bytes(out, 8, &tensor_to_proto(v).encode_to_vec()),
        AttrValue::Placeholder(v) => put_bytes(out, 9, v.as_bytes()),
        AttrValue::Func(name, attrs) => put_func(out, 10, name, attrs),
        list => nested(out, 1, |out| write_list(out, list)),
    }
}

fn write_list(out: &mut Vec<u8>, v: &AttrValue) {
    match v {
        AttrValue::BytesList(l) => l.iter().for_each(|v| put_bytes(out, 2, v)),
        AttrValue::IntList(l) => packed(out, 3, l, |out, v| put_varint(out, *v as u64)),
        AttrValue::FloatList(l) => packed(out, 4, l, |out, v| out.extend(v.to_le_bytes())),
        AttrValue::BoolList(l) => packed(out, 5, l, |out, v| out.push(u8::from(*v))),
        AttrValue::TypeList(l) => packed(out, 6, l, |out, v| put_varint(out, *v as u64)),
        AttrValue::ShapeList(l) => {
            l.iter()
                .for_each(|v| put_bytes(out, 7, &shape_to_proto(v).encode_to_vec()));
        }
        AttrValue::TensorList(l) => {
            l.iter()
                .for_each(|v| put_bytes(out, 8, &tensor_to_proto(v).encode_to_vec()));
        }
        AttrValue::FuncList(l) => l
            .iter()
            .for_each(|(name, attrs)| put_func(out, 9, name, attrs)),
        // An empty list, and what is no list, has no elements.
        _ => {}
    }
}

fn put_int(out: &mut Vec<u8>, number: u32, v: i64) {
    put_tag(out, number, 0);
    put_varint(out, v as u64);
}

fn packed<T>(out: &mut Vec<u8>, number: u32, list: &[T], put: impl Fn(&mut Vec<u8>, &T)) {
    if !list.is_empty() {
        nested(out, number, |out| list.iter().for_each(|v| put(out, v)));
    }
}

fn put_func(out: &mut Vec<u8>, number: u32, name: &str, attrs: &BTreeMap<String, AttrValue>) {
    nested(out, number, |out| {
        proto::wire::put_string(out, 1, name);
        for (key, v) in attrs {
            write_entry(out, 2, key, |out| write_attr(out, v));
        }
    });
}

/// Appends an entry of a map of attributes: both key and value, even when empty.
pub(super) fn write_entry(
    out: &mut Vec<u8>,
    number: u32,
    key: &str,
    value: impl FnOnce(&mut Vec<u8>),
) {
    nested(out, number, |out| {
        put_bytes(out, 1, key.as_bytes());
        nested(out, 2, value);
    });
}

/// [`put_message`] with content that cannot fail.
pub(super) fn nested(out: &mut Vec<u8>, number: u32, write: impl FnOnce(&mut Vec<u8>)) {
    let done: Result<(), std::convert::Infallible> = put_message(out, number, |out| {
        write(out);
        Ok(())
    });
    let Ok(()) = done;
}
