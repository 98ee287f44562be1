//! A call of functions replaced, within its graph, by the nodes of what it calls: so gradients flow through it.
//!
//! A branch becomes Switch and Merge and a loop Enter and Exit, as the builder makes them. The node itself stays and passes
//! the results on, after everything that the functions do for its effects.

use crate::def::{AttrValue, NodeDef};
use crate::dtype::DType;
use crate::error::{Code, Error, Result};
use crate::graph::{Function, Node, NodeRef, Output, Scope};
use crate::ops::control::WhileOptions;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Inlines one call.
///
/// # Errors
/// `NotFound` for an unknown function; `InvalidArgument` for one that does not fit its call; `Unimplemented` for a function
/// with a loop of Enter and Exit in it. What is wrong with a node of the body is kept by the graph.
pub(super) fn inline(call: NodeRef<'_>) -> Result<()> {
    let node = call.node();
    let node = node.ok_or_else(|| Error::internal("a call of no node"))?;
    let scope = scope_of(call, &node);
    let args: Vec<Output<'_>> = (0..node.inputs.len())
        .map(|i| call.input(i).in_scope(scope))
        .collect();
    let done = match node.op.name.as_str() {
        "If" | "StatelessIf" => if_op(scope, &node, &args)?,
        "Case" | "StatelessCase" => case(scope, &node, &args)?,
        "While" | "StatelessWhile" => while_op(scope, &node, &args)?,
        "PartitionedCall" | "StatefulPartitionedCall" => {
            let (name, attrs) = function_of(node.attrs.get("f")?)?;
            plain(scope, name, attrs, &args)?
        }
        name => plain(scope, name, &node.attrs.0, &args)?,
    };
    scope.graph().check()?;
    let mut controls = node.controls.clone();
    controls.extend(done.effects.iter().map(|n| n.id()));
    let op = match done.results.len() {
        0 => "NoOp",
        1 => "Identity",
        _ => "IdentityN",
    };
    scope
        .graph()
        .replace_op(node.id, op, &done.results, &controls)
}

/// Where the nodes of a call are made: they are named under it, and run after what it waits for, in the same loop or branch
/// and on the same device.
fn scope_of<'g>(call: NodeRef<'g>, node: &Node) -> Scope<'g> {
    let root = call.graph().root();
    root.scope(&format!("{}/", node.name)).derive(|d| {
        d.device.clone_from(&node.device);
        d.controls.clone_from(&node.controls);
        d.context = node.context;
    })
}

/// What a call became.
struct Done<'g> {
    results: Vec<Output<'g>>,
    /// What must have run before the call is over.
    effects: Vec<NodeRef<'g>>,
}

impl<'g> Done<'g> {
    /// The results, none of which is there before the effects.
    fn results_after_effects(self, scope: Scope<'g>) -> Vec<Output<'g>> {
        match self.effects.is_empty() {
            true => self.results,
            false => {
                let after = |o| scope.with_dependencies(self.effects.iter().copied(), o);
                self.results.into_iter().map(after).collect()
            }
        }
    }
}

fn function_of(f: &AttrValue) -> Result<(&str, &BTreeMap<String, AttrValue>)> {
    match f {
        AttrValue::Func(name, attrs) => Ok((name, attrs)),
        _ => Err(Error::invalid_argument("the attribute names no function")),
    }
}

fn plain<'g>(
    scope: Scope<'g>,
    name: &str,
    attrs: &BTreeMap<String, AttrValue>,
    args: &[Output<'g>],
) -> Result<Done<'g>> {
    let graph = scope.graph();
    let function = graph.function(name);
    let function = function.ok_or_else(|| unknown(name))?;
    body(scope, &function, attrs, args)
}

fn unknown(function: &str) -> Error {
    Error::not_found(format!("Function {function} is not defined."))
}

