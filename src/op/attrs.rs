//! A node's attributes with typed access.

use crate::def::AttrValue;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::shape::PartialShape;
use crate::tensor::Tensor;
use std::collections::BTreeMap;

/// The attributes of a node, defaults filled in.
///
/// Each typed accessor fails with `InvalidArgument` when the attribute is missing or of another kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attrs(pub BTreeMap<String, AttrValue>);

fn wrong<T>(name: &str, v: &AttrValue, kind: &str) -> Result<T> {
    Err(Error::invalid_argument(format!(
        "AttrValue had value with type '{}' when '{kind}' expected for attr '{name}'",
        v.kind()
    )))
}

impl Attrs {
    /// The value of an attribute.
    ///
    /// # Errors
    /// `InvalidArgument` when the node has no such attribute.
    pub fn get(&self, name: &str) -> Result<&AttrValue> {
        self.0
            .get(name)
            .ok_or_else(|| Error::invalid_argument(format!("NodeDef missing attr '{name}'")))
    }
    /// An int.
    pub fn int(&self, name: &str) -> Result<i64> {
        match self.get(name)? {
            AttrValue::Int(v) => Ok(*v),
            v => wrong(name, v, "int"),
        }
    }
    /// A float.
    pub fn float(&self, name: &str) -> Result<f32> {
        match self.get(name)? {
            AttrValue::Float(v) => Ok(*v),
            v => wrong(name, v, "float"),
        }
    }
    /// A bool.
    pub fn bool(&self, name: &str) -> Result<bool> {
        match self.get(name)? {
            AttrValue::Bool(v) => Ok(*v),
            v => wrong(name, v, "bool"),
        }
    }
    /// A string's bytes.
    pub fn bytes(&self, name: &str) -> Result<&[u8]> {
        match self.get(name)? {
            AttrValue::Bytes(v) => Ok(v),
            v => wrong(name, v, "string"),
        }
    }
    /// A string; `InvalidArgument` also when it is not UTF-8.
    pub fn str(&self, name: &str) -> Result<&str> {
        std::str::from_utf8(self.bytes(name)?)
            .map_err(|_| Error::invalid_argument(format!("attr '{name}' is not valid UTF-8")))
    }
    /// An element type.
    pub fn dtype(&self, name: &str) -> Result<DType> {
        match self.get(name)? {
            AttrValue::Type(v) => Ok(*v),
            v => wrong(name, v, "type"),
        }
    }
    /// A shape.
    pub fn shape(&self, name: &str) -> Result<&PartialShape> {
        match self.get(name)? {
            AttrValue::Shape(v) => Ok(v),
            v => wrong(name, v, "shape"),
        }
    }
    /// A tensor.
    pub fn tensor(&self, name: &str) -> Result<&Tensor> {
        match self.get(name)? {
            AttrValue::Tensor(v) => Ok(v),
            v => wrong(name, v, "tensor"),
        }
    }
    /// A list of ints.
    pub fn ints(&self, name: &str) -> Result<&[i64]> {
        match self.get(name)? {
            AttrValue::IntList(v) => Ok(v),
            AttrValue::EmptyList => Ok(&[]),
            v => wrong(name, v, "list(int)"),
        }
    }
    /// A list of ints that all fit 32 bits, as TensorFlow's kernels for windows read them.
    pub fn int32s(&self, name: &str) -> Result<&[i64]> {
        let list = self.ints(name)?;
        match list.iter().find(|v| i32::try_from(**v).is_err()) {
            Some(v) => Err(Error::invalid_argument(format!(
                "Attr {name} has value {v} out of range for an int32"
            ))),
            None => Ok(list),
        }
    }
    /// A list of element types.
    pub fn dtypes(&self, name: &str) -> Result<&[DType]> {
        match self.get(name)? {
            AttrValue::TypeList(v) => Ok(v),
            AttrValue::EmptyList => Ok(&[]),
            v => wrong(name, v, "list(type)"),
        }
    }
    /// A list of shapes.
    pub fn shapes(&self, name: &str) -> Result<&[PartialShape]> {
        match self.get(name)? {
            AttrValue::ShapeList(v) => Ok(v),
            AttrValue::EmptyList => Ok(&[]),
            v => wrong(name, v, "list(shape)"),
        }
    }
    /// A list of strings.
    pub fn strings(&self, name: &str) -> Result<&[Vec<u8>]> {
        match self.get(name)? {
            AttrValue::BytesList(v) => Ok(v),
            AttrValue::EmptyList => Ok(&[]),
            v => wrong(name, v, "list(string)"),
        }
    }
}
