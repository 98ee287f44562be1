//! Single calls of the catalogue of bad inputs (calls.txt): each ends as the table says, and none with a panic.
//!
//! A line is `row | call | outcome`. Arguments stand in order, attributes by name. A tensor is `zeros(2,3)`,
//! `zeros(2;i32)`, `i32(5)`, `i64[1,2]`, `f32[[1,2],[3,4]]` or `str['a']`; `{…}` is a list of them. An outcome is a code and
//! words of the message, or `ok` and the shape of the first output. Each call is made on placeholders of unknown shape, so that
//! the kernel sees it first, and on constants, so that the shape function does.

use crate::oracle::tolerance::may_not_refuse;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tensorloom::op::OpLookup;
use tensorloom::{
    AttrValue, DType, Error, Graph, Output, PartialShape, Registry, Result, Session, Shape, Tensor,
};

const TABLE: &str = include_str!("calls.txt");

enum Argument {
    One(Tensor),
    List(Vec<Tensor>),
}

struct Call<'a> {
    op: &'a str,
    arguments: Vec<Argument>,
    attrs: Vec<(&'a str, AttrValue)>,
}

/// Splits at commas outside brackets and quotes.
fn parts(text: &str) -> Vec<&str> {
    let (mut depth, mut quoted, mut start, mut out) = (0, false, 0, Vec::new());
    for (i, c) in text.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' | ']' | '}' if !quoted => depth -= 1,
            ',' if depth == 0 && !quoted => {
                out.push(text[start..i].trim());
                start = i + 1;
            }
            _ => {}
        }
    }
    let rest = text[start..].trim();
    out.extend((!rest.is_empty()).then_some(rest));
    out
}

/// What stands between the two characters at the ends.
fn inside<'a>(text: &'a str, ends: &str) -> Option<&'a str> {
    let (open, close) = ends.split_at(1);
    text.strip_prefix(open)?.strip_suffix(close)
}

fn dtype(name: &str) -> DType {
    match name {
        "f32" => DType::F32,
        "f64" => DType::F64,
        "i32" => DType::I32,
        "i64" => DType::I64,
        "str" => DType::String,
        _ => DType::from_name(name).unwrap_or_else(|| panic!("no type {name}")),
    }
}

/// The numbers (or strings) of nested brackets, and their shape.
fn nested(text: &str, dims: &mut Vec<usize>, depth: usize, out: &mut Vec<String>) {
    match inside(text, "[]") {
        Some(list) => {
            let items = parts(list);
            if dims.len() == depth {
                dims.push(items.len());
            }
            assert_eq!(dims[depth], items.len(), "{text}");
            for item in items {
                nested(item, dims, depth + 1, out);
            }
        }
        None => out.push(text.trim_matches('\'').to_string()),
    }
}

fn tensor(text: &str) -> Tensor {
    let at = text.find(['(', '[']).unwrap_or_else(|| panic!("{text}"));
    let (kind, rest) = text.split_at(at);
    if kind == "zeros" {
        let (dims, kind) = inside(rest, "()")
            .unwrap()
            .split_once(';')
            .unwrap_or((inside(rest, "()").unwrap(), "f32"));
        let dims: Vec<usize> = parts(dims).iter().map(|d| d.parse().unwrap()).collect();
        return Tensor::zeros(dtype(kind), Shape::of(&dims).unwrap()).unwrap();
    }
    let (mut dims, mut values) = (Vec::new(), Vec::new());
    match inside(rest, "()") {
        Some(scalar) => values.push(scalar.trim_matches('\'').to_string()),
        None => nested(rest, &mut dims, 0, &mut values),
    }
    fn of<T: std::str::FromStr + tensorloom::Element>(dims: &[usize], values: &[String]) -> Tensor {
        let parse = |v: &String| v.parse().unwrap_or_else(|_| panic!("{v}"));
        Tensor::from_vec(dims, values.iter().map(parse).collect::<Vec<T>>()).unwrap()
    }
    match dtype(kind) {
        DType::F32 => of::<f32>(&dims, &values),
        DType::F64 => of::<f64>(&dims, &values),
        DType::I32 => of::<i32>(&dims, &values),
        DType::I64 => of::<i64>(&dims, &values),
        DType::U8 => of::<u8>(&dims, &values),
        DType::Bool => of::<bool>(&dims, &values),
        DType::String => {
            let bytes = |v: &String| tensorloom::Bytes::from(v.as_bytes());
            let values: Vec<tensorloom::Bytes> = values.iter().map(bytes).collect();
            Tensor::from_strings(Shape::of(&dims).unwrap(), values).unwrap()
        }
        other => panic!("no literals of {other}"),
    }
}

