//! From an op's definition and a node's attributes to concrete input and output types, and back.

use super::{ArgDef, ArgType, Attrs, OpSchema};
use crate::def::{AttrValue, TypeRef};
use crate::dtype::DType;
use crate::error::{Error, Result};

/// The concrete types of a node's inputs and outputs, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    /// One for each data input.
    pub inputs: Vec<TypeRef>,
    /// One for each output.
    pub outputs: Vec<TypeRef>,
}

/// The limit of tensors in one argument: more is a damaged file.
const MAX_ARG_LEN: i64 = 1 << 20;

/// How many tensors an argument stands for, and of which types.
fn expand(arg: &ArgDef, attrs: &Attrs, out: &mut Vec<TypeRef>) -> Result<()> {
    let count = match &arg.number {
        Some(n) => attrs.int(n)?,
        None => 1,
    };
    if !(0..=MAX_ARG_LEN).contains(&count) {
        return Err(Error::invalid_argument(format!(
            "argument '{}' cannot have {count} tensors",
            arg.name
        )));
    }
    let mut push = |base: DType| {
        out.push(TypeRef {
            base,
            is_ref: arg.is_ref,
        })
    };
    match &arg.ty {
        ArgType::Fixed(d) => (0..count).for_each(|_| push(*d)),
        ArgType::Attr(name) => {
            let d = attrs.dtype(name)?;
            (0..count).for_each(|_| push(d));
        }
        ArgType::List(name) => attrs.dtypes(name)?.iter().for_each(|d| push(*d)),
    }
    Ok(())
}

/// The concrete types of a node with these attributes.
///
/// # Errors
/// `InvalidArgument` when an attribute is missing or out of range.
pub fn signature(op: &OpSchema, attrs: &Attrs) -> Result<Signature> {
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    for a in &op.inputs {
        expand(a, attrs, &mut inputs)?;
    }
    for a in &op.outputs {
        expand(a, attrs, &mut outputs)?;
    }
    Ok(Signature { inputs, outputs })
}

/// Fills in the attributes that follow from the inputs (`args[i]` holds the types given for argument i), then
/// the defaults, and checks the result with [`check_attrs`].
///
/// # Errors
/// `InvalidArgument` when the inputs do not fit the signature.
pub fn infer_attrs(op: &OpSchema, args: &[Vec<DType>], attrs: &mut Attrs) -> Result<()> {
    if args.len() != op.inputs.len() {
        return Err(Error::invalid_argument(format!(
            "{} takes {} inputs but got {}",
            op.name,
            op.inputs.len(),
            args.len()
        )));
    }
    for (arg, types) in op.inputs.iter().zip(args) {
        infer_from(op, arg, types, attrs)?;
    }
    check_attrs(op, attrs)
}

/// Sets an attribute, or checks that it has that value already.
fn agree(
    attrs: &mut Attrs,
    name: &str,
    value: AttrValue,
    error: impl FnOnce() -> Error,
) -> Result<()> {
    match attrs.0.get(name) {
        None => {
            attrs.0.insert(name.to_string(), value);
            Ok(())
        }
        Some(v) if *v == value => Ok(()),
        Some(_) => Err(error()),
    }
}

