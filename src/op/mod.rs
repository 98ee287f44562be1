//! What an op is: its signature, attributes and shape function, as TensorFlow registers it.

mod attrs;
pub mod infer;
mod parse;
mod resolve;
mod shape_ctx;

pub use attrs::Attrs;
pub use resolve::{Signature, check_attrs, infer_attrs, signature};
pub use shape_ctx::{HandleData, ShapeCtx};

use crate::def::AttrValue;
use crate::dtype::DType;
use crate::error::Result;
use std::any::Any;
use std::sync::Arc;

/// Computes the output shapes of a node from what is known of its inputs.
pub type InferFn = fn(&mut ShapeCtx<'_>) -> Result<()>;

/// An op definition as it stands in an op's folder.
///
/// `signature` and `attrs` are written as TensorFlow's registry prints them:
///
/// * `"MaxPool(input:T) -> (output:T)"`; `values:N*T` is N tensors of one type, `components:Tcomponents` a
///   list whose types are the attribute `Tcomponents:list(type)`, `ref T` a reference to a variable;
/// * `"T:type{half,float}=float; ksize:list(int)>=4; padding:string{SAME,VALID}"`: name, kind, allowed
///   values, minimum (of a number, or of a list's length) and default; without a default it is required.
///   `{number}` and `{realnumber}` stand for TensorFlow's sets of those names.
#[derive(Clone, Copy)]
pub struct OpDef {
    /// Name, inputs and outputs.
    pub signature: &'static str,
    /// The attributes.
    pub attrs: &'static str,
    /// What the compiler may and may not do with the op.
    pub flags: Flags,
    /// The shape function.
    pub infer: InferFn,
}

/// Properties of an op.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Two runs may differ, or there are side effects: never folded, merged or dropped.
    pub stateful: bool,
    /// The inputs may be exchanged.
    pub commutative: bool,
    /// The op adds its inputs up.
    pub aggregate: bool,
    /// Reference inputs may be uninitialized.
    pub allows_uninitialized_input: bool,
}

impl Flags {
    /// A function of its inputs and attributes.
    pub const PURE: Flags = Flags {
        stateful: false,
        commutative: false,
        aggregate: false,
        allows_uninitialized_input: false,
    };
    /// An op with state or side effects.
    pub const STATEFUL: Flags = Flags {
        stateful: true,
        ..Flags::PURE
    };
    /// A function whose two inputs may be exchanged.
    pub const COMMUTATIVE: Flags = Flags {
        commutative: true,
        ..Flags::PURE
    };
    /// A commutative sum.
    pub const AGGREGATE: Flags = Flags {
        commutative: true,
        aggregate: true,
        ..Flags::PURE
    };
    /// An op that accepts uninitialized variables.
    pub const UNINITIALIZED_OK: Flags = Flags {
        allows_uninitialized_input: true,
        ..Flags::PURE
    };
}

/// An op definition taken apart.
#[derive(Clone)]
pub struct OpSchema {
    /// The op type.
    pub name: String,
    /// The input arguments.
    pub inputs: Vec<ArgDef>,
    /// The output arguments.
    pub outputs: Vec<ArgDef>,
    /// The attributes, in the order of TensorFlow's registry.
    pub attrs: Vec<AttrDef>,
    /// Its properties.
    pub flags: Flags,
    /// The shape function.
    pub infer: InferFn,
}

/// An input or output argument: one tensor, N of one type, or a list of several types.
#[derive(Clone, Debug, PartialEq)]
pub struct ArgDef {
    /// The argument's name.
    pub name: String,
    /// Where its type comes from.
    pub ty: ArgType,
    /// The attribute that says how many tensors there are.
    pub number: Option<String>,
    /// Whether it is a reference to a variable.
    pub is_ref: bool,
}

impl ArgDef {
    /// How many tensors the argument stands for in a node with these attributes.
    ///
    /// # Errors
    /// `InvalidArgument` when the attribute that says it is missing.
    pub fn length(&self, attrs: &Attrs) -> Result<usize> {
        match (&self.number, &self.ty) {
            (Some(n), _) => Ok(attrs.int(n)?.max(0) as usize),
            (None, ArgType::List(name)) => Ok(attrs.dtypes(name)?.len()),
            _ => Ok(1),
        }
    }
}

/// Where an argument's type comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum ArgType {
    /// Always this type.
    Fixed(DType),
    /// The type attribute of that name.
    Attr(String),
    /// The list(type) attribute of that name, one tensor for each.
    List(String),
}

/// An attribute of an op.
#[derive(Clone, Debug, PartialEq)]
pub struct AttrDef {
    /// The name.
    pub name: String,
    /// The kind, as in [`AttrValue::kind`].
    pub kind: String,
    /// The value where a node gives none.
    pub default: Option<AttrValue>,
    /// The types allowed.
    pub allowed_types: Option<Vec<DType>>,
    /// The strings allowed.
    pub allowed_strings: Option<Vec<String>>,
    /// The smallest number, or shortest list.
    pub minimum: Option<i64>,
}

impl OpSchema {
    /// Takes a definition apart.
    ///
    /// # Errors
    /// `InvalidArgument` when it is not well formed (a mistake of whoever wrote the op).
    pub fn parse(def: &OpDef) -> Result<OpSchema> {
        parse::parse(def)
    }
    /// The attribute of that name.
    pub fn attr(&self, name: &str) -> Option<&AttrDef> {
        self.attrs.iter().find(|a| a.name == name)
    }
}

impl std::fmt::Debug for OpSchema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpSchema")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Where a graph finds op definitions.
pub trait OpLookup: Send + Sync {
    /// The definition of an op type.
    fn schema(&self, op: &str) -> Option<&Arc<OpSchema>>;
    /// The lookup itself, for those who know its type (the registry).
    fn as_any(&self) -> &dyn Any;
}