fn attr(kind: &str, text: &str) -> AttrValue {
    let items = || parts(inside(text, "[]").unwrap_or_else(|| panic!("{text}")));
    match kind {
        "string" => AttrValue::from(text.trim_matches('\'')),
        "int" => AttrValue::Int(text.parse().unwrap()),
        "float" => AttrValue::Float(text.parse().unwrap()),
        "bool" => AttrValue::Bool(text.parse().unwrap()),
        "type" => AttrValue::Type(dtype(text)),
        "shape" => {
            let dims: Vec<usize> = items().iter().map(|d| d.parse().unwrap()).collect();
            AttrValue::Shape(PartialShape::from(dims.as_slice()))
        }
        "list(int)" => AttrValue::IntList(items().iter().map(|v| v.parse().unwrap()).collect()),
        "list(type)" => AttrValue::TypeList(items().iter().map(|v| dtype(v)).collect()),
        _ => panic!("no literals of {kind}"),
    }
}

fn parse(text: &str) -> Call<'_> {
    let (op, rest) = text.split_once('(').unwrap_or_else(|| panic!("{text}"));
    let registry = Registry::builtin();
    let schema = registry.schema(op).unwrap_or_else(|| panic!("no op {op}"));
    let (mut arguments, mut attrs) = (Vec::new(), Vec::new());
    for part in parts(rest.strip_suffix(')').unwrap()) {
        let named = part
            .split_once('=')
            .and_then(|(n, v)| schema.attr(n).map(|a| (n, v, a)));
        if let Some((name, value, a)) = named {
            attrs.push((name, attr(&a.kind, value)));
        } else if let Some(list) = inside(part, "{}") {
            arguments.push(Argument::List(
                parts(list).into_iter().map(tensor).collect(),
            ));
        } else {
            arguments.push(Argument::One(tensor(part)));
        }
    }
    Call {
        op,
        arguments,
        attrs,
    }
}

/// How the op comes by its inputs.
#[derive(Clone, Copy, Debug)]
enum Way {
    Fed,
    Constant,
}

fn run(call: &Call<'_>, way: Way) -> Result<Option<Tensor>> {
    let g = Graph::new();
    let s = g.root();
    let mut feeds = Vec::new();
    let mut operand = |t: &Tensor| -> Output<'_> {
        match way {
            Way::Constant => s.constant(t.clone()),
            Way::Fed => {
                let place = s.placeholder(t.dtype(), PartialShape::unknown());
                feeds.push((place, t.clone()));
                place
            }
        }
    };
    let mut b = s.op(call.op);
    for argument in &call.arguments {
        b = match argument {
            Argument::One(t) => b.input(operand(t)),
            Argument::List(ts) => {
                let outputs: Vec<Output<'_>> = ts.iter().map(&mut operand).collect();
                b.list(outputs)
            }
        };
    }
    for (name, value) in &call.attrs {
        b = b.attr(name, value.clone());
    }
    let node = b.finish();
    g.check()?;
    let session = Session::new(&g)?;
    if node.num_outputs() == 0 {
        session.run(feeds, (), node)?;
        return Ok(None);
    }
    let fetched = session.run(feeds, [node.output(0)], ())?;
    Ok(fetched.into_iter().next())
}

fn judge(found: Result<Option<Tensor>>, outcome: &str, way: Way) -> Option<String> {
    let told = |e: &Error| format!("{:?}: {}", e.code(), e.message());
    match (found, outcome.strip_prefix("ok")) {
        (Ok(t), Some(shape)) => {
            let found = t.map_or_else(String::new, |t| format!("{:?}", t.shape().dims()));
            let same = found.replace(' ', "") == shape.trim().replace(' ', "");
            (!same).then(|| format!("{found} instead of {shape}"))
        }
        (Err(e), Some(_)) => Some(told(&e)),
        (Ok(_), None) => Some("no error".to_string()),
        (Err(e), None) => {
            let (codes, words) = outcome.split_once(':').unwrap();
            let code = format!("{:?}", e.code());
            let right = codes.split('/').any(|c| c.trim() == code);
            // Shape functions have words of their own.
            let said = matches!(way, Way::Constant) || e.message().contains(words.trim());
            (!(right && said)).then(|| told(&e))
        }
    }
}

#[test]
fn each_call_ends_as_it_must() {
    let mut wrong = Vec::new();
    let lines = TABLE.lines().enumerate();
    for (i, line) in lines.filter(|(_, l)| !l.is_empty() && !l.starts_with('#')) {
        let columns: Vec<&str> = line.split(" | ").map(str::trim).collect();
        let [row, text, outcome] = columns[..] else {
            panic!("calls.txt:{}: {line}", i + 1);
        };
        let _: u32 = row.parse().unwrap();
        let call = parse(text);
        let op = text.split('(').next().unwrap();
        let is_refused = outcome.starts_with("InvalidArgument");
        for way in [Way::Fed, Way::Constant] {
            let found = catch_unwind(AssertUnwindSafe(|| run(&call, way)));
            let problem = match found {
                Err(_) => Some("a panic".to_string()),
                Ok(Ok(_)) if is_refused && may_not_refuse(op) => None,
                Ok(found) => judge(found, outcome, way),
            };
            if let Some(p) = problem {
                wrong.push(format!("calls.txt:{}: {line} ({way:?}): {p}", i + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