fn infer_from(op: &OpSchema, arg: &ArgDef, types: &[DType], attrs: &mut Attrs) -> Result<()> {
    if let Some(n) = &arg.number {
        agree(attrs, n, AttrValue::Int(types.len() as i64), || {
            Error::invalid_argument(format!(
                "List argument '{}' to '{}' Op with length {} must match the length of other arguments (attr '{n}').",
                arg.name,
                op.name,
                types.len()
            ))
        })?;
    } else if !matches!(arg.ty, ArgType::List(_)) && types.len() != 1 {
        return Err(Error::invalid_argument(format!(
            "Input '{}' of '{}' Op takes one tensor but got {}",
            arg.name,
            op.name,
            types.len()
        )));
    }
    let mismatch = |got: DType, expected: String| {
        Error::invalid_argument(format!(
            "Input '{}' of '{}' Op has type {got} that does not match expected type of {expected}.",
            arg.name, op.name
        ))
    };
    match &arg.ty {
        ArgType::Fixed(d) => match types.iter().find(|t| *t != d) {
            Some(t) => Err(mismatch(*t, d.to_string())),
            None => Ok(()),
        },
        ArgType::Attr(name) => {
            for t in types {
                let expected = match attrs.0.get(name) {
                    Some(AttrValue::Type(d)) => d.to_string(),
                    _ => "a type".into(),
                };
                agree(attrs, name, AttrValue::Type(*t), || mismatch(*t, expected))?;
            }
            Ok(())
        }
        ArgType::List(name) => agree(attrs, name, AttrValue::from(types.to_vec()), || {
            Error::invalid_argument(format!(
                "Input '{}' of '{}' Op: the types of the inputs do not match attr '{name}'",
                arg.name, op.name
            ))
        }),
    }
}

/// Fills in defaults and checks kinds, allowed values and minima.
///
/// # Errors
/// `InvalidArgument`, worded as TensorFlow does.
pub fn check_attrs(op: &OpSchema, attrs: &mut Attrs) -> Result<()> {
    for def in &op.attrs {
        let Some(value) = attrs.0.get(&def.name) else {
            let Some(d) = &def.default else {
                return Err(Error::invalid_argument(format!(
                    "NodeDef missing attr '{}' from Op<name={}>",
                    def.name, op.name
                )));
            };
            attrs.0.insert(def.name.clone(), d.clone());
            continue;
        };
        let is_list = def.kind.starts_with("list(");
        if value.kind() != def.kind && !(is_list && matches!(value, AttrValue::EmptyList)) {
            return Err(Error::invalid_argument(format!(
                "AttrValue had value with type '{}' when '{}' expected for attr '{}'",
                value.kind(),
                def.kind,
                def.name
            )));
        }
        let not_allowed = |v: String, list: Vec<String>| {
            Err(Error::invalid_argument(format!(
                "Value for attr '{}' of {v} is not in the list of allowed values: {}",
                def.name,
                list.join(", ")
            )))
        };
        if let Some(allowed) = &def.allowed_types {
            let types: &[DType] = match value {
                AttrValue::Type(d) => std::slice::from_ref(d),
                AttrValue::TypeList(l) => l,
                _ => &[],
            };
            if let Some(d) = types.iter().find(|d| !allowed.contains(d)) {
                return not_allowed(
                    d.to_string(),
                    allowed.iter().map(DType::to_string).collect(),
                );
            }
        }
        if let (Some(allowed), AttrValue::Bytes(s)) = (&def.allowed_strings, value)
            && !allowed.iter().any(|a| a.as_bytes() == s.as_slice())
        {
            return not_allowed(
                format!("\"{}\"", String::from_utf8_lossy(s)),
                allowed.iter().map(|a| format!("\"{a}\"")).collect(),
            );
        }
        if let Some(minimum) = def.minimum {
            let (number, what) = match value {
                AttrValue::Int(v) => (*v, "Value"),
                AttrValue::EmptyList => (0, "Length"),
                AttrValue::BytesList(v) => (v.len() as i64, "Length"),
                AttrValue::IntList(v) => (v.len() as i64, "Length"),
                AttrValue::FloatList(v) => (v.len() as i64, "Length"),
                AttrValue::TypeList(v) => (v.len() as i64, "Length"),
                AttrValue::ShapeList(v) => (v.len() as i64, "Length"),
                _ => continue,
            };
            if number < minimum {
                return Err(Error::invalid_argument(format!(
                    "{what} for attr '{}' of {number} must be at least minimum {minimum}",
                    def.name
                )));
            }
        }
    }
    Ok(())
}
