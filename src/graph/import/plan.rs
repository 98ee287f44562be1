//! The order of an import: inputs first, cycles only where loops close.

use super::{Mapped, is_valid_node_name};
use crate::def::{GraphDef, InputRef, NodeDef};
use crate::error::{Error, Result};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// Which node is where, and an order in which inputs come first.
pub(super) struct Plan<'d> {
    pub(super) index: HashMap<&'d str, usize>,
    pub(super) order: Vec<usize>,
}

/// Where an input comes from: a node of the definition, or something mapped.
pub(super) enum Target {
    Inside(usize),
    Mapped,
}

impl<'d> Plan<'d> {
    /// Checks names and inputs.
    pub(super) fn new(def: &'d GraphDef, mapped: &Mapped) -> Result<Plan<'d>> {
        let mut index = HashMap::with_capacity(def.node.len());
        for (i, n) in def.node.iter().enumerate() {
            check_node(n).map_err(|e| e.at_node(&n.name, &n.op))?;
            if index.insert(n.name.as_str(), i).is_some() {
                let e = Error::invalid_argument(format!("Node '{}' is not unique", n.name));
                return Err(e.at_node(&n.name, &n.op));
            }
        }
        let mut plan = Plan {
            index,
            order: Vec::with_capacity(def.node.len()),
        };
        plan.sort(def, mapped)?;
        Ok(plan)
    }

    fn sort(&mut self, def: &GraphDef, mapped: &Mapped) -> Result<()> {
        let count = def.node.len();
        let mut pending = vec![0usize; count];
        let mut users: Vec<Vec<usize>> = vec![Vec::new(); count];
        for (i, n) in def.node.iter().enumerate() {
            let at = |e: Error| e.at_node(&n.name, &n.op);
            let mut controls = false;
            for text in &n.input {
                let input = InputRef::parse(text).map_err(at)?;
                let is_control = matches!(input, InputRef::Control(_));
                if controls && !is_control {
                    return Err(at(Error::invalid_argument(format!(
                        "Node '{}': Control dependencies must come after regular dependencies",
                        n.name
                    ))));
                }
                controls |= is_control;
                match self.target(input, mapped) {
                    Some(Target::Inside(from)) if !is_back_edge(&def.node[from], n) => {
                        pending[i] += 1;
                        users[from].push(i);
                    }
                    Some(_) => {}
                    None => {
                        return Err(at(Error::invalid_argument(format!(
                            "Node '{}': Unknown input node '{text}'",
                            n.name
                        ))));
                    }
                }
            }
        }
        // Among the nodes that are ready the first in the file comes first, so that a sorted file keeps its order.
        let mut ready: BinaryHeap<Reverse<usize>> = (0..count)
            .filter(|i| pending[*i] == 0)
            .map(Reverse)
            .collect();
        while let Some(Reverse(i)) = ready.pop() {
            self.order.push(i);
            for &u in &users[i] {
                pending[u] -= 1;
                if pending[u] == 0 {
                    ready.push(Reverse(u));
                }
            }
        }
        let stuck: Vec<usize> = (0..count).filter(|i| pending[*i] > 0).collect();
        match stuck.first() {
            None => Ok(()),
            Some(first) => {
                let n = &def.node[*first];
                let e = Error::invalid_argument(format!("{} nodes in a cycle", stuck.len()));
                Err(e.at_node(&n.name, &n.op))
            }
        }
    }

    fn target(&self, input: InputRef<'_>, mapped: &Mapped) -> Option<Target> {
        let (is_mapped, node) = match input {
            InputRef::Data(node, port) => (mapped.data(node, port).is_some(), node),
            InputRef::Control(node) => (mapped.control(node).is_some(), node),
        };
        match is_mapped {
            true => Some(Target::Mapped),
            false => self.index.get(node).copied().map(Target::Inside),
        }
    }
}

fn check_node(n: &NodeDef) -> Result<()> {
    if !(is_valid_node_name(&n.name) || n.name.starts_with('_')) {
        return Err(Error::invalid_argument(format!(
            "Node '{}': Node name contains invalid characters",
            n.name
        )));
    }
    match n.op.is_empty() {
        false => Ok(()),
        true => Err(Error::invalid_argument(format!(
            "Node '{}' does not specify an operation",
            n.name
        ))),
    }
}

fn is_back_edge(from: &NodeDef, to: &NodeDef) -> bool {
    matches!(from.op.as_str(), "NextIteration" | "RefNextIteration")
        && matches!(to.op.as_str(), "Merge" | "RefMerge")
}
