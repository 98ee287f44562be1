//! The nodes of a graph or function, and where variables go in it.

use super::call::{Freezer, Specialized, call_of};
use super::{Origin, Variable};
use crate::def::{AttrValue, InputRef, NodeDef};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::{Attrs, OpLookup, check_attrs, signature};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// How inputs are written.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Notation {
    /// `node:k`.
    Graph,
    /// `argument` or `node:output:k`.
    Function,
}

/// What is to be frozen.
pub(super) struct Given<'b> {
    pub(super) nodes: &'b [NodeDef],
    /// The arguments; those that are variables have the type of the value.
    pub(super) args: Vec<(&'b str, Option<DType>)>,
    /// What is wanted, written as inputs.
    pub(super) roots: Vec<&'b str>,
    pub(super) notation: Notation,
}

/// A tensor that is the handle of a variable or a reference to one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Carrier {
    pub(super) origin: Origin,
    /// The type of the variable's value.
    pub(super) dtype: DType,
    pub(super) by_ref: bool,
}

/// Where an input comes from: a node or (beyond the nodes) an argument; `None` is a control edge.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Source {
    pub(super) from: usize,
    pub(super) port: Option<usize>,
}

/// What a node does to variables.
#[derive(Default)]
struct Effects {
    reads: HashSet<Origin>,
    writes: HashSet<Origin>,
    /// It does nothing but that to variables, and has no place in a frozen graph.
    dropped: bool,
}

/// What is left of a node when nothing that only changes variables runs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Keep {
    Nothing,
    /// It runs, but nobody reads what it gives.
    Run,
    Value,
}

/// A body with its edges, and the variables that flow along them.
pub(super) struct Body<'b> {
    pub(super) given: &'b Given<'b>,
    pub(super) index: HashMap<&'b str, usize>,
    pub(super) inputs: Vec<Vec<Source>>,
    pub(super) roots: Vec<Source>,
    pub(super) carriers: HashMap<(usize, usize), Carrier>,
    /// The functions that calls become, by node.
    pub(super) calls: HashMap<usize, Vec<Rc<Specialized>>>,
    effects: Vec<Effects>,
}

/// The op that passes on what it gets by reference or handle, as the one that passes on values.
pub(super) fn passes_on(op: &str, by_ref: bool) -> Option<&'static str> {
    let plain = match op.strip_prefix("Ref") {
        Some(plain) => plain,
        None if by_ref => return None,
        None => op,
    };
    [
        "Identity",
        "Enter",
        "Exit",
        "NextIteration",
        "Switch",
        "Merge",
    ]
    .into_iter()
    .find(|p| *p == plain)
}

/// Ops that read a variable by its handle.
const READERS: [&str; 3] = ["ReadVariableOp", "ResourceGather", "ResourceGatherNd"];
/// Ops that ask something of a variable that its value does not decide.
const ASKERS: [&str; 3] = [
    "VariableShape",
    "VarIsInitializedOp",
    "IsVariableInitialized",
];
/// The op that makes reads copy no more, and changes no value.
const UNSHARER: &str = "DisableCopyOnRead";

