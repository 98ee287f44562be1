//! The body of a function, its type parameters given: a graph of its own, from which calls are copied.

use crate::def::{AttrValue, GRAPH_VERSION, GraphDef, NodeDef, VersionDef};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Endpoint, Function, Graph, ImportOptions, Node, NodeId};
use crate::op::{ArgDef, ArgType, Attrs, OpSchema, check_attrs, signature};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// A function's body. The numbers of its nodes are its own.
pub(super) struct Body {
    /// What runs, in an order in which inputs come first.
    pub(super) nodes: Vec<Arc<Node>>,
    /// The nodes that stand for the arguments.
    pub(super) args: Vec<NodeId>,
    pub(super) arg_types: Vec<DType>,
    pub(super) rets: Vec<Endpoint>,
    pub(super) ret_types: Vec<DType>,
    /// What a caller's control edges wait for.
    pub(super) controls: Vec<NodeId>,
    /// What runs for its effects, whether or not its results are wanted.
    pub(super) effects: Vec<NodeId>,
}

/// Where an argument or a node of a body lies in the body's graph.
struct Place {
    /// The nodes of an argument, or the one node.
    names: Vec<String>,
    /// Of a node: for each output argument its name, first port and number of ports.
    outputs: Vec<(String, usize, usize)>,
    is_arg: bool,
}

