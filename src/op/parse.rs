//! Parsing of op signatures and attribute lists.

use super::{ArgDef, ArgType, AttrDef, OpDef, OpSchema};
use crate::def::AttrValue;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::shape::PartialShape;
use crate::tensor::Tensor;

/// TensorFlow's `number` set, in its order.
const NUMBER: &str = "float,double,int32,uint8,int16,int8,complex64,int64,qint8,quint8,qint32,bfloat16,qint16,quint16,uint16,complex128,half,uint32,uint64";
/// TensorFlow's `realnumber` set, in its order.
const REALNUMBER: &str =
    "float,double,int32,uint8,int16,int8,int64,bfloat16,uint16,half,uint32,uint64";

pub(super) fn parse(def: &OpDef) -> Result<OpSchema> {
    let bad =
        |what: &str| Error::invalid_argument(format!("op definition '{}': {what}", def.signature));
    let (head, outputs) = def
        .signature
        .split_once("->")
        .ok_or_else(|| bad("no '->'"))?;
    let (name, inputs) = head.split_once('(').ok_or_else(|| bad("no '('"))?;
    let attrs: Vec<AttrDef> = split(def.attrs, ';')
        .into_iter()
        .map(|a| parse_attr(a).ok_or_else(|| bad(&format!("attribute '{a}'"))))
        .collect::<Result<_>>()?;
    let arguments = |text: &str| -> Result<Vec<ArgDef>> {
        let text = text.trim().trim_start_matches('(').trim_end_matches(')');
        split(text, ',')
            .into_iter()
            .map(|a| parse_arg(a, &attrs).ok_or_else(|| bad(&format!("argument '{a}'"))))
            .collect()
    };
    Ok(OpSchema {
        name: name.trim().to_string(),
        inputs: arguments(inputs)?,
        outputs: arguments(outputs)?,
        attrs: attrs.clone(),
        flags: def.flags,
        infer: def.infer,
    })
}

