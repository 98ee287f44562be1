//! The functions of a graph: what its call nodes run, kept through import and export.

use super::{Graph, State};
use crate::def::{AttrValue, FunctionDef, FunctionLibrary, attr_from_proto, check_functions};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::{ArgDef, ArgType, AttrDef, Flags, OpSchema, infer};
use crate::proto;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The oldest reader that knows functions.
const FUNCTIONS_MIN_CONSUMER: i32 = 12;

/// A function of a graph.
#[derive(Debug)]
pub struct Function {
    /// Its definition.
    pub def: FunctionDef,
    /// Its signature as that of an op: a node whose op is the function's name calls it.
    pub schema: Arc<OpSchema>,
}

/// The functions of a graph by name, and what else a file's library said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Library {
    functions: BTreeMap<String, Arc<Function>>,
    others: Vec<u8>,
}

impl Library {
    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Function>> {
        self.functions.get(name)
    }

    /// Adds functions; one that is there already may come again.
    pub(crate) fn add(&mut self, library: FunctionLibrary) -> Result<()> {
        if library.functions.is_empty() && library.others.is_empty() {
            return Ok(());
        }
        let before = self.functions.len();
        for def in library.functions {
            match self.functions.get(def.name()) {
                Some(f) if f.def == def => continue,
                Some(_) => {
                    return Err(Error::invalid_argument(format!(
                        "Cannot add function '{}' because a different function with the same name already exists.",
                        def.name()
                    )));
                }
                None => {}
            }
            let schema =
                schema(&def).map_err(|e| e.context(format!("Function '{}': ", def.name())))?;
            let name = def.name().to_string();
            let schema = Arc::new(schema);
            self.functions
                .insert(name, Arc::new(Function { def, schema }));
        }
        if self.functions.len() > before {
            let all: Vec<&FunctionDef> = self.functions.values().map(|f| &f.def).collect();
            check_functions(&all)?;
        }
        if !self.others.ends_with(&library.others) {
            self.others.extend_from_slice(&library.others);
        }
        Ok(())
    }

    pub(crate) fn export(&self) -> FunctionLibrary {
        FunctionLibrary {
            functions: self.functions.values().map(|f| f.def.clone()).collect(),
            others: self.others.clone(),
        }
    }
}

impl State {
    pub(crate) fn set_library(&mut self, library: Arc<Library>) {
        if !Arc::ptr_eq(&self.library, &library) {
            if !library.functions.is_empty() {
                let least = &mut self.versions.min_consumer;
                *least = FUNCTIONS_MIN_CONSUMER.max(*least);
            }
            self.library = library;
            self.changes += 1;
        }
    }
}

impl Graph {
    /// Adds a function, which nodes may then call: by an op of its name, or by its name in an attribute.
    ///
    /// # Errors
    /// `InvalidArgument` for one that is not sound, has the name of a different one, or would make functions call
    /// themselves.
    pub fn add_function(&self, def: FunctionDef) -> Result<()> {
        let mut state = self.state();
        let mut library = (*state.library).clone();
        library.add(FunctionLibrary {
            functions: vec![def],
            ..FunctionLibrary::default()
        })?;
        state.set_library(Arc::new(library));
        Ok(())
    }
    /// The function of that name.
    pub fn function(&self, name: &str) -> Option<Arc<Function>> {
        self.state().library.get(name).cloned()
    }
    /// All functions, sorted by name.
    pub fn functions(&self) -> Vec<Arc<Function>> {
        self.state().library.functions.values().cloned().collect()
    }
    /// The definition of an op, or the signature of the function of that name.
    pub fn schema(&self, op: &str) -> Option<Arc<OpSchema>> {
        let known = self.ops().schema(op).cloned();
        known.or_else(|| self.function(op).map(|f| f.schema.clone()))
    }
    pub(crate) fn library(&self) -> Arc<Library> {
        self.state().library.clone()
    }
    /// An empty graph over the same ops and functions.
    pub(crate) fn sibling(&self) -> Graph {
        let new = Graph::with_ops(self.ops().clone());
        let library = self.state().library.clone();
        new.state().library = library;
        new
    }
}

/// A function's signature as that of an op. Its shapes are not known from outside.
fn schema(def: &FunctionDef) -> Result<OpSchema> {
    let s = &def.signature;
    let args =
        |list: &[proto::op_def::ArgDef]| list.iter().map(argument).collect::<Result<Vec<_>>>();
    Ok(OpSchema {
        name: s.name.clone(),
        inputs: args(&s.input_arg)?,
        outputs: args(&s.output_arg)?,
        attrs: s.attr.iter().map(attribute).collect::<Result<_>>()?,
        flags: Flags {
            stateful: s.is_stateful,
            ..Flags::PURE
        },
        infer: infer::unknown,
    })
}

fn argument(a: &proto::op_def::ArgDef) -> Result<ArgDef> {
    let ty = if !a.type_list_attr.is_empty() {
        ArgType::List(a.type_list_attr.clone())
    } else if !a.type_attr.is_empty() {
        ArgType::Attr(a.type_attr.clone())
    } else {
        let known = DType::from_number(a.r#type);
        ArgType::Fixed(known.ok_or_else(|| {
            Error::invalid_argument(format!("argument '{}' has no valid type", a.name))
        })?)
    };
    Ok(ArgDef {
        name: a.name.clone(),
        ty,
        number: (!a.number_attr.is_empty()).then(|| a.number_attr.clone()),
        is_ref: a.is_ref,
    })
}

fn attribute(a: &proto::op_def::AttrDef) -> Result<AttrDef> {
    let default = a.default_value.clone().map(attr_from_proto);
    if let Some(d) = &default {
        d.check()
            .map_err(|e| e.context(format!("attr '{}': ", a.name)))?;
    }
    let allowed = a.allowed_values.clone().map(attr_from_proto);
    Ok(AttrDef {
        name: a.name.clone(),
        kind: a.r#type.clone(),
        default,
        allowed_types: match &allowed {
            Some(AttrValue::TypeList(l)) => Some(l.clone()),
            _ => None,
        },
        allowed_strings: match &allowed {
            Some(AttrValue::BytesList(l)) => Some(
                l.iter()
                    .map(|s| String::from_utf8_lossy(s).into_owned())
                    .collect(),
            ),
            _ => None,
        },
        minimum: a.has_minimum.then_some(a.minimum),
    })
}