/// The body of a function with these attributes.
///
/// # Errors
/// `InvalidArgument` for attributes that do not fit or inputs that do not exist, `NotFound` for an unknown op; the
/// node at fault is one of the body.
pub(super) fn instantiate(
    graph: &Graph,
    function: &Function,
    given: &BTreeMap<String, AttrValue>,
) -> Result<Body> {
    let (def, schema) = (&function.def, &function.schema);
    let attrs = complete(schema, given)?;
    let mut places: HashMap<&str, Place> = HashMap::new();
    let mut taken: HashSet<String> = def.node.iter().map(|n| n.name.clone()).collect();
    taken.extend(schema.inputs.iter().map(|a| a.name.clone()));
    let types = signature(schema, &attrs)?;
    let (mut nodes, mut arg_names) = (Vec::new(), Vec::new());
    for a in &schema.inputs {
        let mut names = Vec::new();
        for i in 0..length(a, &attrs)? {
            let mut name = a.name.clone();
            if length(a, &attrs)? > 1 {
                name = format!("{name}_{i}");
                while taken.contains(&name) {
                    name.push('_');
                }
                taken.insert(name.clone());
            }
            let ty = types
                .inputs
                .get(arg_names.len())
                .map_or(DType::F32, |t| t.base);
            nodes.push(argument(&name, arg_names.len(), ty));
            arg_names.push(name.clone());
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
        let schema = graph.schema(&n.op).ok_or_else(|| {
            at(Error::not_found(format!(
                "Op type not registered '{}'. Make sure the Op and Kernel are registered in the binary running in this process.",
                n.op
            )))
        })?;
        let own = substitute(&n.attr, &attrs).map_err(at)?;
        let full = complete(&schema, &own).map_err(at)?;
        let (mut outputs, mut port) = (Vec::new(), 0);
        for o in &schema.outputs {
            let count = length(o, &full).map_err(at)?;
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
    let body = graph.sibling();
    let versions = VersionDef {
        producer: GRAPH_VERSION,
        ..VersionDef::default()
    };
    let whole = GraphDef {
        node: nodes,
        versions,
        ..GraphDef::default()
    };
    let options = ImportOptions {
        partial: true,
        ..ImportOptions::default()
    };
    body.import(&whole, &options)?;
    let mut rets = Vec::new();
    for a in &schema.outputs {
        let text = def.ret.get(&a.name).map_or("", String::as_str);
        let found = outputs_of(&places, text)?;
        let count = length(a, &attrs)?;
        if found.len() != count {
            return Err(Error::invalid_argument(format!(
                "Return '{}' has {count} tensors but '{text}' has {}",
                a.name,
                found.len()
            )));
        }
        for name in found {
            rets.push(body.output(&name)?.endpoint());
        }
    }
    let id = |name: &str| body.find(name).map(|n| n.id());
    let args = arg_names.iter().filter_map(|n| id(n)).collect();
    let controls: Vec<NodeId> = def
        .signature
        .control_output
        .iter()
        .filter_map(|c| def.control_ret.get(c).and_then(|n| id(n)))
        .collect();
    let ret_types: Vec<DType> = types.outputs.iter().map(|t| t.base).collect();
    let nodes = body.nodes();
    for (e, want) in rets.iter().zip(&ret_types) {
        let got = nodes[e.node.number()].outputs[e.port as usize].base;
        if got != *want {
            return Err(Error::invalid_argument(format!(
                "a result declared as {want} has type {got}"
            )));
        }
    }
    finish(
        &body,
        nodes,
        args,
        types.inputs.iter().map(|t| t.base).collect(),
        rets,
        ret_types,
        controls,
    )
}

/// Leaves only what a call needs: what leads to results, and what has effects.
fn finish(
    graph: &Graph,
    nodes: Vec<Arc<Node>>,
    args: Vec<NodeId>,
    arg_types: Vec<DType>,
    rets: Vec<Endpoint>,
    ret_types: Vec<DType>,
    controls: Vec<NodeId>,
) -> Result<Body> {
    let library = graph.library();
    let has_effect = |n: &Node| {
        n.op.flags.stateful && !matches!(n.op.name.as_str(), "_Arg" | "VarHandleOp" | "Placeholder")
    };
    let mut needed = vec![false; nodes.len()];
    let mut stack: Vec<NodeId> = rets.iter().map(|e| e.node).collect();
    stack.extend(&controls);
    let stateful: Vec<NodeId> = nodes
        .iter()
        .filter(|n| has_effect(n))
        .map(|n| n.id)
        .collect();
    stack.extend(&stateful);
    while let Some(id) = stack.pop() {
        if !std::mem::replace(&mut needed[id.number()], true) {
            let n = &nodes[id.number()];
            stack.extend(n.inputs.iter().map(|e| e.node));
            stack.extend(&n.controls);
        }
    }
    // A call within has effects through what it calls.
    let effects = stateful
        .into_iter()
        .chain(controls.iter().copied())
        .filter(|id| !super::is_call(&library, graph, &nodes[id.number()]))
        .collect();
    Ok(Body {
        nodes: nodes
            .into_iter()
            .filter(|n| needed[n.id.number()])
            .collect(),
        args,
        arg_types,
        rets,
        ret_types,
        controls,
        effects,
    })
}

/// The attributes that an op declares, defaults filled in.
fn complete(schema: &OpSchema, given: &BTreeMap<String, AttrValue>) -> Result<Attrs> {
    let mut attrs = Attrs(given.clone());
    attrs.0.retain(|name, _| schema.attr(name).is_some());
    check_attrs(schema, &mut attrs)?;
    signature(schema, &attrs)?;
    Ok(attrs)
}

/// How many tensors an argument stands for ([`signature`] has checked the number).
fn length(a: &ArgDef, attrs: &Attrs) -> Result<usize> {
    match (&a.number, &a.ty) {
        (Some(n), _) => Ok(attrs.int(n)?.max(0) as usize),
        (None, ArgType::List(name)) => Ok(attrs.dtypes(name)?.len()),
        _ => Ok(1),
    }
}

fn argument(name: &str, index: usize, ty: DType) -> NodeDef {
    let attr = [
        ("T", AttrValue::Type(ty)),
        ("index", AttrValue::Int(index as i64)),
    ];
    NodeDef {
        name: name.to_string(),
        op: "_Arg".into(),
        attr: attr.into_iter().map(|(k, v)| (k.to_string(), v)).collect(),
        ..NodeDef::default()
    }
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
