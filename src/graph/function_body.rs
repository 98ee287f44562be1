//! The body of a function as nodes whose inputs are named as in a graph, its type parameters given.

use super::{Function, Graph};
use crate::def::{AttrValue, NodeDef};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::{Attrs, OpSchema, check_attrs, signature};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What a function's body is made of. Its tensors are `node:k`, its arguments' go by their names.
pub(crate) struct FunctionBody {
    /// The nodes, in the function's order.
    pub(crate) nodes: Vec<NodeDef>,
    /// What stands for the arguments.
    pub(crate) args: Vec<(String, DType)>,
    /// The tensors that are the results.
    pub(crate) rets: Vec<(String, DType)>,
    /// The nodes that a caller's control edges wait for.
    pub(crate) controls: Vec<String>,
}

/// Where an argument or a node of a body lies in the body's graph.
struct Place {
    /// The nodes of an argument, or the one node.
    names: Vec<String>,
    /// Of a node: for each output argument its name, first port and number of ports.
    outputs: Vec<(String, usize, usize)>,
    is_arg: bool,
}

impl Graph {
    /// The body of a function with these attributes.
    ///
    /// # Errors
    /// `InvalidArgument` for attributes that do not fit or inputs that do not exist, `NotFound` for an unknown op; the
    /// node at fault is one of the body.
    pub(crate) fn function_body(
        &self,
        function: &Function,
        given: &BTreeMap<String, AttrValue>,
    ) -> Result<FunctionBody> {
        let (def, schema) = (&function.def, &function.schema);
        let attrs = complete(schema, given)?;
        let mut places: HashMap<&str, Place> = HashMap::new();
        let mut taken: HashSet<String> = def.node.iter().map(|n| n.name.clone()).collect();
        taken.extend(schema.inputs.iter().map(|a| a.name.clone()));
        let types = signature(schema, &attrs)?;
        let (mut nodes, mut args) = (Vec::new(), Vec::new());
        for a in &schema.inputs {
            let mut names = Vec::new();
            for i in 0..a.length(&attrs)? {
                let mut name = a.name.clone();
                if a.length(&attrs)? > 1 {
                    name = format!("{name}_{i}");
                    while taken.contains(&name) {
                        name.push('_');
                    }
                    taken.insert(name.clone());
                }
                let ty = types.inputs.get(args.len()).map_or(DType::F32, |t| t.base);
                args.push((name.clone(), ty));
                names.push(name);
            }
            let (outputs, is_arg) = (Vec::new(), true);
            places.insert(
                &a.name,
                Place {
                    names,
                    outputs,
                    is_arg,
                },
            );
        }
        let mut own_attrs = Vec::new();
        for n in &def.node {
            let at = |e: Error| e.at_node(&n.name, &n.op);
            let schema = self.schema(&n.op).ok_or_else(|| {
            at(Error::not_found(format!(
                "Op type not registered '{}'. Make sure the Op and Kernel are registered in the binary running in this process.",
                n.op
            )))
        })?;
            let own = substitute(&n.attr, &attrs).map_err(at)?;
            let full = complete(&schema, &own).map_err(at)?;
            let (mut outputs, mut port) = (Vec::new(), 0);
            for o in &schema.outputs {
                let count = o.length(&full).map_err(at)?;
                outputs.push((o.name.clone(), port, count));
                port += count;
            }
            let (names, is_arg) = (vec![n.name.clone()], false);
            places.insert(
                &n.name,
                Place {
                    names,
                    outputs,
                    is_arg,
                },
            );
            own_attrs.push(own);
        }
        for (n, attr) in def.node.iter().zip(own_attrs) {
            let input = n
                .input
                .iter()
                .map(|text| match text.strip_prefix('^') {
                    Some(node) => Ok(format!("^{}", control(&places, node)?)),
                    None => one(outputs_of(&places, text)?, text),
                })
                .collect::<Result<Vec<String>>>()
                .map_err(|e| e.at_node(&n.name, &n.op))?;
            nodes.push(NodeDef {
                input,
                attr,
                ..n.clone()
            });
        }
        let mut rets = Vec::new();
        for a in &schema.outputs {
            let text = def.ret.get(&a.name).map_or("", String::as_str);
            let found = outputs_of(&places, text)?;
            let count = a.length(&attrs)?;
            if found.len() != count {
                return Err(Error::invalid_argument(format!(
                    "Return '{}' has {count} tensors but '{text}' has {}",
                    a.name,
                    found.len()
                )));
            }
            rets.extend(found);
        }
        let ret_types = types.outputs.iter().map(|t| t.base);
        let rets = rets.into_iter().zip(ret_types).collect();
        let known = |node: &&String| def.node.iter().any(|n| n.name == **node);
        let controls = def.signature.control_output.iter();
        let controls = controls.filter_map(|c| def.control_ret.get(c).filter(known));
        Ok(FunctionBody {
            nodes,
            args,
            rets,
            controls: controls.cloned().collect(),
        })
    }
}