impl<'b> Body<'b> {
    /// # Errors
    /// `InvalidArgument` for edges that lead nowhere; what the functions that are called give.
    pub(super) fn new(freezer: &mut Freezer<'_>, given: &'b Given<'b>) -> Result<Body<'b>> {
        let numbers = given.nodes.iter().enumerate();
        let mut index: HashMap<&str, usize> = numbers.map(|(i, n)| (n.name.as_str(), i)).collect();
        let args = given.args.iter().enumerate();
        index.extend(args.map(|(i, (name, _))| (*name, given.nodes.len() + i)));
        let mut body = Body {
            given,
            index,
            inputs: Vec::new(),
            roots: Vec::new(),
            carriers: HashMap::new(),
            calls: HashMap::new(),
            effects: Vec::new(),
        };
        for n in given.nodes {
            let sources = n.input.iter().map(|i| body.source(freezer, i));
            let sources = sources.collect::<Result<Vec<_>>>();
            let sources = sources.map_err(|e| e.at_node(&n.name, &n.op))?;
            body.inputs.push(sources);
        }
        body.roots = given
            .roots
            .iter()
            .map(|r| body.source(freezer, r))
            .collect::<Result<_>>()?;
        for (i, (_, dtype)) in given.args.iter().enumerate() {
            if let Some(dtype) = *dtype {
                let carrier = Carrier {
                    origin: Origin::Arg(i),
                    dtype,
                    by_ref: false,
                };
                body.carriers.insert((given.nodes.len() + i, 0), carrier);
            }
        }
        body.carry(freezer)?;
        for (i, n) in given.nodes.iter().enumerate() {
            let effects = body.effects_of(freezer, i, n);
            body.effects.push(effects);
        }
        Ok(body)
    }

    /// The node that an input names, and which of its outputs.
    fn source(&self, freezer: &Freezer<'_>, text: &str) -> Result<Source> {
        let unknown = || Error::invalid_argument(format!("Unknown input node '{text}'"));
        let find = |name: &str| self.index.get(name).copied().ok_or_else(unknown);
        if self.given.notation == Notation::Graph || text.starts_with('^') {
            return Ok(match InputRef::parse(text)? {
                InputRef::Data(name, port) => Source {
                    from: find(name)?,
                    port: Some(port),
                },
                InputRef::Control(name) => Source {
                    from: find(name)?,
                    port: None,
                },
            });
        }
        let mut parts = text.split(':');
        let from = find(parts.next().unwrap_or_default())?;
        let (output, place) = (parts.next().unwrap_or_default(), parts.next());
        let place = place.map_or(Ok(0), str::parse::<usize>);
        let place = place.map_err(|_| unknown())?;
        let first = match (self.given.nodes.get(from), output) {
            (Some(_), "output_true" | "value_index") => 1,
            (Some(n), _) => freezer.first_output(&n.op, output),
            (None, _) => 0,
        };
        Ok(Source {
            from,
            port: Some(first.saturating_add(place)),
        })
    }

    /// What variables a node gets, one entry for each data input.
    pub(super) fn carried(&self, i: usize) -> Vec<Option<&Carrier>> {
        let data = self.inputs[i]
            .iter()
            .filter_map(|s| Some((s.from, s.port?)));
        data.map(|key| self.carriers.get(&key)).collect()
    }

    /// Follows variables from node to node.
    fn carry(&mut self, freezer: &mut Freezer<'_>) -> Result<()> {
        let order = self.order();
        loop {
            let mut changed = false;
            for &i in &order {
                let n = &self.given.nodes[i];
                let outputs = self
                    .outputs(freezer, i, n)
                    .map_err(|e| e.at_node(&n.name, &n.op))?;
                for (port, carrier) in outputs {
                    match self.carriers.get(&(i, port)) {
                        None => {
                            self.carriers.insert((i, port), carrier);
                            changed = true;
                        }
                        Some(c) if c.dtype == carrier.dtype => {}
                        Some(_) => {
                            let e = Error::failed_precondition(
                                "variables of several types come together here",
                            );
                            return Err(e.at_node(&n.name, &n.op));
                        }
                    }
                }
            }
            // Only loops make that an earlier node gets something from a later one.
            if !changed {
                return Ok(());
            }
        }
    }

    /// An order in which inputs come first, but for the edges that close loops.
    fn order(&self) -> Vec<usize> {
        let count = self.given.nodes.len();
        let mut order = Vec::with_capacity(count);
        // 0 new, 1 on the way, 2 done; the stack holds nodes and how many inputs were followed.
        let mut state = vec![0u8; count];
        for start in 0..count {
            let mut stack = vec![(start, 0)];
            while let Some((i, next)) = stack.last_mut() {
                if *next == 0 && state[*i] != 0 {
                    stack.pop();
                    continue;
                }
                state[*i] = state[*i].max(1);
                let source = self.inputs[*i].get(*next).copied();
                *next += 1;
                match source {
                    Some(s) if s.from < count && state[s.from] == 0 => stack.push((s.from, 0)),
                    Some(_) => {}
                    None => {
                        state[*i] = 2;
                        order.push(*i);
                        stack.pop();
                    }
                }
            }
        }
        order
    }

    /// The outputs of a node that are handles or references.
    fn outputs(
        &mut self,
        freezer: &mut Freezer<'_>,
        i: usize,
        n: &NodeDef,
    ) -> Result<Vec<(usize, Carrier)>> {
        if let Some(v) = self.variable(n)? {
            let dtype = match n.attr.get("dtype") {
                Some(AttrValue::Type(d)) => *d,
                _ => return Err(Error::invalid_argument("the variable has no attr 'dtype'")),
            };
            let by_ref = v.by_ref;
            return Ok(vec![(
                0,
                Carrier {
                    origin: Origin::Variable(v),
                    dtype,
                    by_ref,
                },
            )]);
        }
        let carried: Vec<Option<Carrier>> =
            self.carried(i).into_iter().map(|c| c.cloned()).collect();
        if let Some(call) = call_of(freezer, n) {
            let made = freezer.specialize_all(&call, &carried)?;
            let outputs = call.outputs(&made, &carried)?;
            self.calls.insert(i, made);
            return Ok(outputs);
        }
        let mut found = Vec::new();
        for (k, c) in carried.into_iter().enumerate() {
            let Some(c) = c else { continue };
            match passes_on(&n.op, c.by_ref) {
                Some("Switch") if k == 0 => {
                    found.push((0, c.clone()));
                    found.push((1, c));
                }
                Some("Switch") => {}
                Some("Merge") => found.push((0, c)),
                Some(_) if k == 0 => found.push((0, c)),
                _ if n.op == "IdentityN" && !c.by_ref => found.push((k, c)),
                _ => {}
            }
        }
        Ok(found)
    }

    /// The variable that a node is.
    pub(super) fn variable(&self, n: &NodeDef) -> Result<Option<Variable>> {
        let by_ref = match n.op.as_str() {
            "VarHandleOp" => false,
            "Variable" | "VariableV2" => true,
            _ => return Ok(None),
        };
        let text = |attr: &str| match n.attr.get(attr) {
            Some(AttrValue::Bytes(b)) => String::from_utf8_lossy(b).into_owned(),
            _ => String::new(),
        };
        let shared = text("shared_name");
        if self.given.notation == Notation::Function && (by_ref || shared.is_empty()) {
            return Err(Error::failed_precondition(
                "a function makes a variable of its own, whose value nobody outside knows",
            ));
        }
        Ok(Some(Variable {
            by_ref,
            container: text("container"),
            name: if shared.is_empty() {
                n.name.clone()
            } else {
                shared
            },
        }))
    }

    fn effects_of(&self, freezer: &Freezer<'_>, i: usize, n: &NodeDef) -> Effects {
        let mut effects = Effects::default();
        let carried = self.carried(i);
        if let Some(made) = self.calls.get(&i) {
            let offset = call_of(freezer, n).map_or(0, |c| c.first_arg);
            for one in made {
                let here = |o: &Origin| match o {
                    Origin::Arg(k) => {
                        let c = carried.get(offset + k).copied().flatten();
                        c.map(|c| c.origin.clone())
                    }
                    v => Some(v.clone()),
                };
                effects.reads.extend(one.reads.iter().filter_map(here));
                effects.writes.extend(one.writes.iter().filter_map(here));
            }
            return effects;
        }
        if carried.iter().all(Option::is_none) {
            return effects;
        }
        let refs = ref_inputs(freezer, n);
        for (k, c) in carried.into_iter().enumerate() {
            let Some(c) = c else { continue };
            let as_value = c.by_ref && !refs.get(k).copied().unwrap_or(false);
            if n.op == UNSHARER {
                effects.dropped = true;
            } else if as_value || READERS.contains(&n.op.as_str()) {
                effects.reads.insert(c.origin.clone());
            } else if passes_on(&n.op, c.by_ref).is_none()
                && n.op != "IdentityN"
                && !ASKERS.contains(&n.op.as_str())
            {
                effects.writes.insert(c.origin.clone());
                effects.dropped = true;
            }
        }
        effects
    }

    /// Whether a node only changes variables.
    pub(super) fn dropped(&self, i: usize) -> bool {
        self.effects.get(i).is_some_and(|e| e.dropped)
    }

    /// The variables whose values the kept nodes read, and those that the needed nodes change.
    ///
    /// # Errors
    /// `FailedPrecondition` when one may be read after it was changed: its value is no constant then.
    pub(super) fn effects(&self, kept: &[Keep]) -> Result<(HashSet<Origin>, HashSet<Origin>)> {
        let count = self.given.nodes.len();
        let needed = self.needed();
        let (mut reads, mut writes) = (HashSet::new(), HashSet::new());
        let mut users: Vec<Vec<usize>> = vec![Vec::new(); count];
        for (i, sources) in self.inputs.iter().enumerate().filter(|(i, _)| needed[*i]) {
            for s in sources.iter().filter(|s| s.from < count) {
                users[s.from].push(i);
            }
            if kept[i] == Keep::Value {
                reads.extend(self.effects[i].reads.iter().cloned());
            }
            writes.extend(self.effects[i].writes.iter().cloned());
        }
        for (i, n) in self
            .given
            .nodes
            .iter()
            .enumerate()
            .filter(|(i, _)| needed[*i])
        {
            let written = &self.effects[i].writes;
            if written.is_disjoint(&reads) {
                continue;
            }
            let looping = matches!(n.op.as_str(), "While" | "StatelessWhile");
            let mut seen = vec![false; count];
            let mut stack = if looping { vec![i] } else { users[i].clone() };
            while let Some(k) = stack.pop() {
                if std::mem::replace(&mut seen[k], true) {
                    continue;
                }
                let mut read = self.effects[k].reads.iter();
                if kept[k] == Keep::Value
                    && let Some(o) = read.find(|o| written.contains(*o))
                {
                    let e = Error::failed_precondition(format!(
                        "{} is read after '{}' ({}) has changed it: it is no constant",
                        o.text(),
                        n.name,
                        n.op
                    ));
                    let reader = &self.given.nodes[k];
                    return Err(e.at_node(&reader.name, &reader.op));
                }
                stack.extend(&users[k]);
            }
        }
        Ok((reads, writes))
    }

    /// Which nodes the roots need.
    fn needed(&self) -> Vec<bool> {
        let mut needed = vec![false; self.given.nodes.len()];
        let mut stack: Vec<usize> = self.roots.iter().map(|s| s.from).collect();
        while let Some(i) = stack.pop() {
            if i < needed.len() && !std::mem::replace(&mut needed[i], true) {
                stack.extend(self.inputs[i].iter().map(|s| s.from));
            }
        }
        needed
    }
}

/// Which data inputs a node takes by reference; of an op that is not known, none.
fn ref_inputs(freezer: &Freezer<'_>, n: &NodeDef) -> Vec<bool> {
    let types = freezer.registry.schema(&n.op).and_then(|schema| {
        let mut attrs = Attrs(n.attr.clone());
        check_attrs(schema, &mut attrs).ok()?;
        signature(schema, &attrs).ok()
    });
    types.map_or(Vec::new(), |t| t.inputs.iter().map(|t| t.is_ref).collect())
}
