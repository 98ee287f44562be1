//! Functions of a graph's library.

use super::attr_codec::{nested, write_attr};
use super::codec::{delimited, read_node, write_node};
use super::kept::Spelled;
use super::tensor::Budget;
use super::{AttrValue, GraphDef, NodeDef};
use crate::error::{Error, Result};
use crate::proto::wire::Reader;
use crate::proto::{self, schema};
use prost::Message;
use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap, HashSet};

/// A function: a signature and a body. Inputs in the body are `arg`, `node:output:index` or `^node`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FunctionDef {
    /// Name, arguments, results and attributes.
    pub signature: proto::OpDef,
    /// The body.
    pub node: Vec<NodeDef>,
    /// From result to the body's `node:output:index`.
    pub ret: BTreeMap<String, String>,
    /// From control output to a node of the body.
    pub control_ret: BTreeMap<String, String>,
    /// Attributes of the function itself.
    pub attr: BTreeMap<String, AttrValue>,
    /// Attributes of arguments, by index.
    pub arg_attr: BTreeMap<u32, BTreeMap<String, AttrValue>>,
    /// What it was read from, written again as long as it means the same; leave it to `Default` for one of your own.
    pub kept: Spelled,
}

/// The functions of a graph, and what else its library says.
#[derive(Clone, Debug, Default)]
pub struct FunctionLibrary {
    /// The functions.
    pub functions: Vec<FunctionDef>,
    /// The gradients that the library declares, as whole fields.
    pub others: Vec<u8>,
}

impl GraphDef {
    /// The functions of the graph's library.
    ///
    /// # Errors
    /// `InvalidArgument` for a library that is malformed.
    pub fn functions(&self) -> Result<Vec<FunctionDef>> {
        self.library().map(|l| l.functions)
    }

    /// The graph's library.
    ///
    /// # Errors
    /// `InvalidArgument` for a library that is malformed.
    pub fn library(&self) -> Result<FunctionLibrary> {
        let bytes = self.kept.library()?;
        let mut library = FunctionLibrary::default();
        let mut reader = Reader::new(&bytes);
        let mut budget = Budget::new();
        while let Some(f) = reader.next_field()? {
            match f.number {
                1 => library
                    .functions
                    .push(read_function(delimited(&f)?, &mut budget)?),
                _ => library.others.extend_from_slice(f.whole),
            }
        }
        Ok(library)
    }

    /// Gives the graph this library in place of the one it has.
    ///
    /// # Errors
    /// `InvalidArgument` for attributes that cannot be written.
    pub fn set_library(&mut self, library: &FunctionLibrary) -> Result<()> {
        let mut out = Vec::new();
        for f in &library.functions {
            let bytes = f.to_pb()?;
            nested(&mut out, 1, |out| out.extend_from_slice(&bytes));
        }
        out.extend_from_slice(&library.others);
        self.kept.set_library(&out)
    }

    /// From function to the function that computes its gradient, as the library says.
    ///
    /// # Errors
    /// `InvalidArgument` for a library that is malformed.
    pub fn function_gradients(&self) -> Result<BTreeMap<String, String>> {
        let library: proto::FunctionDefLibrary =
            proto::decode("FunctionDefLibrary", &self.kept.library()?)?;
        Ok(library
            .gradient
            .into_iter()
            .map(|g| (g.function_name, g.gradient_func))
            .collect())
    }
}

fn read_function(bytes: &[u8], budget: &mut Budget) -> Result<FunctionDef> {
    let mut nodes = Vec::new();
    let mut rest = Vec::new();
    let mut reader = Reader::new(bytes);
    while let Some(f) = reader.next_field()? {
        match f.number {
            3 => nodes.push(read_node(delimited(&f)?, budget)?),
            _ => rest.extend_from_slice(f.whole),
        }
    }
    // The library's canonical form gives each map entry both key and value, so that prost loses nothing.
    let p: proto::FunctionDef = proto::decode(schema::FUNCTION_DEF.name, &rest)?;
    let mut attrs = |m: BTreeMap<String, proto::AttrValue>| -> BTreeMap<String, AttrValue> {
        m.into_iter()
            .map(|(k, v)| (k, super::attr_codec::from_proto(v, budget)))
            .collect()
    };
    Ok(FunctionDef {
        signature: p.signature.unwrap_or_default(),
        node: nodes,
        ret: p.ret,
        control_ret: p.control_ret,
        attr: attrs(p.attr),
        arg_attr: p
            .arg_attr
            .into_iter()
            .map(|(k, v)| (k, attrs(v.attr)))
            .collect(),
        kept: Spelled(bytes.to_vec()),
    })
}

