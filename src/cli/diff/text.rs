//! Attribute values as short text.

use crate::cli::checkpoint::distance;
use crate::cli::output::dtype_name;
use crate::def::AttrValue;
use crate::tensor::Tensor;

/// So many elements of a list, characters of a string, elements of a tensor are printed.
const LISTED: usize = 16;
const CHARACTERS: usize = 80;
const ELEMENTS: i64 = 6;

/// Two values that differ. Of tensors that are alike but for their values it is said how many differ.
pub(super) fn attr_pair(
    a: Option<&AttrValue>,
    b: Option<&AttrValue>,
) -> (Option<String>, Option<String>) {
    let (x, mut y) = (a.map(attr_text), b.map(attr_text));
    if let (Some(AttrValue::Tensor(s)), Some(AttrValue::Tensor(t))) = (a, b)
        && s.dtype() == t.dtype()
        && s.shape() == t.shape()
        && let (Ok((count, _)), Some(y)) = (distance(s, t, 0.0), &mut y)
    {
        // Zeros of two signs are no distance apart, and yet not the same.
        let words = match count {
            0 => "only bits differ".to_string(),
            n => format!("{n} of {} elements differ", s.elements()),
        };
        y.push_str(&format!(" ({words})"));
    }
    (x, y)
}

/// A value on one line, abridged.
pub(super) fn attr_text(v: &AttrValue) -> String {
    match v {
        AttrValue::Bytes(b) => bytes(b),
        AttrValue::Int(i) => i.to_string(),
        AttrValue::Float(f) => f.to_string(),
        AttrValue::Bool(b) => b.to_string(),
        AttrValue::Type(d) => dtype_name(*d).to_string(),
        AttrValue::Shape(s) => s.to_string(),
        AttrValue::Tensor(t) => tensor(t),
        AttrValue::Func(name, attrs) => func(name, attrs.len()),
        AttrValue::Placeholder(p) => format!("${p}"),
        AttrValue::EmptyList => "[]".into(),
        AttrValue::BytesList(l) => list(l, |b| bytes(b)),
        AttrValue::IntList(l) => list(l, i64::to_string),
        AttrValue::FloatList(l) => list(l, f32::to_string),
        AttrValue::BoolList(l) => list(l, bool::to_string),
        AttrValue::TypeList(l) => list(l, |d| dtype_name(*d).to_string()),
        AttrValue::ShapeList(l) => list(l, |s| s.to_string()),
        AttrValue::TensorList(l) => list(l, tensor),
        AttrValue::FuncList(l) => list(l, |(name, attrs)| func(name, attrs.len())),
        AttrValue::Invalid(v) => {
            format!("{} that cannot be used: {}", v.kind(), v.error().message())
        }
    }
}

fn list<T>(items: &[T], text: impl Fn(&T) -> String) -> String {
    let mut shown: Vec<String> = items.iter().take(LISTED).map(text).collect();
    if items.len() > LISTED {
        shown.push(format!("… {} in all", items.len()));
    }
    format!("[{}]", shown.join(", "))
}

fn bytes(b: &[u8]) -> String {
    let text = String::from_utf8_lossy(b);
    let mut shown: String = text.chars().take(CHARACTERS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

fn tensor(t: &Tensor) -> String {
    format!(
        "{} {} {}",
        dtype_name(t.dtype()),
        t.shape(),
        t.summarize(ELEMENTS)
    )
}

fn func(name: &str, attrs: usize) -> String {
    match attrs {
        0 => format!("function {name}"),
        n => format!("function {name} with {n} attributes"),
    }
}