/// Makes the nodes of a body.
fn body<'g>(
    scope: Scope<'g>,
    function: &Function,
    attrs: &BTreeMap<String, AttrValue>,
    args: &[Output<'g>],
) -> Result<Done<'g>> {
    let graph = scope.graph();
    let parts = graph.function_body(function, attrs)?;
    let given = args.iter().map(|a| a.dtype());
    if !given.eq(parts.args.iter().map(|(_, t)| *t)) {
        return Err(Error::invalid_argument(format!(
            "the arguments do not fit the function '{}'",
            function.def.name()
        )));
    }
    let mut made = Made {
        scope,
        args: HashMap::new(),
        nodes: HashMap::new(),
        names: parts.nodes.iter().map(|n| n.name.as_str()).collect(),
    };
    for ((name, _), arg) in parts.args.iter().zip(args) {
        made.args.insert(name, *arg);
    }
    let mut effects = Vec::new();
    for def in inputs_first(&parts.nodes)? {
        let node = made.add(def).map_err(|e| e.at_node(&def.name, &def.op))?;
        let schema = graph.schema(&def.op);
        let has_effect = schema.is_some_and(|s| s.flags.stateful)
            && !matches!(def.op.as_str(), "_Arg" | "VarHandleOp" | "Placeholder");
        if has_effect || parts.controls.contains(&def.name) {
            effects.push(node);
        }
    }
    let mut results = Vec::new();
    for (name, ty) in &parts.rets {
        let found = made.tensor(name)?;
        if found.is_valid() && found.dtype() != *ty {
            return Err(Error::invalid_argument(format!(
                "a result declared as {ty} has type {}",
                found.dtype()
            )));
        }
        results.push(found);
    }
    Ok(Done { results, effects })
}

/// The nodes of a body made so far, by their names in it.
struct Made<'g, 'a> {
    scope: Scope<'g>,
    args: HashMap<&'a str, Output<'g>>,
    nodes: HashMap<&'a str, NodeRef<'g>>,
    /// The names of all nodes.
    names: HashSet<&'a str>,
}

impl<'g, 'a> Made<'g, 'a> {
    fn tensor(&self, text: &str) -> Result<Output<'g>> {
        let (node, port) = text.split_once(':').unwrap_or((text, "0"));
        if let Some(arg) = self.args.get(node) {
            return Ok(*arg);
        }
        let found = self.nodes.get(node).zip(port.parse().ok());
        let (node, port): (&NodeRef<'g>, usize) =
            found.ok_or_else(|| Error::invalid_argument(format!("Unknown input '{text}'")))?;
        Ok(node.output(port).in_scope(self.scope))
    }

    /// An attribute; colocation groups go by the names that the body's nodes have now.
    fn renamed(&self, name: &str, value: &AttrValue) -> AttrValue {
        let AttrValue::BytesList(groups) = value else {
            return value.clone();
        };
        if name != "_class" {
            return value.clone();
        }
        let rename = |g: &Vec<u8>| {
            let name = g.strip_prefix(b"loc:@").map(String::from_utf8_lossy);
            match name.filter(|n| self.names.contains(&**n)) {
                Some(name) => format!("loc:@{}/{name}", self.scope.name()).into_bytes(),
                None => g.clone(),
            }
        };
        AttrValue::BytesList(groups.iter().map(rename).collect())
    }