fn attrs_to_proto(
    attrs: &BTreeMap<String, AttrValue>,
) -> Result<BTreeMap<String, proto::AttrValue>> {
    attrs
        .iter()
        .map(|(k, v)| {
            let mut bytes = Vec::new();
            write_attr(&mut bytes, v);
            Ok((k.clone(), proto::decode("AttrValue", &bytes)?))
        })
        .collect()
}

impl FunctionDef {
    /// The name.
    pub fn name(&self) -> &str {
        &self.signature.name
    }

    /// The wire form.
    ///
    /// # Errors
    /// `InvalidArgument` for attributes that cannot be written.
    pub fn to_pb(&self) -> Result<Vec<u8>> {
        if read_function(&self.kept.0, &mut Budget::new()).is_ok_and(|f| f == *self) {
            return Ok(self.kept.0.clone());
        }
        // Field 1 comes before the nodes, which are field 3, and the others after them.
        let first = proto::FunctionDef {
            signature: Some(self.signature.clone()),
            ..Default::default()
        };
        let last = proto::FunctionDef {
            ret: self.ret.clone(),
            control_ret: self.control_ret.clone(),
            attr: attrs_to_proto(&self.attr)?,
            arg_attr: self
                .arg_attr
                .iter()
                .map(|(k, v)| {
                    let attr = attrs_to_proto(v)?;
                    Ok((*k, proto::function_def::ArgAttrs { attr }))
                })
                .collect::<Result<_>>()?,
            ..Default::default()
        };
        let mut out = first.encode_to_vec();
        for n in &self.node {
            nested(&mut out, 3, |out| write_node(n, out));
        }
        out.extend_from_slice(&last.encode_to_vec());
        Ok(out)
    }

    /// Whether the function is sound in itself: names unique, inputs and results known, attributes declared.
    ///
    /// # Errors
    /// `InvalidArgument` that names the function and what is wrong with it.
    pub fn check(&self) -> Result<()> {
        self.check_parts()
            .map_err(|e| e.context(format!("Function '{}': ", self.name())))
    }

    fn check_parts(&self) -> Result<()> {
        let bad = |what: String| Err(Error::invalid_argument(what));
        if self.name().is_empty() {
            return bad("it has no name".into());
        }
        let mut attrs = HashSet::new();
        for a in &self.signature.attr {
            if !attrs.insert(a.name.as_str()) {
                return bad(format!("attr '{}' is declared twice", a.name));
            }
        }
        let mut names: HashSet<&str> = HashSet::new();
        for arg in &self.signature.input_arg {
            if arg.name.is_empty() || !names.insert(&arg.name) {
                return bad(format!("Duplicate or empty argument name '{}'", arg.name));
            }
        }
        for arg in self
            .signature
            .input_arg
            .iter()
            .chain(&self.signature.output_arg)
        {
            let given = [
                arg.r#type != 0,
                !arg.type_attr.is_empty(),
                !arg.type_list_attr.is_empty(),
            ];
            if given.into_iter().filter(|g| *g).count() != 1 {
                return bad(format!(
                    "argument '{}' must have exactly one of type, type_attr, type_list_attr",
                    arg.name
                ));
            }
            for attr in [&arg.type_attr, &arg.number_attr, &arg.type_list_attr] {
                if !attr.is_empty() && !attrs.contains(attr.as_str()) {
                    return bad(format!(
                        "argument '{}' uses the unknown attr '{attr}'",
                        arg.name
                    ));
                }
            }
        }
        let inputs = self.signature.input_arg.len();
        if let Some(i) = self.arg_attr.keys().find(|i| **i as usize >= inputs) {
            return bad(format!(
                "attributes for argument {i}, but there are {inputs} arguments"
            ));
        }
        for n in &self.node {
            if n.name.is_empty() || !names.insert(&n.name) {
                return bad(format!("Duplicate or empty node name '{}'", n.name));
            }
        }
        for n in &self.node {
            for input in &n.input {
                if !names.contains(producer(input)) {
                    return bad(format!("Node '{}': Unknown input '{input}'", n.name));
                }
            }
        }
        for out in &self.signature.output_arg {
            match self.ret.get(&out.name) {
                None => return bad(format!("Return '{}' missing", out.name)),
                Some(from) if !names.contains(producer(from)) => {
                    return bad(format!(
                        "Return '{}' comes from the unknown '{from}'",
                        out.name
                    ));
                }
                Some(_) => {}
            }
        }
        let outputs = self.signature.output_arg.iter().map(|o| &o.name);
        let outputs: HashSet<&String> = outputs.collect();
        if let Some(name) = self.ret.keys().find(|k| !outputs.contains(k)) {
            return bad(format!("Return '{name}' is no output"));
        }
        let nodes: HashSet<&String> = self.node.iter().map(|n| &n.name).collect();
        for out in &self.signature.control_output {
            match self.control_ret.get(out) {
                Some(node) if nodes.contains(node) => {}
                _ => return bad(format!("Control output '{out}' comes from no node")),
            }
        }
        Ok(())
    }
}