/// Splits at a separator outside of brackets and quotes; empty text gives no parts.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut depth, mut quoted, mut start) = (Vec::new(), 0, false, 0);
    for (i, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '[' | '{' | '(' if !quoted => depth += 1,
            ']' | '}' | ')' if !quoted => depth -= 1,
            c if c == separator && depth == 0 && !quoted => {
                parts.push(text[start..i].trim());
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts.retain(|p| !p.is_empty());
    parts
}

fn parse_arg(text: &str, attrs: &[AttrDef]) -> Option<ArgDef> {
    let (name, ty) = text.split_once(':')?;
    let ty = ty.trim();
    let (is_ref, ty) = match ty.strip_prefix("ref ") {
        Some(rest) => (true, rest.trim()),
        None => (false, ty),
    };
    let (number, ty) = match ty.split_once('*') {
        Some((n, t)) => (Some(n.trim().to_string()), t.trim()),
        None => (None, ty),
    };
    let ty = match attrs.iter().find(|a| a.name == ty) {
        Some(a) if a.kind == "type" => ArgType::Attr(ty.to_string()),
        Some(a) if a.kind == "list(type)" => ArgType::List(ty.to_string()),
        Some(_) => return None,
        None => ArgType::Fixed(DType::from_name(ty)?),
    };
    if let Some(n) = &number {
        attrs.iter().find(|a| a.name == *n && a.kind == "int")?;
    }
    Some(ArgDef {
        name: name.trim().to_string(),
        ty,
        number,
        is_ref,
    })
}

fn parse_attr(text: &str) -> Option<AttrDef> {
    let (name, rest) = text.split_once(':')?;
    let kind_end = match rest.strip_prefix("list(") {
        Some(r) => "list(".len() + r.find(')')? + 1,
        None => rest.find(['{', '=', '>']).unwrap_or(rest.len()),
    };
    let (kind, mut rest) = rest.split_at(kind_end);
    let kind = kind.trim().to_string();
    let (mut allowed_types, mut allowed_strings) = (None, None);
    if let Some(inner) = rest.strip_prefix('{') {
        let end = inner.find('}')?;
        let list = &inner[..end];
        if kind.contains("type") {
            let list = match list {
                "number" => NUMBER,
                "realnumber" => REALNUMBER,
                l => l,
            };
            let mut types: Vec<DType> = Vec::new();
            for t in list.split(',') {
                let t = DType::from_name(t.trim())?;
                if !types.contains(&t) {
                    types.push(t);
                }
            }
            allowed_types = Some(types);
        } else {
            allowed_strings = Some(list.split(',').map(|s| s.trim().to_string()).collect());
        }
        rest = &inner[end + 1..];
    }
    let mut minimum = None;
    if let Some(r) = rest.strip_prefix(">=") {
        let end = r.find('=').unwrap_or(r.len());
        minimum = Some(r[..end].trim().parse().ok()?);
        rest = &r[end..];
    }
    let default = match rest.strip_prefix('=') {
        Some(text) => Some(parse_default(&kind, text.trim())?),
        None if rest.is_empty() => None,
        None => return None,
    };
    Some(AttrDef {
        name: name.trim().to_string(),
        kind,
        default,
        allowed_types,
        allowed_strings,
        minimum,
    })
}

fn parse_default(kind: &str, text: &str) -> Option<AttrValue> {
    let items =
        || -> Option<Vec<&str>> { Some(split(text.strip_prefix('[')?.strip_suffix(']')?, ',')) };
    Some(match kind {
        "string" => AttrValue::from(text.trim_matches('"')),
        "int" => AttrValue::Int(text.parse().ok()?),
        "float" => AttrValue::Float(text.parse().ok()?),
        "bool" => AttrValue::Bool(text.parse().ok()?),
        "type" => AttrValue::Type(DType::from_name(text)?),
        "shape" if text == "?" => AttrValue::Shape(PartialShape::unknown()),
        // The only tensor default among the ops: ImageSummary's bad_color.
        "tensor" => {
            let values: Option<Vec<u8>> = items()?.iter().map(|v| v.parse().ok()).collect();
            AttrValue::Tensor(Tensor::from(values?))
        }
        "list(int)" => {
            let v: Option<Vec<i64>> = items()?.iter().map(|v| v.parse().ok()).collect();
            AttrValue::from(v?)
        }
        "list(float)" => {
            let v: Option<Vec<f32>> = items()?.iter().map(|v| v.parse().ok()).collect();
            AttrValue::from(v?)
        }
        "list(type)" => {
            let v: Option<Vec<DType>> = items()?.iter().map(|v| DType::from_name(v)).collect();
            AttrValue::from(v?)
        }
        k if k.starts_with("list(") && items()?.is_empty() => AttrValue::EmptyList,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Flags, infer};
    use super::*;

    fn schema(signature: &'static str, attrs: &'static str) -> OpSchema {
        parse(&OpDef {
            signature,
            attrs,
            flags: Flags::PURE,
            infer: infer::unknown,
        })
        .unwrap()
    }

    #[test]
    fn signatures_of_every_form() {
        let s = schema(
            "ConcatV2(values:N*T, axis:Tidx) -> (output:T)",
            "N:int>=2; T:type; Tidx:type{int32,int64}=int32",
        );
        assert_eq!(s.name, "ConcatV2");
        assert_eq!(s.inputs[0].number.as_deref(), Some("N"));
        assert_eq!(s.attrs[0].minimum, Some(2));
        assert_eq!(s.attrs[2].default, Some(AttrValue::Type(DType::I32)));
        let s = schema(
            "MaxPool(input:T) -> (output:T)",
            "T:type{half,float}=float; ksize:list(int)>=4; padding:string{SAME,VALID}; dilations:list(int)=[1,1,1,1]; data_format:string{NHWC,NCHW}=\"NHWC\"",
        );
        assert_eq!(s.attr("ksize").unwrap().minimum, Some(4));
        assert_eq!(
            s.attr("dilations").unwrap().default,
            Some(AttrValue::IntList(vec![1; 4]))
        );
        assert_eq!(
            s.attr("data_format").unwrap().default,
            Some(AttrValue::from("NHWC"))
        );
        let s = schema("NoOp() -> ()", "");
        assert!(s.inputs.is_empty() && s.outputs.is_empty());
        let s = schema(
            "Assign(ref:ref T, value:T) -> (output_ref:ref T)",
            "T:type; use_locking:bool=true",
        );
        assert!(s.inputs[0].is_ref && !s.inputs[1].is_ref && s.outputs[0].is_ref);
        let s = schema(
            "X(a:Tin) -> ()",
            "Tin:list(type)>=0=[]; s:shape=?; m:string=\"\"; n:string{,a;b,c}=\"a;b\"",
        );
        assert_eq!(s.inputs[0].ty, ArgType::List("Tin".into()));
        assert_eq!(
            s.attr("n").unwrap().allowed_strings.as_ref().unwrap().len(),
            3
        );
    }
}
