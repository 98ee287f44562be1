//! Nodes and attributes in few words, as TensorFlow's errors have them.

use crate::def::AttrValue;
use crate::graph::Node;
use crate::op::Attrs;
use crate::tensor::Tensor;

/// Of longer texts only both ends are shown.
const LONGEST_TEXT: usize = 80;
const END_OF_TEXT: usize = 10;
/// Of longer lists only the beginning is shown.
const LONGEST_LIST: usize = 50;
const BEGINNING_OF_LIST: usize = 5;

/// `{name:'n' id:2 op device:{requested: '/cpu:0', assigned: ''} def:{{{node n}} = Neg[T=DT_FLOAT](x)}}`.
pub(super) fn node(n: &Node, inputs: &[String]) -> String {
    let mut attrs = pairs(&n.attrs);
    if !n.device.is_empty() {
        attrs.push(format!("_device={}", text(n.device.as_bytes())));
    }
    let attrs = match attrs.is_empty() {
        true => String::new(),
        false => format!("[{}]", attrs.join(", ")),
    };
    format!(
        "{{name:'{0}' id:{1} op device:{{requested: '{2}', assigned: ''}} def:{{{{{{node {0}}}}} = {3}{attrs}({4})}}}}",
        n.name,
        // TensorFlow's graphs begin with two nodes of their own.
        n.id.number() + 2,
        n.device,
        n.op.name,
        inputs.join(", "),
    )
}

/// `T=DT_FLOAT, keep_dims=false`.
pub(super) fn attrs(all: &Attrs) -> String {
    pairs(all).join(", ")
}

fn pairs(all: &Attrs) -> Vec<String> {
    let pair = |(name, v): (&String, &AttrValue)| format!("{name}={}", value(v));
    all.0.iter().map(pair).collect()
}

fn value(v: &AttrValue) -> String {
    match v {
        AttrValue::Bytes(b) => text(b),
        AttrValue::Int(i) => i.to_string(),
        AttrValue::Float(f) => f.to_string(),
        AttrValue::Bool(b) => b.to_string(),
        AttrValue::Type(d) => d.wire_name().to_string(),
        AttrValue::Shape(s) => s.to_string(),
        AttrValue::Tensor(t) => tensor(t),
        AttrValue::Func(name, attrs) => {
            let attrs = attrs.iter().map(|(k, v)| format!("{k}={}", value(v)));
            format!("{name}[{}]", attrs.collect::<Vec<_>>().join(", "))
        }
        AttrValue::Placeholder(name) => format!("${name}"),
        AttrValue::EmptyList => "[]".to_string(),
        AttrValue::BytesList(l) => list(l, |b| text(b)),
        AttrValue::IntList(l) => list(l, ToString::to_string),
        AttrValue::FloatList(l) => list(l, ToString::to_string),
        AttrValue::BoolList(l) => list(l, ToString::to_string),
        AttrValue::TypeList(l) => list(l, |d| d.wire_name().to_string()),
        AttrValue::ShapeList(l) => list(l, ToString::to_string),
        AttrValue::TensorList(l) => list(l, tensor),
        AttrValue::FuncList(l) => list(l, |(name, _)| name.clone()),
        AttrValue::Invalid(_) => "<Unknown AttrValue type>".to_string(),
    }
}

fn list<T>(all: &[T], show: impl Fn(&T) -> String) -> String {
    let (shown, more) = match all.len() > LONGEST_LIST {
        true => (&all[..BEGINNING_OF_LIST], ", ..."),
        false => (all, ""),
    };
    let shown: Vec<String> = shown.iter().map(show).collect();
    format!("[{}{more}]", shown.join(", "))
}

fn tensor(t: &Tensor) -> String {
    let (dtype, shape, values) = (t.dtype(), t.shape(), t.summarize(3));
    format!("Tensor<type: {dtype} shape: {shape} values: {values}>")
}

fn text(bytes: &[u8]) -> String {
    let escaped = bytes.escape_ascii().to_string();
    if escaped.len() < LONGEST_TEXT {
        return format!("\"{escaped}\"");
    }
    let (begin, end) = (
        &escaped[..END_OF_TEXT],
        &escaped[escaped.len() - END_OF_TEXT..],
    );
    format!("\"{begin}...{end}\"")
}
