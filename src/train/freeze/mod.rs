//! Freezing: a graph in which the variables have become constants, pruned to its outputs.

mod body;
mod call;
mod convert;
#[cfg(test)]
mod tests;

use crate::def::{AttrValue, GraphDef, InputRef, NodeDef};
use crate::error::{Error, Result};
use crate::graph::{Graph, Output};
use crate::registry::Registry;
use crate::runtime::Session;
use crate::tensor::Tensor;
use body::{Body, Given, Notation};
use call::Freezer;
use std::collections::{BTreeMap, HashMap};

/// A variable: what tells it from others in a session.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Variable {
    by_ref: bool,
    container: String,
    name: String,
}

/// Where a handle or reference of a variable comes from, as a body sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Origin {
    /// An argument of the function.
    Arg(usize),
    Variable(Variable),
}

impl Origin {
    fn text(&self) -> String {
        match self {
            Origin::Arg(i) => format!("the variable that is argument {i}"),
            Origin::Variable(v) => format!("the variable '{}'", v.name),
        }
    }
}

/// The part of a graph that the outputs need, with the values that the variables have in the session as constants.
///
/// `graph` is the definition that the session's graph was imported from (or exported to); `outputs` are names of tensors
/// (`node:k`) or nodes. Variables of both kinds are replaced, also where functions of the library get them as arguments
/// or make their handles themselves; names and values of all tensors stay. What only changes variables (Assign and its
/// kind) is dropped where nothing but control edges lead to it. Functions that are no longer called leave the library.
///
/// Other state (tables, queues, random generators) stays as it is.
///
/// # Errors
/// `NotFound` for an output that is not there; `FailedPrecondition` for a variable that has no value, one that is read
/// after the graph has changed it, and for an output that is the change itself; `InvalidArgument` for a malformed graph.
///
/// ```
/// use tensorloom::prelude::*;
/// use tensorloom::train::freeze;
/// let g = Graph::new();
/// let w = g.get_variable("w", [2], init::constant(3.0));
/// let y = g.root().named("y").mul(w, 2.0f32);
/// let session = Session::new(&g)?;
/// session.run_target(g.init_op())?;
/// let frozen = freeze(&session, &g.export()?, &["y"])?;
/// assert!(frozen.node.iter().all(|n| n.op != "VariableV2"));
/// # let _ = y;
/// # Ok::<(), tensorloom::Error>(())
/// ```
pub fn freeze<S: AsRef<str>>(
    session: &Session,
    graph: &GraphDef,
    outputs: &[S],
) -> Result<GraphDef> {
    let library = graph.functions()?;
    let mut freezer = Freezer::new(Registry::builtin(), &library);
    let mut frozen = GraphDef {
        node: Vec::new(),
        ..graph.clone()
    };
    let nodes = needed(graph, outputs)?;
    let given = Given {
        nodes: &nodes,
        args: Vec::new(),
        roots: outputs.iter().map(AsRef::as_ref).collect(),
        notation: Notation::Graph,
    };
    frozen.node = Body::new(&mut freezer, &given)?.freeze(&mut freezer)?.nodes;
    let (mut functions, variables) = freezer.finish(&frozen.node);
    let values = values(session, graph, &variables)?;
    let nodes = functions.functions.iter_mut().flat_map(|f| &mut f.node);
    for n in nodes.chain(&mut frozen.node) {
        fill(n, &values);
    }
    frozen.set_library(&functions)?;
    Ok(frozen)
}

/// The nodes that the outputs need, in their order.
fn needed<S: AsRef<str>>(graph: &GraphDef, outputs: &[S]) -> Result<Vec<NodeDef>> {
    let node = |text| {
        InputRef::parse(text).map(|r| match r {
            InputRef::Data(node, _) | InputRef::Control(node) => node,
        })
    };
    let numbers = graph.node.iter().enumerate();
    let index: HashMap<&str, usize> = numbers.map(|(i, n)| (n.name.as_str(), i)).collect();
    let mut stack = Vec::new();
    for output in outputs.iter().map(AsRef::as_ref) {
        stack.push(*index.get(node(output)?).ok_or_else(|| {
            Error::not_found(format!(
                "The name '{output}' refers to a node which does not exist in the graph."
            ))
        })?);
    }
    if stack.is_empty() {
        return Err(Error::invalid_argument("there is no output to freeze for"));
    }
    let mut found = vec![false; graph.node.len()];
    while let Some(i) = stack.pop() {
        if !std::mem::replace(&mut found[i], true) {
            let n = &graph.node[i];
            // What leads nowhere is found when the edges are followed.
            let inputs = n.input.iter().filter_map(|t| index.get(node(t).ok()?));
            stack.extend(inputs);
        }
    }
    let needed = graph.node.iter().zip(found).filter(|(_, f)| *f);
    Ok(needed.map(|(n, _)| n.clone()).collect())
}

/// What stands for a variable's value until it is known: no attribute of a file has a zero in its name.
fn stand_in(v: &Variable) -> String {
    format!("\0{}\0{}\0{}", v.by_ref, v.container, v.name)
}

/// The values of the variables in the session, by what stands for them.
fn values(
    session: &Session,
    def: &GraphDef,
    variables: &BTreeMap<Variable, NodeDef>,
) -> Result<HashMap<String, Tensor>> {
    let graph = session.graph();
    let named = def.node.iter().map(|n| (n.name.as_str(), n));
    let here: HashMap<&str, &NodeDef> = named.collect();
    let mut fetches = Vec::new();
    for (v, n) in variables {
        let at = |e: Error| e.at_node(&n.name, &n.op);
        // A function's node may have the name of another one of the graph.
        let same = here.get(n.name.as_str()).is_some_and(|m| *m == n);
        let in_graph = same.then(|| graph.find(&n.name));
        let output = match in_graph {
            Some(None) => {
                let what = "the session's graph is another one: it does not have the variable";
                return Err(at(Error::invalid_argument(what)));
            }
            Some(Some(node)) if v.by_ref => node.output(0),
            Some(Some(node)) => read(graph, n, Some(node.output(0))),
            None => read(graph, n, None),
        };
        fetches.push(output.endpoint());
    }
    graph.check()?;
    let values = match fetches.is_empty() {
        true => Vec::new(),
        false => session.run((), fetches, ())?,
    };
    Ok(variables.keys().map(stand_in).zip(values).collect())
}

/// What reads a variable that is a resource; one that only functions know gets a handle here.
fn read<'g>(graph: &'g Graph, n: &NodeDef, handle: Option<Output<'g>>) -> Output<'g> {
    let s = graph.scope("freeze");
    let handle = handle.unwrap_or_else(|| {
        let wanted = ["dtype", "shape", "shared_name", "container"];
        let known = wanted.iter().filter_map(|a| Some((*a, n.attr.get(*a)?)));
        let op = known.fold(s.op("VarHandleOp"), |op, (a, v)| op.attr(a, v.clone()));
        op.out()
    });
    let mut op = s.op("ReadVariableOp").input(handle);
    if let Some(dtype) = n.attr.get("dtype") {
        op = op.attr("dtype", dtype.clone());
    }
    op.out()
}

fn fill(n: &mut NodeDef, values: &HashMap<String, Tensor>) {
    let value = match n.attr.get("value") {
        Some(AttrValue::Placeholder(p)) if n.op == "Const" => values.get(p),
        _ => None,
    };
    if let Some(t) = value {
        n.attr.insert("value".into(), AttrValue::Tensor(t.clone()));
    }
}