/// The attributes that an op declares, defaults filled in.
fn complete(schema: &OpSchema, given: &BTreeMap<String, AttrValue>) -> Result<Attrs> {
    let mut attrs = Attrs(given.clone());
    attrs.0.retain(|name, _| schema.attr(name).is_some());
    check_attrs(schema, &mut attrs)?;
    signature(schema, &attrs)?;
    Ok(attrs)
}

/// Puts the values of a function's attributes where its body names them.
fn substitute(
    own: &BTreeMap<String, AttrValue>,
    given: &Attrs,
) -> Result<BTreeMap<String, AttrValue>> {
    let value = |v: &AttrValue| -> Result<AttrValue> {
        match v {
            AttrValue::Placeholder(name) => given.get(name).cloned(),
            AttrValue::Func(f, attrs) => Ok(AttrValue::Func(f.clone(), substitute(attrs, given)?)),
            AttrValue::FuncList(list) => Ok(AttrValue::FuncList(
                list.iter()
                    .map(|(f, attrs)| Ok((f.clone(), substitute(attrs, given)?)))
                    .collect::<Result<_>>()?,
            )),
            v => Ok(v.clone()),
        }
    };
    own.iter()
        .map(|(k, v)| Ok((k.clone(), value(v)?)))
        .collect()
}

fn control<'a>(places: &'a HashMap<&str, Place>, node: &str) -> Result<&'a str> {
    let place = places.get(node).and_then(|p| p.names.first());
    place
        .map(String::as_str)
        .ok_or_else(|| Error::invalid_argument(format!("Unknown input '^{node}'")))
}

fn one(mut names: Vec<String>, text: &str) -> Result<String> {
    match (names.pop(), names.len()) {
        (Some(name), 0) => Ok(name),
        _ => Err(Error::invalid_argument(format!(
            "input '{text}' is not one tensor"
        ))),
    }
}

/// The tensors of the body's graph that `argument`, `argument:index`, `node:output` or `node:output:index` names.
fn outputs_of(places: &HashMap<&str, Place>, text: &str) -> Result<Vec<String>> {
    let bad = || Error::invalid_argument(format!("Unknown input '{text}'"));
    let mut parts = text.split(':');
    let place = parts.next().and_then(|n| places.get(n)).ok_or_else(bad)?;
    let (a, b) = (parts.next(), parts.next());
    if parts.next().is_some() {
        return Err(bad());
    }
    let number = |s: &str| s.parse::<u32>().ok().map(|n| n as usize);
    if place.is_arg {
        return match b.or(a) {
            None => Ok(place.names.clone()),
            Some(i) => {
                let name = number(i).and_then(|i| place.names.get(i));
                Ok(vec![name.ok_or_else(bad)?.clone()])
            }
        };
    }
    let node = place.names.first().ok_or_else(bad)?;
    let ports = match (a, b) {
        (None, _) => place.outputs.first().map(|(_, port, n)| *port..*port + *n),
        (Some(out), index) => {
            let found = place.outputs.iter().find(|(name, _, _)| name == out);
            let range = found.map(|(_, port, n)| *port..*port + *n);
            match index {
                None => range,
                Some(i) => {
                    let port = range.zip(number(i)).and_then(|(mut r, i)| r.nth(i));
                    port.map(|p| p..p + 1)
                }
            }
        }
    };
    Ok(ports
        .ok_or_else(bad)?
        .map(|p| format!("{node}:{p}"))
        .collect())
}
