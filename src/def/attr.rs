//! Attribute values.

use super::InvalidAttr;
use crate::dtype::DType;
use crate::error::Result;
use crate::shape::PartialShape;
use crate::tensor::Tensor;
use std::collections::BTreeMap;

/// A type attribute's value: an element type, possibly by reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TypeRef {
    /// The element type.
    pub base: DType,
    /// Whether it is a reference to a variable of that type.
    pub is_ref: bool,
}

impl From<DType> for TypeRef {
    fn from(base: DType) -> TypeRef {
        TypeRef {
            base,
            is_ref: false,
        }
    }
}

/// The value of an attribute. Lists are homogeneous; an empty list has no kind.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum AttrValue {
    Bytes(Vec<u8>),
    Int(i64),
    Float(f32),
    Bool(bool),
    Type(DType),
    Shape(PartialShape),
    Tensor(Tensor),
    Func(String, BTreeMap<String, AttrValue>),
    Placeholder(String),
    EmptyList,
    BytesList(Vec<Vec<u8>>),
    IntList(Vec<i64>),
    FloatList(Vec<f32>),
    BoolList(Vec<bool>),
    TypeList(Vec<DType>),
    ShapeList(Vec<PartialShape>),
    TensorList(Vec<Tensor>),
    FuncList(Vec<(String, BTreeMap<String, AttrValue>)>),
    /// What a file holds but cannot be used; see [`AttrValue::check`].
    Invalid(Box<InvalidAttr>),
}

impl AttrValue {
    /// The kind as op definitions name it (`string`, `list(int)` …).
    pub fn kind(&self) -> &'static str {
        match self {
            AttrValue::Bytes(_) => "string",
            AttrValue::Int(_) => "int",
            AttrValue::Float(_) => "float",
            AttrValue::Bool(_) => "bool",
            AttrValue::Type(_) => "type",
            AttrValue::Shape(_) => "shape",
            AttrValue::Tensor(_) => "tensor",
            AttrValue::Func(..) => "func",
            AttrValue::Placeholder(_) => "placeholder",
            AttrValue::EmptyList => "list(any)",
            AttrValue::BytesList(_) => "list(string)",
            AttrValue::IntList(_) => "list(int)",
            AttrValue::FloatList(_) => "list(float)",
            AttrValue::BoolList(_) => "list(bool)",
            AttrValue::TypeList(_) => "list(type)",
            AttrValue::ShapeList(_) => "list(shape)",
            AttrValue::TensorList(_) => "list(tensor)",
            AttrValue::FuncList(_) => "list(func)",
            AttrValue::Invalid(v) => v.kind,
        }
    }

    /// Fails where a file gave something that cannot be used, be it deep inside a function's attributes.
    ///
    /// # Errors
    /// `InvalidArgument` (or `ResourceExhausted` for a tensor that is too large) that says what is wrong.
    pub fn check(&self) -> Result<()> {
        match self {
            AttrValue::Invalid(v) => Err(v.error.clone()),
            AttrValue::Func(_, attrs) => attrs.values().try_for_each(AttrValue::check),
            AttrValue::FuncList(list) => list
                .iter()
                .flat_map(|(_, attrs)| attrs.values())
                .try_for_each(AttrValue::check),
            _ => Ok(()),
        }
    }
}

impl PartialEq for AttrValue {
    /// Equality of value; tensors are equal when type, shape and bytes are, and floats by their bits.
    fn eq(&self, other: &AttrValue) -> bool {
        use AttrValue::*;
        match (self, other) {
            (Bytes(a), Bytes(b)) => a == b,
            (Int(a), Int(b)) => a == b,
            (Float(a), Float(b)) => a.to_bits() == b.to_bits(),
            (Bool(a), Bool(b)) => a == b,
            (Type(a), Type(b)) => a == b,
            (Shape(a), Shape(b)) => a == b,
            (Tensor(a), Tensor(b)) => same_tensor(a, b),
            (Func(a, x), Func(b, y)) => a == b && x == y,
            (Placeholder(a), Placeholder(b)) => a == b,
            (EmptyList, EmptyList) => true,
            (BytesList(a), BytesList(b)) => a == b,
            (IntList(a), IntList(b)) => a == b,
            (FloatList(a), FloatList(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.to_bits() == y.to_bits())
            }
            (BoolList(a), BoolList(b)) => a == b,
            (TypeList(a), TypeList(b)) => a == b,
            (ShapeList(a), ShapeList(b)) => a == b,
            (TensorList(a), TensorList(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(x, y)| same_tensor(x, y))
            }
            (FuncList(a), FuncList(b)) => a == b,
            (Invalid(a), Invalid(b)) => a == b,
            _ => false,
        }
    }
}

fn same_tensor(a: &Tensor, b: &Tensor) -> bool {
    a.dtype() == b.dtype()
        && a.shape() == b.shape()
        && match (a.bytes(), b.bytes()) {
            (Ok(x), Ok(y)) => x == y,
            _ => match (a.strings(), b.strings()) {
                (Ok(x), Ok(y)) => x == y,
                _ => matches!((a.handles(), b.handles()), (Ok(x), Ok(y)) if x == y),
            },
        }
}

macro_rules! attr_from {
    ($($t:ty => |$v:ident| $e:expr),* $(,)?) => { $(
        impl From<$t> for AttrValue {
            fn from($v: $t) -> AttrValue { $e }
        }
    )* };
}
attr_from! {
    i64 => |v| AttrValue::Int(v),
    i32 => |v| AttrValue::Int(v.into()),
    f32 => |v| AttrValue::Float(v),
    bool => |v| AttrValue::Bool(v),
    DType => |v| AttrValue::Type(v),
    PartialShape => |v| AttrValue::Shape(v),
    Tensor => |v| AttrValue::Tensor(v),
    &str => |v| AttrValue::Bytes(v.as_bytes().to_vec()),
    String => |v| AttrValue::Bytes(v.into_bytes()),
    &[i64] => |v| if v.is_empty() { AttrValue::EmptyList } else { AttrValue::IntList(v.to_vec()) },
    Vec<i64> => |v| if v.is_empty() { AttrValue::EmptyList } else { AttrValue::IntList(v) },
    Vec<f32> => |v| if v.is_empty() { AttrValue::EmptyList } else { AttrValue::FloatList(v) },
    Vec<DType> => |v| if v.is_empty() { AttrValue::EmptyList } else { AttrValue::TypeList(v) },
    Vec<PartialShape> => |v| if v.is_empty() { AttrValue::EmptyList } else { AttrValue::ShapeList(v) },
    Vec<String> => |v| if v.is_empty() { AttrValue::EmptyList } else {
        AttrValue::BytesList(v.into_iter().map(String::into_bytes).collect())
    },
}
impl<const N: usize> From<[i64; N]> for AttrValue {
    fn from(v: [i64; N]) -> AttrValue {
        AttrValue::from(&v[..])
    }
}