    fn add(&mut self, def: &'a NodeDef) -> Result<NodeRef<'g>> {
        let graph = self.scope.graph();
        let schema = graph.schema(&def.op);
        let schema = schema
            .ok_or_else(|| Error::not_found(format!("Op type not registered '{}'.", def.op)))?;
        let at = match def.device.is_empty() {
            true => self.scope,
            false => self.scope.device(&def.device),
        };
        let mut builder = at.op(def.op.clone()).name(def.name.clone());
        let mut inputs = Vec::new();
        for text in &def.input {
            match text.strip_prefix('^') {
                None => inputs.push(self.tensor(text)?),
                // An argument is there anyway.
                Some(node) => {
                    if let Some(before) = self.nodes.get(node) {
                        builder = builder.after(*before);
                    }
                }
            }
        }
        let mut attrs = crate::op::Attrs(def.attr.clone());
        crate::op::check_attrs(&schema, &mut attrs)?;
        let mut rest = inputs.into_iter();
        for a in &schema.inputs {
            let count = a.length(&attrs)?;
            builder = builder.list(rest.by_ref().take(count));
        }
        for (name, value) in &def.attr {
            builder = builder.attr(name, self.renamed(name, value));
        }
        let node = builder.finish();
        self.nodes.insert(&def.name, node);
        Ok(node)
    }
}

/// The nodes of a body in an order in which inputs come first.
fn inputs_first(nodes: &[NodeDef]) -> Result<Vec<&NodeDef>> {
    let places: HashMap<&str, usize> = nodes
        .iter()
        .enumerate()
        .map(|(i, n)| (n.name.as_str(), i))
        .collect();
    let before = |n: &NodeDef| -> Vec<usize> {
        let name = |t: &String| {
            let name = t.trim_start_matches('^');
            let name = name.split(':').next().unwrap_or(name);
            places.get(name).copied()
        };
        n.input.iter().filter_map(name).collect()
    };
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut pending = vec![0usize; nodes.len()];
    for (i, n) in nodes.iter().enumerate() {
        for from in before(n) {
            users[from].push(i);
            pending[i] += 1;
        }
    }
    let mut ready: std::collections::VecDeque<usize> =
        (0..nodes.len()).filter(|i| pending[*i] == 0).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(i) = ready.pop_front() {
        order.push(&nodes[i]);
        for &u in &users[i] {
            pending[u] -= 1;
            if pending[u] == 0 {
                ready.push_back(u);
            }
        }
    }
    match order.len() == nodes.len() {
        true => Ok(order),
        false => Err(Error::new(
            Code::Unimplemented,
            "gradients do not flow through a function with a loop of Enter and Exit in it",
        )),
    }
}

/// A truth value of what is not one.
fn truth<'g>(scope: Scope<'g>, x: Output<'g>) -> Output<'g> {
    let is_bool = x.dtype() == DType::Bool && x.shape().rank() == Some(0);
    match is_bool {
        true => x,
        false => scope.op("ToBool").input(x).out(),
    }
}

/// One of two bodies; a branch without results ends with a node that runs after its effects.
fn either<'g>(
    scope: Scope<'g>,
    predicate: Output<'g>,
    results: usize,
    on_true: impl FnOnce(Scope<'g>) -> Result<Done<'g>>,
    on_false: impl FnOnce(Scope<'g>) -> Result<Done<'g>>,
) -> Result<Done<'g>> {
    let error = RefCell::new(None);
    let ran = |s: Scope<'g>, outcome: Result<Done<'g>>| {
        let failed = |e| {
            error.borrow_mut().get_or_insert(e);
            vec![Output::broken(s); results]
        };
        outcome.map_or_else(failed, |done| done.results_after_effects(s))
    };
    let done = match results {
        0 => {
            let end = |s: Scope<'g>, outcome: Result<Done<'g>>| {
                let failed = |e| {
                    error.borrow_mut().get_or_insert(e);
                    NodeRef::broken(s)
                };
                outcome.map_or_else(failed, |done| s.group(done.effects))
            };
            let node = scope.cond(predicate, |s| end(s, on_true(s)), |s| end(s, on_false(s)));
            Done {
                results: Vec::new(),
                effects: vec![node],
            }
        }
        _ => Done {
            results: scope.cond(predicate, |s| ran(s, on_true(s)), |s| ran(s, on_false(s))),
            effects: Vec::new(),
        },
    };
    match error.into_inner() {
        Some(e) => Err(e),
        None => Ok(done),
    }
}

fn if_op<'g>(scope: Scope<'g>, node: &Arc<Node>, args: &[Output<'g>]) -> Result<Done<'g>> {
    let Some((predicate, args)) = args.split_first() else {
        return Err(Error::invalid_argument("If without a condition"));
    };
    let branch = |name: &str, s: Scope<'g>| {
        let (name, attrs) = function_of(node.attrs.get(name)?)?;
        plain(s, name, attrs, args)
    };
    either(
        scope,
        truth(scope, *predicate),
        node.outputs.len(),
        |s| branch("then_branch", s),
        |s| branch("else_branch", s),
    )
}

fn case<'g>(scope: Scope<'g>, node: &Arc<Node>, args: &[Output<'g>]) -> Result<Done<'g>> {
    let (Some((index, args)), AttrValue::FuncList(branches)) =
        (args.split_first(), node.attrs.get("branches")?)
    else {
        return Err(Error::invalid_argument("Case without branches"));
    };
    from_branch(scope, *index, 0, branches, args, node.outputs.len())
}

/// The branch of that number if the index says so, else one of those behind it; the last one for any other index.
fn from_branch<'g>(
    scope: Scope<'g>,
    index: Output<'g>,
    number: i32,
    branches: &[(String, BTreeMap<String, AttrValue>)],
    args: &[Output<'g>],
    results: usize,
) -> Result<Done<'g>> {
    let Some(((name, attrs), rest)) = branches.split_first() else {
        return Err(Error::invalid_argument("Case without branches"));
    };
    if rest.is_empty() {
        return plain(scope, name, attrs, args);
    }
    let chosen = scope.equal(index, number);
    either(
        scope,
        chosen,
        results,
        |s| plain(s, name, attrs, args),
        |s| from_branch(s, index.in_scope(s), number + 1, rest, args, results),
    )
}

fn while_op<'g>(scope: Scope<'g>, node: &Arc<Node>, args: &[Output<'g>]) -> Result<Done<'g>> {
    let (body, attrs) = function_of(node.attrs.get("body")?)?;
    let parts = match scope.graph().function(body) {
        Some(function) => scope.graph().function_body(&function, attrs)?,
        None => return Err(unknown(body)),
    };
    // What the body gives back as it is need not go around: the nodes inside use it from outside.
    let changes = |i: &usize| {
        let (arg, ret) = (parts.args.get(*i), parts.rets.get(*i));
        arg.is_none() || arg.map(|a| &a.0) != ret.map(|r| &r.0)
    };
    let changing: Vec<usize> = match (0..args.len()).filter(changes).collect::<Vec<_>>() {
        none if none.is_empty() => (0..args.len()).collect(),
        some => some,
    };
    let error = RefCell::new(None);
    let run = |which: &str, s: Scope<'g>, vars: &[Output<'g>], results: usize| {
        let mut all: Vec<Output<'g>> = args.iter().map(|a| a.in_scope(s)).collect();
        for (i, v) in changing.iter().zip(vars) {
            all[*i] = *v;
        }
        let function = node.attrs.get(which).and_then(function_of);
        let outcome = function.and_then(|(name, attrs)| {
            let done = plain(s, name, attrs, &all)?;
            match done.results.len() == results {
                true => Ok(done.results_after_effects(s)),
                false => Err(Error::invalid_argument(format!(
                    "{which} gives {} results, not {results}",
                    done.results.len()
                ))),
            }
        });
        outcome.unwrap_or_else(|e| {
            error.borrow_mut().get_or_insert(e);
            vec![Output::broken(s); results]
        })
    };
    let shapes = node.attrs.shapes("output_shapes")?;
    let shape = |i: &usize| shapes.get(*i).cloned().unwrap_or_default();
    let options = WhileOptions {
        parallel_iterations: node.attrs.int("parallel_iterations")?.max(1),
        shape_invariants: changing.iter().map(shape).collect(),
        ..WhileOptions::default()
    };
    let last = scope.while_loop(
        |s, vars: Vec<Output<'g>>| truth(s, run("cond", s, &vars, 1)[0]),
        |s, vars: Vec<Output<'g>>| {
            let all = run("body", s, &vars, args.len());
            changing.iter().map(|i| all[*i]).collect()
        },
        changing.iter().map(|i| args[*i]).collect(),
        &options,
    );
    if let Some(e) = error.into_inner() {
        return Err(e);
    }
    let mut results = args.to_vec();
    for (i, v) in changing.iter().zip(last) {
        results[*i] = v;
    }
    Ok(Done {
        results,
        effects: Vec::new(),
    })
}
