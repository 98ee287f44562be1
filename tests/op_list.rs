//! The registry against TensorFlow's op definitions (`graph_defs/ops.pbtxt`, written by `tests/interop/op_list.py`).

use std::collections::{BTreeMap, HashSet};
use tensorloom::def::{AttrValue, attr_from_proto};
use tensorloom::op::{ArgDef, ArgType, AttrDef, OpSchema};
use tensorloom::proto::{self, schema, text};
use tensorloom::registry::Registry;
use tensorloom::{DType, PartialShape};

fn golden() -> BTreeMap<String, proto::OpDef> {
    let text = include_str!("../graph_defs/ops.pbtxt");
    let bytes = text::parse(&schema::OP_LIST, text).unwrap();
    let list: proto::OpList = proto::decode("OpList", &bytes).unwrap();
    // What was parsed prints as TensorFlow's Python printed it.
    assert_eq!(text::print(&schema::OP_LIST, &bytes).unwrap(), text);
    list.op
        .into_iter()
        .map(|op| (op.name.clone(), op))
        .collect()
}

/// An op whose name starts with `_` and that TensorFlow does not have is our own, and never leaves this program.
fn is_ours(name: &str) -> bool {
    name.starts_with('_')
}

#[test]
fn every_op_is_defined_as_tensorflow_defines_it() {
    let golden = golden();
    let registry = Registry::builtin();
    let mut wrong = Vec::new();
    let mut unknown = Vec::new();
    let mut compared = 0;
    for (ours, _) in registry.ops() {
        match golden.get(&ours.name) {
            Some(theirs) => {
                compared += 1;
                wrong.extend(
                    differences(ours, theirs)
                        .into_iter()
                        .map(|d| format!("{}: {d}", ours.name)),
                );
            }
            None if is_ours(&ours.name) => {}
            None => unknown.push(ours.name.clone()),
        }
    }
    assert!(
        unknown.is_empty(),
        "not in graph_defs/ops.pbtxt; run tests/interop/op_list.py, which should find {}",
        unknown.join(" ")
    );
    assert!(
        wrong.is_empty(),
        "{} differences:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(compared >= 100, "only {compared} ops were compared");
}

fn differences(ours: &OpSchema, theirs: &proto::OpDef) -> Vec<String> {
    let mut out = Vec::new();
    let mut compare = |what: &str, a: String, b: String| {
        if a != b {
            out.push(format!("{what}: ours {a}, TensorFlow's {b}"));
        }
    };
    compare("inputs", args(&ours.inputs), their_args(&theirs.input_arg));
    compare(
        "outputs",
        args(&ours.outputs),
        their_args(&theirs.output_arg),
    );
    let names = |l: Vec<&str>| l.join(",");
    compare(
        "attrs",
        names(ours.attrs.iter().map(|a| &a.name[..]).collect()),
        names(theirs.attr.iter().map(|a| &a.name[..]).collect()),
    );
    for (a, b) in ours.attrs.iter().zip(&theirs.attr) {
        compare(&format!("attr {}", a.name), attr(a), their_attr(b));
    }
    let f = ours.flags;
    compare(
        "stateful",
        f.stateful.to_string(),
        theirs.is_stateful.to_string(),
    );
    compare(
        "commutative",
        f.commutative.to_string(),
        theirs.is_commutative.to_string(),
    );
    compare(
        "aggregate",
        f.aggregate.to_string(),
        theirs.is_aggregate.to_string(),
    );
    compare(
        "allows_uninitialized_input",
        f.allows_uninitialized_input.to_string(),
        theirs.allows_uninitialized_input.to_string(),
    );
    out
}

fn args(list: &[ArgDef]) -> String {
    let one = |a: &ArgDef| {
        let ty = match &a.ty {
            ArgType::Fixed(d) => d.wire_name().to_string(),
            ArgType::Attr(name) => name.clone(),
            ArgType::List(name) => format!("list {name}"),
        };
        let number = a.number.as_ref().map_or(String::new(), |n| format!("{n}*"));
        format!(
            "{}:{}{number}{ty}",
            a.name,
            if a.is_ref { "ref " } else { "" }
        )
    };
    list.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn their_args(list: &[proto::op_def::ArgDef]) -> String {
    let one = |a: &proto::op_def::ArgDef| {
        let ty = if a.r#type != 0 {
            DType::from_number(a.r#type).map_or(a.r#type.to_string(), |d| d.wire_name().to_string())
        } else if !a.type_attr.is_empty() {
            a.type_attr.clone()
        } else {
            format!("list {}", a.type_list_attr)
        };
        let number = if a.number_attr.is_empty() {
            String::new()
        } else {
            format!("{}*", a.number_attr)
        };
        format!(
            "{}:{}{number}{ty}",
            a.name,
            if a.is_ref { "ref " } else { "" }
        )
    };
    list.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Quantized types are left out on both sides: no kernel computes on them.
fn types(list: impl Iterator<Item = DType>) -> String {
    use DType::*;
    let known: HashSet<DType> = list
        .filter(|d| !matches!(d, QI8 | QU8 | QI32 | QI16 | QU16))
        .collect();
    let mut names: Vec<&str> = known.into_iter().map(DType::name).collect();
    names.sort_unstable();
    format!("{{{}}}", names.join(","))
}

fn attr(a: &AttrDef) -> String {
    let mut out = a.kind.clone();
    if let Some(list) = &a.allowed_types {
        out += &types(list.iter().copied());
    }
    if let Some(list) = &a.allowed_strings {
        out += &format!("{list:?}");
    }
    if let Some(m) = a.minimum {
        out += &format!(">={m}");
    }
    if let Some(v) = &a.default {
        out += &format!("={}", value(v));
    }
    out
}

fn their_attr(a: &proto::op_def::AttrDef) -> String {
    let mut out = a.r#type.clone();
    if let Some(proto::attr_value::Value::List(l)) =
        a.allowed_values.as_ref().and_then(|v| v.value.as_ref())
    {
        if !l.r#type.is_empty() {
            out += &types(l.r#type.iter().filter_map(|n| DType::from_number(*n)));
        }
        if !l.s.is_empty() {
            let names: Vec<_> = l.s.iter().map(|s| String::from_utf8_lossy(s)).collect();
            out += &format!("{names:?}");
        }
    }
    if a.has_minimum {
        out += &format!(">={}", a.minimum);
    }
    if let Some(v) = &a.default_value {
        out += &format!("={}", value(&attr_from_proto(v.clone())));
    }
    out
}

/// A default in words. An unknown shape and a list that is empty look alike however they are held.
fn value(v: &AttrValue) -> String {
    match v {
        AttrValue::Shape(s) if *s == PartialShape::unknown() => "?".into(),
        AttrValue::BytesList(l) => format!(
            "{:?}",
            l.iter()
                .map(|s| String::from_utf8_lossy(s))
                .collect::<Vec<_>>()
        ),
        AttrValue::Bytes(s) => format!("{:?}", String::from_utf8_lossy(s)),
        v => format!("{v:?}"),
    }
}