/// The argument or node that an input of a body names.
fn producer(input: &str) -> &str {
    let input = input.strip_prefix('^').unwrap_or(input);
    input.split(':').next().unwrap_or(input)
}

/// Checks each function, that names are unique, and that no function calls itself, directly or through others.
///
/// # Errors
/// `InvalidArgument` for the first of these that does not hold.
pub fn check_functions<F: Borrow<FunctionDef>>(functions: &[F]) -> Result<()> {
    let functions: Vec<&FunctionDef> = functions.iter().map(Borrow::borrow).collect();
    let mut index: HashMap<&str, usize> = HashMap::new();
    for (i, f) in functions.iter().enumerate() {
        f.check()?;
        if index.insert(f.name(), i).is_some() {
            return Err(Error::invalid_argument(format!(
                "Function '{}' is defined twice",
                f.name()
            )));
        }
    }
    let calls: Vec<Vec<usize>> = functions
        .iter()
        .map(|f| {
            let mut called = Vec::new();
            for n in &f.node {
                called.extend(index.get(n.op.as_str()).copied());
                n.attr
                    .values()
                    .for_each(|v| called_by(v, &index, &mut called));
            }
            called
        })
        .collect();
    // 0 new, 1 on the way, 2 done; the stack holds functions and how many of their calls were followed.
    let mut state = vec![0u8; functions.len()];
    for start in 0..functions.len() {
        if state[start] != 0 {
            continue;
        }
        state[start] = 1;
        let mut stack = vec![(start, 0)];
        while let Some((f, next)) = stack.last_mut() {
            match calls[*f].get(*next).copied() {
                None => {
                    state[*f] = 2;
                    stack.pop();
                }
                Some(callee) => {
                    *next += 1;
                    if state[callee] == 1 {
                        return Err(Error::invalid_argument(format!(
                            "Function '{}' calls itself, which is not allowed",
                            functions[callee].name()
                        )));
                    }
                    if state[callee] == 0 {
                        state[callee] = 1;
                        stack.push((callee, 0));
                    }
                }
            }
        }
    }
    Ok(())
}

fn called_by(v: &AttrValue, index: &HashMap<&str, usize>, called: &mut Vec<usize>) {
    let mut one = |name: &str, attrs: &BTreeMap<String, AttrValue>| {
        called.extend(index.get(name).copied());
        attrs.values().for_each(|v| called_by(v, index, called));
    };
    match v {
        AttrValue::Func(name, attrs) => one(name, attrs),
        AttrValue::FuncList(list) => list.iter().for_each(|(name, attrs)| one(name, attrs)),
        _ => {}
    }
}
